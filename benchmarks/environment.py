"""The environment that figures depend on besides the arguments of their code; shared by the benchmarks."""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

PACKAGES = ("torch", "opacus", "dp-accounting", "opendp", "numpy", "pandas", "sdmetrics", "scikit-learn")


def environment() -> dict[str, Any]:
    """Return commit, Python, cores, device and versions."""
    where = {"cwd": Path(__file__).parent, "capture_output": True, "text": True}
    commit = subprocess.run(["git", "rev-parse", "HEAD"], **where, check=False).stdout
    return {
        "commit": commit.strip(),
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
        "versions": {name: version(name) for name in PACKAGES},
    }


def measured_outside(script: str, *arguments: str) -> dict[str, Any]:
    """Return the JSON that a script prints last, and what ``/usr/bin/time -v`` tells of its process."""
    load = round(os.getloadavg()[0], 1)
    command = ["/usr/bin/time", "-v", sys.executable, script, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr[-3_000:])
    told = dict(re.findall(r"\t(.+?): (.+)", done.stderr))
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures | {
        "load_before": load,
        "process_cpu_seconds": sum(float(told[f"{name} time (seconds)"]) for name in ("User", "System")),
        "peak_megabytes": int(told["Maximum resident set size (kbytes)"]) // 1_024,
    }


def kept(path: Path) -> tuple[list[dict[str, Any]], list[str]]:
    """Return the runs of a file and their commands if they are from this commit; otherwise none."""
    if not path.exists():
        return [], []
    result = json.loads(path.read_text())
    is_current = result["commit"] == environment()["commit"]
    return (result["runs"], result.get("commands", [])) if is_current else ([], [])
