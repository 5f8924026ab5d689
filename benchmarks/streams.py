"""Rate and memory of a sample in files.

    python benchmarks/streams.py --data FOLDER [--rows 10000000] [--workers 2]

FOLDER is as in ``utility.py``; its domain is declared as public. A model is fitted at epsilon 1, saved, and sampled
from by a process of its own into Parquet files. Memory is the proportional share of that process and of all
that it starts, looked at from outside five times a second.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd
from batch import megabytes
from environment import environment
from utility import public_schema

from tabgan import TabGAN

RESULTS = Path(__file__).parent / "results"


def main() -> None:
    """Fit, sample, and write the file."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    meta = json.loads((arguments.data / "meta.json").read_text())
    table = pd.read_csv(arguments.data / "train.csv")
    with tempfile.TemporaryDirectory() as scratch:
        model, folder = Path(scratch, "model.tabgan"), Path(scratch, "out")
        schema = public_schema(arguments.data, meta)
        TabGAN(epsilon=1.0, schema=schema, random_state=0).fit(table).save(model)
        load, began, peak = os.getloadavg()[0], time.perf_counter(), 0.0
        command = [sys.executable, "-m", "tabgan", "sample", str(model), "-n", str(arguments.rows)]
        process = subprocess.Popen(
            [*command, "-o", str(folder), "--workers", str(arguments.workers)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        while process.poll() is None:
            peak = max(peak, megabytes(process.pid))
            time.sleep(0.2)
        seconds, used = time.perf_counter() - began, os.times()
        size = sum(path.stat().st_size for path in folder.iterdir())
        shutil.rmtree(folder)
    result = {
        "question": __doc__.splitlines()[0],
        "command": f"python benchmarks/streams.py --data {arguments.data.name} --rows {arguments.rows} "
        f"--workers {arguments.workers}",
        **environment(),
        "load_before": round(load, 1),
        "rows": arguments.rows,
        "columns": table.shape[1],
        "workers": arguments.workers,
        "exit_code": process.returncode,
        "seconds": round(seconds, 1),
        "cpu_seconds": round(used.children_user + used.children_system, 1),
        "rows_per_second": round(arguments.rows / seconds),
        "peak_megabytes_of_all_processes": round(peak),
        "megabytes_of_files": round(size / 1e6),
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "streams.json").write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
