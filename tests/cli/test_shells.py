"""Completion in shells: the scripts are there, and commands and options are completed."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from tabgan.cli.app import app


def completed(words, shell="bash"):
    given = {
        "_TABGAN_COMPLETE": f"complete_{shell}",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split()) - 1),
    }
    return CliRunner().invoke(app, [], prog_name="tabgan", env=given).output.split()


def test_commands_and_options():
    assert completed("tabgan sche") == ["schema"]
    assert completed("tabgan schema i") == ["infer", "import"]
    assert completed("tabgan fit --eps") == ["--epsilon", "--epsilon-cap"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_scripts(shell):
    done = CliRunner().invoke(app, [], prog_name="tabgan", env={"_TABGAN_COMPLETE": f"source_{shell}"})
    assert done.exit_code == 0
    assert "_TABGAN_COMPLETE=complete_" in done.output
