"""Too little memory: a sample by two processes ends, in words or complete, and its files are whole.

The system's limit on a process's memory stands for a small machine; the processes that it starts have the same.
"""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from tabgan.errors import lacks_memory
from tabgan.synthesizer import TabGAN

SCRIPT = """
import resource, sys
from pathlib import Path
from tabgan import TabGAN
from tabgan.errors import DataError, OutOfMemoryError

model, folder, more = TabGAN.load(sys.argv[1]), sys.argv[2], int(sys.argv[3])
model.sample(10)
size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (size + more * 2**20,) * 2)
try:
    model.sample_to(folder, 400_000, rows_per_file=100_000, workers=2, random_state=0)
except (DataError, OutOfMemoryError) as error:
    assert "Complete files stay" in str(error)
    print("told")
else:
    print("complete")
"""

#: Megabytes beside those of the loaded model: threads of pools that could not start were met at some of them.
ROOM = (0, 25, 75, 150, 2_000)


@pytest.mark.slow
def test_a_sample_by_processes_ends_in_words(tmp_path):
    rng = np.random.default_rng(0)
    df = pd.DataFrame({"a": rng.integers(0, 50, 900), "b": rng.choice(["Ulm", "Bonn"], 900)})
    model, ends = TabGAN(3.0, random_state=0).fit(df), []
    model.save(tmp_path / "m.tabgan")
    for more in ROOM:
        folder = tmp_path / str(more)
        command = [sys.executable, "-c", SCRIPT, tmp_path / "m.tabgan", folder, str(more)]
        ran = subprocess.run(command, capture_output=True, text=True, timeout=300)
        assert ran.returncode == 0, (more, ran.stderr)
        ends.append(ran.stdout.strip())
        for path in folder.glob("part-*"):
            assert pq.read_metadata(path).num_rows == 100_000
        assert not list(folder.glob(".*"))
    assert {"told", "complete"} == set(ends)


@pytest.mark.parametrize(
    ("error", "is_so"),
    [
        (MemoryError(), True),
        (OSError(12, "Cannot allocate memory"), True),
        (RuntimeError("can't start new thread"), True),
        (ImportError("libx.so: failed to map segment from shared object"), True),
        (OSError(28, "No space left on device"), False),
        (RuntimeError("a size differs"), False),
        (ImportError("No module named 'x'"), False),
    ],
)
def test_errors_that_say_that_memory_is_short(error, is_so):
    assert lacks_memory(error) is is_so


COMMAND = """
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[1]) * 2**20,) * 2)
sys.argv[1:] = ["fit", "people.csv", "-o", "m.tabgan"]
from tabgan.cli.app import main
main()
"""


@pytest.mark.family
@pytest.mark.parametrize("megabytes", [400, 700, 1_100, 1_500])
def test_a_command_without_memory_for_its_libraries_ends_in_words(tmp_path, megabytes):
    pd.DataFrame({"a": range(9)}).to_csv(tmp_path / "people.csv", index=False)
    command = [sys.executable, "-c", COMMAND, str(megabytes)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=tmp_path)
    assert ran.returncode != 0
    assert "Traceback" not in ran.stderr, ran.stderr
    assert "Error: " in ran.stderr
    assert "emory" in ran.stderr
