"""The Dockerfile, without Docker: its instructions are known, what it copies is there, its RUN lines run."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "Dockerfile").read_text(encoding="utf-8")
LINES = [line for line in TEXT.replace("\\\n", " ").splitlines() if line.strip() and not line.startswith("#")]
INSTRUCTIONS = [tuple(line.split(maxsplit=1)) for line in LINES]
KNOWN = {"FROM", "ARG", "ENV", "WORKDIR", "COPY", "RUN", "USER", "ENTRYPOINT", "CMD"}


def of(name):
    return [rest for instruction, rest in INSTRUCTIONS if instruction == name]


def test_its_instructions_are_known_and_their_order_makes_sense():
    names = [name for name, _ in INSTRUCTIONS]
    assert set(names) <= KNOWN
    assert names[0] == "FROM"
    assert names.index("COPY") < names.index("RUN") < names.index("USER") < names.index("ENTRYPOINT")
    assert of("ENTRYPOINT") == ['["tabgan"]']


def test_it_copies_what_is_there_and_nothing_else_can_go_in():
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    allowed = {line.removeprefix("!") for line in ignored if line.startswith("!")}
    assert "*" in ignored
    copied = {source for rest in of("COPY") for source in rest.split()[:-1]}
    assert copied == allowed
    assert all((ROOT / source).exists() for source in copied)


def test_its_python_and_extras_are_the_packages_own():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    least = project["requires-python"].removeprefix(">=")
    assert of("FROM") == [f"python:{least}-slim"]
    (extras,) = re.findall(r'"\.\[([\w,]+)\]"', TEXT)
    assert set(extras.split(",")) <= set(project["optional-dependencies"])


def test_it_runs_as_nobody_in_particular():
    assert of("USER") == ["1000:1000"]
    assert "--user root" not in TEXT


@pytest.mark.slow
def test_its_run_lines_run(tmp_path):
    """In an environment that has this one's packages; what is missing is installed, as in the image."""
    environment, folder = tmp_path / "venv", tmp_path / "opt"
    subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    purelib = f"lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages"
    (environment / purelib / "present.pth").write_text(sysconfig.get_path("purelib") + "\n")
    folder.mkdir()
    for rest in of("COPY"):
        *sources, _ = rest.split()
        for source in sources:
            copy = shutil.copytree if (ROOT / source).is_dir() else shutil.copy
            copy(ROOT / source, folder / Path(source).name)
    paths = f"{environment / 'bin'}{os.pathsep}{os.environ['PATH']}"
    variables = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"} | {"PATH": paths}
    for line in of("RUN"):
        done = subprocess.run(
            line, shell=True, cwd=folder, env=variables, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, (line, done.stderr[-2_000:])
    assert "tabgan" in done.stdout
