"""What do figures depend on besides the arguments of the code that made them? Shared by the benchmarks."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib.metadata import version
from typing import Any

import torch

PACKAGES = ("torch", "opacus", "dp-accounting", "opendp", "numpy", "pandas", "sdmetrics", "scikit-learn")


def environment() -> dict[str, Any]:
    """Return commit, Python, cores, device and versions."""
    commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False).stdout
    return {
        "commit": commit.strip(),
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
        "versions": {name: version(name) for name in PACKAGES},
    }
