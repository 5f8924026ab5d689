"""``tabgan doctor``."""

import json

import pytest
from typer.testing import CliRunner

from tabgan.cli import doctor
from tabgan.cli.app import app


def run(*arguments: str, code: int = 0):
    result = CliRunner().invoke(app, ["doctor", *arguments])
    assert result.exit_code == code, result.output
    return result


@pytest.fixture
def plenty(monkeypatch):
    """As on a machine with enough memory, whatever runs beside the tests."""
    monkeypatch.setattr(doctor, "_memory", lambda: (8 * 1024**3, 4 * 1024**3))


@pytest.fixture
def whole():
    """As where all requirements are installed, in the versions that are asked for."""
    if any(fact.state != "ok" for fact in doctor._versions()):
        pytest.skip("an installation that lacks a requirement")


@pytest.mark.usefixtures("plenty", "whole")
def test_all_parts_are_told():
    found = json.loads(run("--json").stdout)
    assert found["is_well"] is True
    assert {"tabgan", "python", "torch", "opendp"} <= {each["name"] for each in found["versions"]}
    assert {each["name"] for each in found["extras"]} == set(doctor.EXTRAS)
    assert {each["name"] for each in found["machine"]} == {"cores", "memory", "temp folder"}
    said = run().stdout
    assert "temp folder" in said
    assert "All is well" in said
    assert run("--quiet").stdout == ""


@pytest.mark.usefixtures("plenty", "whole")
def test_a_missing_extra_has_its_command_and_is_no_fault(monkeypatch):
    monkeypatch.setattr(doctor, "find_spec", lambda name: None)
    found = json.loads(run("--json").stdout)
    assert found["is_well"] is True
    assert 'python -m pip install "tabgan-dp[pdf]"' in {each["fix"] for each in found["extras"]}


def test_a_folder_that_cannot_be_written_is(monkeypatch):
    def refuse(**options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(doctor.tempfile, "TemporaryFile", refuse)
    found = json.loads(run("--json", code=1).stdout)
    folder = next(each for each in found["machine"] if each["name"] == "temp folder")
    assert folder["state"] == "caution"
    assert "TMPDIR" in folder["fix"]


def test_little_memory_is_told(monkeypatch):
    monkeypatch.setattr(doctor, "_memory", lambda: (2 * 1024**3, 1024**2))
    assert "1 MiB free" in run(code=1).stdout
    monkeypatch.setattr(doctor, "_memory", lambda: (None, None))
    assert "not known" in run(code=int(any(fact.state != "ok" for fact in doctor._versions()))).stdout


def test_the_extras_are_those_of_the_package():
    import tomllib
    from pathlib import Path

    declared = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    for_developers = {"bench", "browser", "demo", "docs", "test"}
    assert set(doctor.EXTRAS) == set(declared["optional-dependencies"]) - for_developers
