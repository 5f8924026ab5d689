"""Time and figures of the README's example, from the file to the report.

python benchmarks/quickstart.py [--runs 3]
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from environment import environment

from tabgan.jobs.loading import load_jobs
from tabgan.jobs.run import run_job

ROOT = Path(__file__).parent.parent


def run(seed: int) -> dict[str, Any]:
    """Run the job into a scratch folder and return its times and figures."""
    (job,) = load_jobs(ROOT / "configs" / "quickstart.yaml")
    with tempfile.TemporaryDirectory() as scratch:
        output = replace(job.output, folder=Path(scratch) / "out")
        start = time.perf_counter()
        result = run_job(replace(job, output=output, random_state=seed))
        seconds = time.perf_counter() - start
        megabytes = {path.name: round(path.stat().st_size / 1e6, 2) for path in result.files}
    return {
        "seed": seed,
        "seconds": round(seconds, 1),
        "by_stage": {stage: round(spent, 1) for stage, spent in result.seconds.items()},
        "megabytes": megabytes,
        "headline": dict(result.headline),
    }


def main() -> None:
    """Run the job a few times and write the file."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=3)
    n_runs = parser.parse_args().runs
    runs = [run(seed) for seed in range(n_runs)]
    seconds = [each["seconds"] for each in runs]
    result = {
        "question": __doc__.splitlines()[0],
        "command": f"python benchmarks/quickstart.py --runs {n_runs}",
        **environment(),
        "seconds_median_min_max": [float(f(seconds)) for f in (np.median, np.min, np.max)],
        "runs": runs,
    }
    path = ROOT / "benchmarks" / "results" / "quickstart.json"
    path.write_text(json.dumps(result, indent=1) + "\n")
    print(path.read_text())


if __name__ == "__main__":
    main()
