"""Quality of other systems' synthetic rows of the same table, with the same public domain.

    python benchmarks/peers/run.py --data FOLDER --judge evaluate.py --peer dpmm --method AIM --epsilon 1 \
        --python DPMM_VENV/bin/python [--judge-python python] [--timeout 2700]

Each peer has its own environment (``requirements-PEER.txt``), because their pins exclude one another. This script
runs in tabgan's: it lets ``PEER_peer.py`` fit and sample there, scores the rows with the judge (a separate script,
not part of this repository; see ``benchmarks/utility.py``), and adds a record to
``benchmarks/results/peers-NAME.json``.

``judge`` scores the rows as the peer returned them. Peers that do not accept decimals return floats with all their
digits, which a classifier recognises at once. If rounding to the declared decimals changes anything,
``judge_rounded`` scores the rounded rows.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from common import Domain, numeric_columns, public_domain, read

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from environment import environment  # noqa: E402

RESULTS = HERE.parent / "results"
PACKAGES = {"dpmm": "dpmm", "dpsynth": "dpsynth", "smartnoise": "smartnoise-synth", "ctgan": "ctgan"}


def run(arguments: argparse.Namespace, scratch: Path) -> dict[str, Any]:
    """Let the peer fit and sample, score its rows, and return the record."""
    domain = public_domain(arguments.data)
    (scratch / "domain.json").write_text(json.dumps(domain))
    synthetic = scratch / "synthetic.csv"
    options = {
        "data": arguments.data,
        "method": arguments.method,
        "epsilon": arguments.epsilon,
        "delta": arguments.delta,
        "seed": arguments.seed,
        "out": synthetic,
        "domain": scratch / "domain.json",
    }
    command = [str(arguments.python), str(HERE / f"{arguments.peer}_peer.py")]
    command += [text for name, value in options.items() for text in (f"--{name}", str(value))]
    printed, reason = finished(command, arguments.timeout)
    if reason:
        return {"judge": None, "reason": reason}
    figures = json.loads(printed.splitlines()[-1])
    if arguments.keep:
        shutil.copy(synthetic, arguments.keep)
    figures["judge"], figures["reason"] = judge(arguments, synthetic)
    if rounded(synthetic, domain):
        figures["judge_rounded"], _ = judge(arguments, synthetic)
    return figures


def finished(command: list[str], timeout: float | None) -> tuple[str, str | None]:
    """Return the output of a command, or the reason for none. End all its processes when time is up."""
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        printed, errors = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return "", f"did not finish in {timeout:.0f} s"
    if process.returncode < 0:
        return "", f"ended by signal {-process.returncode}"
    if process.returncode:
        return "", (errors.strip().splitlines() or ["no message"])[-1]
    return printed, None


def installed(python: Path, package: str) -> str:
    """Return the version of a package in another environment."""
    code = f"from importlib.metadata import version; print(version({package!r}))"
    return subprocess.run(
        [str(python), "-c", code], capture_output=True, text=True, check=True
    ).stdout.strip()


def judge(arguments: argparse.Namespace, synthetic: Path) -> tuple[dict[str, Any] | None, str | None]:
    """Return the judge's figures, or ``None`` and the reason."""
    command = [str(arguments.judge_python), "-W", "ignore", str(arguments.judge)]
    printed, reason = finished([*command, str(arguments.data), str(synthetic)], None)
    return (None, reason) if reason else (json.loads(printed.splitlines()[-1]), None)


def rounded(synthetic: Path, domain: Domain) -> bool:
    """Round numeric columns in the file to their declared decimals; return true if that changed anything."""
    numeric = numeric_columns(domain)
    before = read(synthetic, numeric)
    after = before.round({name: domain[name]["decimals"] for name in numeric})
    after.to_csv(synthetic, index=False)
    return not before.equals(after)


def appended(path: Path, table: str, record: dict[str, Any]) -> None:
    """Add a record to the file of a table."""
    result = (
        json.loads(path.read_text())
        if path.exists()
        else {"question": __doc__.splitlines()[0], "table": table, "runs": []}
    )
    result["runs"].append(record)
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(result, indent=1) + "\n")


def main() -> None:
    """Run one setting and add it to the file of its table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--judge", type=Path, required=True)
    parser.add_argument("--judge-python", default=sys.executable)
    parser.add_argument("--peer", choices=PACKAGES, required=True)
    parser.add_argument("--python", type=Path, required=True, help="interpreter of the peer's environment")
    parser.add_argument("--method", required=True)
    parser.add_argument("--epsilon", default="1", help="a number, or none")
    parser.add_argument("--delta", type=float, default=1e-6)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="file for the rows as the peer returned them")
    parser.add_argument("--timeout", type=float, help="seconds after which a fit is ended")
    arguments = parser.parse_args()
    name = arguments.data.name
    shown = f"--peer {arguments.peer} --method {arguments.method} --epsilon {arguments.epsilon}"
    shown += f" --delta {arguments.delta} --seed {arguments.seed}"
    shown += f" --timeout {arguments.timeout:.0f}" if arguments.timeout else ""
    record = {
        "system": arguments.peer,
        "method": arguments.method,
        "version": installed(arguments.python, PACKAGES[arguments.peer]),
        "epsilon": None if arguments.epsilon == "none" else float(arguments.epsilon),
        "delta": None if arguments.epsilon == "none" else arguments.delta,
        "seed": arguments.seed,
    }
    with tempfile.TemporaryDirectory() as scratch:
        record |= run(arguments, Path(scratch))
    record["command"] = f"python benchmarks/peers/run.py --data {name} --judge evaluate.py {shown}"
    record["command"] += f" --python {arguments.peer}/bin/python"
    record["threads"] = os.environ.get("OMP_NUM_THREADS")
    record["environment"] = environment()
    appended(RESULTS / f"peers-{name}.json", name, record)
    print(json.dumps(record))


if __name__ == "__main__":
    main()
