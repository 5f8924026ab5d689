"""``--json``, ``--quiet`` and ``-o -``, with a stand-in for the model."""

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import typer
from typer.testing import CliRunner

from tabgan.cli import parts
from tabgan.cli.app import app
from tabgan.errors import spent_note
from tabgan.synthesizer import TabGAN

pytestmark = pytest.mark.usefixtures("fake_model")

JOB = "source: {path: people.csv}\nmodel: {epsilon: 1.0}\nrandom_state: 0\n"


@pytest.fixture(autouse=True)
def folder(tmp_path, people, monkeypatch):
    people.to_csv(tmp_path / "people.csv", index=False)
    monkeypatch.chdir(tmp_path)


def run(*arguments: object, code: int = 0):
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == code, result.output
    assert not parts._ASKED  # nothing is kept for the next command
    return result


@pytest.mark.parametrize("command", ["jobs json-schema", "schema json-schema", "--help"])
def test_a_reader_that_has_gone_ends_a_command_without_a_word(command):
    """As ``head`` goes: with the status that click, and Rich, give such an end."""
    read, write = os.pipe()
    os.close(read)
    try:
        ended = subprocess.run(
            [sys.executable, "-m", "tabgan", *command.split()], stdout=write, stderr=subprocess.PIPE
        )
    finally:
        os.close(write)
    assert (ended.returncode, ended.stderr) == (1, b"")


def test_another_broken_pipe_is_said_with_what_was_spent(fake_model, monkeypatch):
    """That of a database, or of a process: the fit ended without a word on its budget."""

    def broken(*args: object, **options: object) -> None:
        error = BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))
        error.add_note(spent_note("0.4 of 1"))
        raise error

    monkeypatch.setattr(fake_model, "fit", broken)
    said = run("fit", "people.csv", "-o", "m.tabgan", code=1).stderr
    assert said.startswith(
        "Error: BrokenPipeError: Broken pipe. Already spent by this fit: epsilon 0.4 of 1."
    )


@pytest.fixture
def model(fake_model):
    run("fit", "people.csv", "-o", "m.tabgan")


def test_fit():
    found = json.loads(run("fit", "people.csv", "-o", "m.tabgan", "--json").stdout)
    assert (found["output"], found["epsilon"], found["delta"]) == ("m.tabgan", 1.0, 1e-6)
    result = run("fit", "people.csv", "-o", "m2.tabgan", "--quiet")
    assert (result.stdout, result.stderr) == ("", "")
    assert Path("m2.tabgan").exists()


@pytest.mark.usefixtures("model")
class TestSample:
    def test_for_programs(self):
        found = json.loads(run("sample", "m.tabgan", "-n", 5, "-o", "o.csv", "--json").stdout)
        assert found == {"output": "o.csv", "rows": 5}
        assert run("sample", "m.tabgan", "-n", 5, "-o", "o2.csv", "-q").stdout == ""

    def test_into_a_pipe(self):
        result = run("sample", "m.tabgan", "-n", 5, "-o", "-")
        lines = result.stdout.splitlines()
        assert lines[0] == "age,income,town"
        assert len(lines) == 6
        assert not Path("-").exists()
        assert run("sample", "m.tabgan", "-n", 1, "-o", "-", "--separator", ";").stdout.startswith(
            "age;income"
        )

    def test_not_onto_a_terminal(self, monkeypatch):
        from tabgan.cli import options

        class Terminal:
            @staticmethod
            def isatty() -> bool:
                return True

        monkeypatch.setattr(options.sys, "stdout", Terminal)
        with pytest.raises(Exception, match="got a terminal. Rows are not printed there"):
            options.is_folder(Path("-"))

    def test_a_part_of_the_table(self):
        run("sample", "m.tabgan", "--frac", 0.1, "-o", "o.csv")
        assert len(pd.read_csv("o.csv")) == 20
        for arguments in ([], ["-n", 5, "--frac", 0.5], ["--frac", 0]):
            said = run("sample", "m.tabgan", *arguments, "-o", "p.csv", code=2).stderr
            assert "expected" in said
            assert not Path("p.csv").exists()


class TestRun:
    def test_for_programs(self):
        Path("jobs.yaml").write_text(JOB)
        found = json.loads(run("run", "jobs.yaml", "--json").stdout)
        assert found["exit_code"] == 0
        assert found["jobs"][0]["state"] == "done"

    def test_quiet_but_for_errors(self, monkeypatch):
        Path("jobs.yaml").write_text(JOB)
        result = run("run", "jobs.yaml", "--quiet")
        assert (result.stdout, result.stderr) == ("", "")
        Path("jobs.yaml").write_text("source: {path: people.csv, dtypes: {nobody: int64}}\n")
        failed = run("run", "jobs.yaml", "--quiet", code=1)
        assert failed.stdout == ""
        assert "jobs: " in failed.stderr

    def test_overrides(self, fake_model):
        Path("jobs.yaml").write_text(JOB)
        run("run", "jobs.yaml", "--set", "model.epsilon=0.25", "-q")
        assert fake_model.fitted[-1].epsilon == 0.25
        said = run("run", "jobs.yaml", "--set", "model.epsilon=x", code=2).stderr
        assert "--set model.epsilon: expected" in said


def test_a_schema_to_the_standard_output():
    assert "age" in run("schema", "infer", "people.csv", "-o", "-").stdout
    assert not Path("-").exists()


def test_lines_of_a_log_have_dates(capsys):
    from rich.console import Console

    from tabgan.cli.terminal import PlainWatcher

    PlainWatcher(Console(width=80)).progress("fit", 0, 1)
    assert pd.Timestamp(capsys.readouterr().out[:19]) > pd.Timestamp("2020-01-01")


def test_no_log_holds_a_number_of_rows(capsys, tmp_path):
    """The number of rows is private: whoever looks on sees two digits of it, and no file has them."""
    from rich.console import Console

    from tabgan._util.progress import PassOverRows
    from tabgan.cli.terminal import PlainWatcher
    from tabgan.jobs.eventlog import EventLog, Watchers

    watcher = Watchers(PlainWatcher(Console(width=80)), EventLog(tmp_path / "events.jsonl"))
    done = PassOverRows(watcher.progress, "read", 61_000_000)
    done.add(61_000_000)
    done.end()
    said, kept = capsys.readouterr().out, (tmp_path / "events.jsonl").read_text()
    assert "read (0 s)" in said
    assert json.loads(kept)["stage"] == "read"
    assert "61" not in said[19:]
    assert "61" not in kept.partition('"event"')[2]


def test_no_log_tells_if_a_table_is_so_large_that_it_is_copied(capsys, tmp_path, monkeypatch):
    """One row may make it so large."""
    from rich.console import Console

    from tabgan._util.progress import COPY_STAGES
    from tabgan.cli.terminal import PlainWatcher
    from tabgan.io import opening
    from tabgan.jobs.eventlog import EventLog, Watchers
    from tabgan.schema import Schema
    from tabgan.table.partitions import FrameParts

    monkeypatch.setattr(opening, "MOST_IN_MEMORY", 600)
    told, n_passed = [], []
    for n_rows in (600, 601):
        events = tmp_path / f"{n_rows}.jsonl"
        watcher = Watchers(PlainWatcher(Console(width=80)), EventLog(events))
        source = FrameParts(pd.DataFrame({"x": np.arange(n_rows) % 7}), 100)
        with opening.for_fit(source, Schema(), progress=watcher.progress) as table:
            stages = () if isinstance(table, pd.DataFrame) else sorted(COPY_STAGES)
            n_passed.append(sum(len(list(table.passed(stage))) for stage in stages))
        lines = [json.loads(line)["stage"] for line in events.read_text().splitlines()]
        told.append((lines, [line.split()[1:2] for line in capsys.readouterr().out.splitlines()]))
    assert told[0] == told[1]
    assert n_passed[0] == 0 < n_passed[1]


#: Commands whose result is a text, which they print or write.
TEXTS = {"infer", "import", "export", "json-schema"}


def test_every_command_that_prints_a_result_prints_it_for_programs_or_not_at_all():
    def commands(group):
        for name, command in group.commands.items():
            yield from commands(command) if hasattr(command, "commands") else [(name, command)]

    found = dict(commands(typer.main.get_command(app)))
    assert len(found) > 20
    for name in found.keys() - TEXTS:
        known = {option for each in found[name].params for option in each.opts}
        assert {"--quiet", "--json"} <= known, name


@pytest.mark.family
def test_a_ledger(tmp_path):
    TabGAN(1.0, random_state=0).fit(
        pd.DataFrame({"age": [20, 30] * 400, "town": ["Ulm", "Bonn"] * 400}), ledger="l.ledger"
    )
    capped = ("ledger", "cap", "l.ledger", "--epsilon-cap", 3, "--delta-cap", 1e-5)
    found = json.loads(run(*capped, "--json").stdout)
    assert (found["ledger"], found["epsilon_cap"]) == ("l.ledger", 3.0)
    assert found["epsilon_counted"] > 0
    assert run(*capped, "--quiet").stdout == ""
    assert json.loads(run("ledger", "show", "l.ledger", "--json").stdout)["epsilon_cap"] == 3.0
    assert run("ledger", "show", "l.ledger", "-q").stdout == ""
