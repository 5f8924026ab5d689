"""Time and memory of fits to tables that are larger than the memory they may take.

    python benchmarks/large.py --data FOLDER [--rows 1000000 5000000] [--scratch FOLDER]

FOLDER is as in ``utility.py``. A model is fitted to its training rows; a sample of it is written as Parquet in parts.
Each number of rows is fitted at epsilon 1 in a process of its own, whose peak memory ``/usr/bin/time -v`` tells from
outside. Nothing is declared but the target, so that kinds, ranges and categories are all found under privacy.
``memory`` is the same fit to a frame. Processor seconds beside those of the clock show the load of other processes.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import torch
from environment import environment, measured_outside

from tabgan import Schema, TabGAN

RESULTS = Path(__file__).parent / "results"
EPSILON, DELTA = 1.0, 1e-9
ROWS_PER_FILE, ROWS_PER_PART = 1_000_000, 2**18

#: Passes over the rows within a stage, which tell of themselves.
PASSES = ("check", "bound", "count", "code")


class ParquetParts:
    """A folder of Parquet files as a table in parts."""

    is_rereadable = True

    def __init__(self, folder: Path) -> None:
        self.files = sorted(folder.glob("*.parquet"))
        schema = pq.read_schema(self.files[0]).remove_metadata()
        self.header = schema.empty_table().to_pandas()

    def __iter__(self) -> Iterator[pd.DataFrame]:
        for path in self.files:
            with pq.ParquetFile(path) as file:
                for batch in file.iter_batches(ROWS_PER_PART):
                    yield batch.replace_schema_metadata().to_pandas()


def main() -> None:
    """Run every number of rows in a process of its own, and write the file."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000_000, 5_000_000])
    parser.add_argument("--scratch", type=Path, default=Path(tempfile.gettempdir()) / "tabgan-large")
    parser.add_argument("--task", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.task:
        print(json.dumps(fit(**json.loads(arguments.task))))
        return
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / "large.json"
    runs = []
    for rows in arguments.rows:
        folder = write(arguments.data, arguments.scratch, rows)
        for source in ("parts", "memory") if rows <= 1_000_000 else ("parts",):
            runs.append(
                measured_outside(
                    __file__, "--data", ".", "--task", json.dumps({"folder": str(folder), "source": source})
                )
                | {"rows": rows, "source": source}
            )
            print(json.dumps(runs[-1]), flush=True)
            result = {
                "question": __doc__.splitlines()[0],
                "command": f"python benchmarks/large.py --data {arguments.data.name} --rows "
                + " ".join(map(str, arguments.rows)),
                "table": arguments.data.name,
                **environment(),
                "epsilon": EPSILON,
                "runs": runs,
            }
            path.write_text(json.dumps(result, indent=1) + "\n")


def write(data: Path, scratch: Path, rows: int) -> Path:
    """Return a folder with a sample of so many rows, which is written unless it is there."""
    folder = scratch / f"{data.name}-{rows}"
    target = json.loads((data / "meta.json").read_text())["target"]
    path = scratch / f"{data.name}.tabgan"
    if not path.exists():
        scratch.mkdir(parents=True, exist_ok=True)
        train = pd.read_csv(data / "train.csv")
        TabGAN(EPSILON, schema=Schema(target=target), random_state=0).fit(train).save(path)
    TabGAN.load(path).sample_to(folder, rows, rows_per_file=ROWS_PER_FILE, random_state=0)
    return folder


def fit(folder: str, source: str) -> dict[str, Any]:
    """Return the seconds of a fit, by stage."""
    parts = ParquetParts(Path(folder))
    target = str(parts.header.columns[-1])
    table: Any = parts if source == "parts" else pd.concat(list(parts), ignore_index=True)
    stages: dict[str, float] = {}
    last, start, cpu = "read", time.perf_counter(), time.process_time()
    begun = cpu

    def progress(stage: str, done: int, total: int) -> None:
        nonlocal last, begun
        del done, total
        if stage in PASSES:
            return
        now = time.process_time()
        stages[last] = stages.get(last, 0.0) + now - begun
        last, begun = stage, now

    model = TabGAN(EPSILON, DELTA, schema=Schema(target=target), random_state=0).fit(table, progress=progress)
    progress("end", 0, 0)
    return {
        "seconds": round(time.perf_counter() - start, 1),
        "cpu_seconds": round(time.process_time() - cpu, 1),
        "cpu_seconds_by_stage": {name: round(seconds, 1) for name, seconds in stages.items()},
        "threads": torch.get_num_threads(),
        "released_rows": round(model.n_rows_),
        "epsilon_spent": model.privacy_.epsilon_spent,
        "critics": list(map(str, model.privacy_.critics)),
    }


if __name__ == "__main__":
    main()
