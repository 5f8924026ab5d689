from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console
from typer.testing import CliRunner

import tabgan
from tabgan.audit.outcome import AuditResult
from tabgan.cli import options, terminal
from tabgan.cli.app import app
from tabgan.jobs.executors import JobFailure
from tabgan.jobs.run import JobResult
from tabgan.privacy.filter import PrivacyStatement
from tabgan.schema import Categorical, Numeric, Schema

SECRET = "Zanzibar-4711"


@pytest.fixture(autouse=True)
def folder(tmp_path, people, monkeypatch):
    """Make a folder with a table the current directory."""
    people.to_csv(tmp_path / "people.csv", index=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _run(*arguments: object, code: int = 0):
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == code, result.output
    assert SECRET not in result.output
    assert "Traceback" not in result.output
    return result


class TestRoot:
    def test_version(self):
        assert _run("--version").stdout == f"tabgan {tabgan.__version__}\n"

    @pytest.mark.parametrize(
        "arguments", [["run"], ["fly"], ["run", "x", "--epochs", "3"], ["sample", "m", "-n", "x"]]
    )
    def test_usage(self, arguments):
        _run(*arguments, code=2)

    @pytest.mark.family(keep=1)
    @pytest.mark.parametrize("is_first", [True, False], ids=["a command", "a process that runs a job"])
    def test_the_log_has_one_style_of_dates_and_only_our_own_words(self, is_first):
        opacus = "logging.basicConfig(format='%(asctime)s', datefmt='%m/%d/%Y')\n"  # when it is imported
        ours = "app._log_to_stderr()\n"
        code = (
            "import logging; from tabgan.cli import app\n"
            + (ours + opacus if is_first else opacus + ours)
            + "logging.getLogger('tabgan.synthesizer').warning('ours')\n"
            "logging.getLogger('other').warning('theirs')"
        )
        said = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, cwd=Path(tabgan.__file__).parents[1]
        ).stderr
        assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d WARNING: ours\n", said)

    @pytest.mark.family
    def test_old_names_are_told_in_a_line_of_the_log(self):
        code = (
            "import warnings; from tabgan.cli import app; app._log_to_stderr()\n"
            "from tabgan._util.renamed import warn_of_old_name; warn_of_old_name('old', 'new')\n"
            "warnings.warn('theirs')"
        )
        said = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, cwd=Path(tabgan.__file__).parents[1]
        ).stderr.splitlines()
        assert said[0].endswith("WARNING: 'old' is now called 'new'; the next version drops the old name.")
        assert said[1].endswith("UserWarning: theirs")

    @pytest.mark.parametrize("statement", ["import tabgan", "from tabgan.cli import app"])
    def test_neither_the_package_nor_help_waits_for_libraries(self, statement):
        heavy = ["torch", "pandas", "numpy", "scipy", "pyarrow", "sklearn", "dp_accounting"]
        code = f"import sys; {statement}; assert not (found := sys.modules.keys() & {set(heavy)}), found"
        subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(tabgan.__file__).parents[1])

    def test_jobs_wait_for_no_library_of_an_evaluation_or_a_critic(self):
        heavy = ["opacus", "opendp", "sdmetrics", "sklearn", "scipy.stats", "jinja2", "matplotlib"]
        statement = "import tabgan.jobs.loading, tabgan.jobs.executors"
        code = f"import sys; {statement}; assert not (found := sys.modules.keys() & {set(heavy)}), found"
        subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(tabgan.__file__).parents[1])

    def test_nor_does_a_plan_or_a_fit_without_a_target(self):
        heavy = ["opacus", "sdmetrics", "sklearn", "polars", "matplotlib", "torch._dynamo"]
        code = (
            "import sys\n"
            "import pandas as pd\n"
            "from tabgan import Numeric, Schema, TabGAN\n"
            "model = TabGAN(schema=Schema([Numeric(name='a', bounds=(0, 9), decimals=0)]), random_state=0)\n"
            "model.plan(n_rows=500, is_brief=True)\n"
            "model.fit(pd.DataFrame({'a': [number % 10 for number in range(500)]}), progress=False).sample(9)\n"
            f"assert not (found := sys.modules.keys() & {set(heavy)}), found"
        )
        subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(tabgan.__file__).parents[1])

    @pytest.mark.family(keep=1)
    @pytest.mark.parametrize(
        ("asked", "seconds"), [(("-c", "import tabgan"), 0.5), (("-m", "tabgan", "--help"), 0.7)]
    )
    def test_they_take_little_processor_time(self, asked, seconds):
        """The least of three: a busy machine makes each take longer."""
        taken = []
        for _ in range(3):
            before = os.times()
            subprocess.run(
                [sys.executable, *asked],
                check=True,
                stdout=subprocess.DEVNULL,
                cwd=Path(tabgan.__file__).parents[1],
            )
            after = os.times()
            taken.append(
                after.children_user + after.children_system - before.children_user - before.children_system
            )
        assert min(taken) < seconds

    @pytest.mark.family
    @pytest.mark.parametrize("statement", ["import tabgan.drawing.stream", "from tabgan import TabGAN"])
    def test_who_only_samples_waits_for_no_library_of_a_fit(self, statement):
        heavy = ["opacus", "opendp", "dp_accounting", "sdmetrics", "sklearn", "scipy.stats", "jinja2"]
        code = f"import sys; {statement}; assert not (found := sys.modules.keys() & {set(heavy)}), found"
        subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(tabgan.__file__).parents[1])


@pytest.mark.usefixtures("fake_model")
class TestRun:
    def _jobs(self, text: str) -> Path:
        Path("jobs.yaml").write_text(text)
        return Path("jobs.yaml")

    def test_summary(self):
        result = _run("run", self._jobs("{name: people, source: {path: people.csv}, random_state: 0}"))
        assert "people: done in" in result.stdout
        assert re.search(r"epsilon spent +1 of 1", result.stdout)
        assert re.search(r"delta +1e-06", result.stdout)
        assert re.search(r"quality +0\.97", result.stdout)
        assert "written: out/people/internal/ report.html, report.json" in result.stdout
        assert "people: training" in result.stderr

    def test_privacy_off_is_said(self):
        result = _run("run", self._jobs("{source: {path: people.csv}, model: {epsilon: null}}"))
        assert terminal.NO_PRIVACY in result.stdout

    def test_some_fail(self, fake_model, monkeypatch):
        def choke(self, df, *, progress=None, untyped_text=False, **files):
            raise ValueError(SECRET)

        monkeypatch.setattr(fake_model, "fit", choke)
        jobs = self._jobs("[{name: a, source: {path: people.csv}}, {name: b, source: {path: people.csv}}]")
        result = _run("run", jobs, code=1)
        assert result.stdout.count("Unexpected ValueError in tabgan/jobs/run.py") == 2
        debug = CliRunner().invoke(app, ["run", str(jobs), "--debug"])
        assert "in choke" in debug.stderr
        assert debug.exit_code == 1

    def test_config_problems_come_before_any_fit(self, fake_model):
        result = _run("run", self._jobs("{source: {path: people.csv}, model: {epsilon: 0}}"), code=2)
        assert "model.epsilon: expected a number in (0, inf), got 0" in result.stderr
        assert result.stdout == ""
        assert fake_model.fitted == []

    def test_only_and_output(self):
        jobs = self._jobs("[{name: a, source: {path: people.csv}}, {name: b, source: {path: people.csv}}]")
        _run("run", jobs, "--only", "b", "--output", "here")
        assert sorted(path.name for path in Path().iterdir()) == ["here", "jobs.yaml", "people.csv"]
        assert "no job 'c'" in _run("run", jobs, "--only", "c", code=2).stderr

    def test_no_such_file(self):
        assert "jobs: no file 'nowhere.yaml'" in _run("run", "nowhere.yaml", code=2).stderr


@pytest.mark.usefixtures("fake_model")
class TestFitAndSample:
    def test_fit(self, fake_model):
        Path("schema.yaml").write_text("columns:\n  age: {kind: numeric, dtype: float64}\n")
        result = _run(
            "fit", "people.csv", "-o", "m.tabgan", "--epsilon", 2, "--delta", 1e-7, "--schema", "schema.yaml"
        )
        (model,) = fake_model.fitted
        assert (model.epsilon, model.delta) == (2.0, 1e-7)
        assert model.schema["age"].dtype == str(model.df["age"].dtype) == "float64"
        assert Path("m.tabgan").exists()
        assert "differential privacy" in result.stdout

    def test_private_by_default(self, fake_model):
        _run("fit", "people.csv", "-o", "m.tabgan")
        assert fake_model.fitted[0].epsilon == 1.0

    def test_privacy_off_in_words(self, fake_model):
        assert (
            "no privacy guarantee" in _run("fit", "people.csv", "-o", "m.tabgan", "--epsilon", "none").stdout
        )
        assert fake_model.fitted[0].epsilon is None

    @pytest.mark.parametrize(
        "arguments",
        [
            ["--epsilon", "0"],
            ["--epsilon", "nan"],
            ["--epsilon", ""],
            ["--epsilon", "inf"],
            ["--epsilon", "abc"],
            ["--delta", "1"],
            ["--delta", "nan"],
            ["--schema", "nowhere.yaml"],
            ["-o", "people.csv/x/m.tabgan"],
        ],
    )
    def test_bad_arguments(self, fake_model, arguments):
        _run("fit", "people.csv", "-o", "m.tabgan", *arguments, code=2)
        assert fake_model.fitted == []

    def test_what_was_written_for_epsilon_is_quoted(self):
        said = _run("fit", "people.csv", "-o", "m.tabgan", "--epsilon", "abc", code=2).stderr
        assert "--epsilon: expected a number in (0, inf), got 'abc'. Write none" in said

    @pytest.mark.parametrize(
        "arguments",
        [
            ["fit", "people.csv"],
            ["sample", "m.tabgan", "-n", 1],
            ["evaluate", "m.tabgan", "--real", "people.csv", "--holdout", "people.csv"],
            ["audit"],
            ["schema", "infer", "people.csv"],
        ],
    )
    def test_no_file_is_replaced_unasked(self, arguments, fake_model):
        name = Path("mine.html" if arguments[0] == "evaluate" else "mine.csv")
        name.write_text("mine")
        said = _run(*arguments, "-o", name, code=2).stderr
        assert "exists. Name another file, or use --force to replace it." in said
        assert name.read_text() == "mine"
        assert fake_model.fitted == []

    def test_an_audit_is_told_the_plan_to_audit(self, monkeypatch):
        told = {}

        def audit(epsilon=1.0, delta=1e-6, **options):
            told.update(options)
            return AuditResult(epsilon, delta, "row", (), (), 0.95, 1.0)

        monkeypatch.setattr("tabgan.audit.audit", audit)
        _run("audit", "--n-targets", 3, "--max-rows", 2, "--n-rows", 100_000)
        assert (told["n_targets"], told["max_rows"], told["n_rows"]) == (3, 2, 100_000)

    def test_files_are_replaced_when_it_is_asked_for(self):
        _run("fit", "people.csv", "-o", "m.tabgan")
        _run("fit", "people.csv", "-o", "m.tabgan", "--force")
        for _ in range(2):
            _run("sample", "m.tabgan", "-n", 2, "-o", "o.csv", "--force")

    def test_a_seeded_sample_says_so(self):
        _run("fit", "people.csv", "-o", "m.tabgan")
        said = _run("sample", "m.tabgan", "-n", 2, "-o", "o.csv", "--random-state", 4).stdout
        assert "2 rows, seeded with 4: the same command gives the same rows" in said
        assert "seeded" not in _run("sample", "m.tabgan", "-n", 2, "-o", "p.csv").stdout

    def test_unreadable_table(self):
        Path("bad.csv").write_text(f"a,b\n1,2\n{SECRET},4,5\n")
        assert "not a readable csv file" in _run("fit", "bad.csv", "-o", "m.tabgan", code=2).stderr

    def test_sample(self, fake_model):
        _run("fit", "people.csv", "-o", "m.tabgan")
        _run("sample", "m.tabgan", "-n", 7, "-o", "new/out.parquet", "--random-state", 1)
        assert pd.read_parquet("new/out.parquet").shape == (7, 3)

    def test_formulas_are_escaped_on_demand(self, fake_model, monkeypatch):
        rows = pd.DataFrame({"town": ["=1+1", "Ulm"]})
        monkeypatch.setattr(fake_model, "sample", lambda self, n, **options: rows)
        _run("fit", "people.csv", "-o", "m.tabgan")
        for arguments, expected in ((["--escape-formulas"], "'=1+1"), ([], "=1+1")):
            _run("sample", "m.tabgan", "-n", 2, "-o", "o.csv", "--force", *arguments)
            assert pd.read_csv("o.csv")["town"].tolist() == [expected, "Ulm"]

    def test_conditions_have_their_columns_types(self, fake_model):
        _run("fit", "people.csv", "-o", "m.tabgan")
        _run(
            "sample",
            "m.tabgan",
            "-n",
            1,
            "-o",
            "o.csv",
            "--condition",
            "age=30.5",
            "--condition",
            "town=a=b",
            code=2,
        )
        _run("sample", "m.tabgan", "-n", 1, "-o", "o.csv", "--condition", "age=30")
        assert fake_model.fitted[-1].conditions == {"age": 30.0}

    def test_ranges_shares_and_imputing(self, fake_model):
        _run("fit", "people.csv", "-o", "m.tabgan")
        more = ["--proportion", "age=..40:0.5", "--impute"]
        _run("sample", "m.tabgan", "-n", 1, "-o", "o.csv", "--condition", "income=2000..3000|", *more)
        found = fake_model.fitted[-1]
        assert found.conditions == {"income": [tabgan.Between(2_000.0, 3_000.0), None]}
        assert found.others["proportions"] == {"age": [{"value": tabgan.Between(None, 40.0), "share": 0.5}]}
        assert found.others["impute"] is True
        said = _run("sample", "m.tabgan", "-n", 1, "-o", "folder", *more, code=2).stderr
        assert "--proportion: expected a file as --output, got a folder" in said

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["-n", 0], "-n: expected an integer of at least 1, got 0"),
            (["-o", "o.xlsx"], "--output: expected a name ending in"),
            (["--condition", "age"], "--condition: expected column=value, got 'age'"),
            (["--condition", "aeg=3"], "--condition: no column 'aeg'. Did you mean 'age'?"),
            (["--condition", "age=old"], "--condition age: expected a number, got 'old'"),
        ],
    )
    def test_bad_sample_arguments(self, arguments, message):
        _run("fit", "people.csv", "-o", "m.tabgan")
        assert message in _run("sample", "m.tabgan", "-n", 1, "-o", "o.csv", *arguments, code=2).stderr
        assert not Path("o.csv").exists()

    def test_no_such_model(self):
        assert (
            "model: no file 'm.tabgan'" in _run("sample", "m.tabgan", "-n", 1, "-o", "o.csv", code=2).stderr
        )


def test_a_sample_in_a_folder_of_files():
    df = pd.DataFrame({"age": range(50)})
    tabgan.TabGAN(epsilon=None, random_state=0).fit(df).save("m.tabgan")
    asked = ["sample", "m.tabgan", "-n", 25, "-o", "rows", "--rows-per-file", 10, "--random-state", 4]
    for _ in range(2):
        assert "rows: 25 rows in 3 files, seeded with 4" in _run(*asked).stdout
    assert sum(len(pd.read_parquet(path)) for path in Path("rows").glob("*.parquet")) == 25
    assert "another model, seed or request" in _run(*asked, "--format", "csv", code=2).stderr
    refused = _run("sample", "m.tabgan", "-n", 25, "-o", "new", "--separator", ";", code=2)
    assert "--separator: expected a CSV" in refused.stderr
    assert not Path("new").exists()


class TestInfer:
    def test_to_a_file(self):
        _run("schema", "infer", "people.csv", "-o", "schema.yaml", "--target", "town")
        text = Path("schema.yaml").read_text()
        assert text.startswith("# A draft, read off the rows of a table WITHOUT privacy.")
        assert SECRET not in text
        assert Schema.from_yaml(Path("schema.yaml")).target == "town"

    def test_to_the_terminal(self):
        assert Schema.from_yaml(_run("schema", "infer", "people.csv").stdout).names == [
            "age",
            "income",
            "town",
        ]

    def test_edits_are_not_lost(self):
        Path("schema.yaml").write_text("mine")
        result = _run("schema", "infer", "people.csv", "-o", "schema.yaml", code=2)
        assert "use --force" in result.stderr
        assert Path("schema.yaml").read_text() == "mine"
        _run("schema", "infer", "people.csv", "-o", "schema.yaml", "--force")
        assert Path("schema.yaml").read_text() != "mine"

    def test_with_domain_says_so(self):
        _run("schema", "infer", "people.csv", "-o", "schema.yaml", "--with-domain")
        text = Path("schema.yaml").read_text()
        assert "REAL ROWS" in text
        assert SECRET in text

    def test_target_that_is_not_there(self):
        assert (
            "Did you mean 'town'" in _run("schema", "infer", "people.csv", "--target", "twon", code=2).stderr
        )

    @pytest.mark.family
    def test_private(self):
        asked = ["schema", "infer", "people.csv", "--private", "--epsilon", 20, "--ledger", "l.jsonl"]
        said = _run(*asked, "-o", "schema.yaml", "--target", "town", "--checkpoint", "kept").stdout
        assert "schema.yaml: a draft: (20, 1e-06)-differential privacy of one row" in said
        assert not Path("kept").exists()
        text = Path("schema.yaml").read_text()
        assert "under differential privacy" in text
        assert SECRET not in text
        schema = Schema.from_yaml(text)
        assert (schema.target, schema.drafted, schema["age"].decimals) == ("town", None, 0)
        model = tabgan.TabGAN(epsilon=20, schema=schema, adversary_share=0)
        model.check_cap("l.jsonl")
        df = options.read_declared(Path("people.csv"), schema, {})
        model.fit(df, ledger="l.jsonl", untyped_text=True)  # the same table: the ledger takes it
        assert "promised" in _run("ledger", "show", "l.jsonl").stdout
        refused = _run(*asked, "--epsilon-cap", 30, "--delta-cap", 1e-5, code=1).stderr
        assert "over its cap of 30. No row was read" in refused

    @pytest.mark.parametrize(
        ("options", "said"),
        [
            (["--private"], "--private: expected --epsilon and --ledger"),
            (["--private", "--epsilon", 1], "--private: expected --epsilon and --ledger"),
            (["--epsilon", 1], "--epsilon: expected --private"),
            (["--entity", "age", "--max-rows", 2], "--entity: expected --private"),
            (["--ledger", "l.jsonl"], "--ledger: expected --private"),
            (
                ["--private", "--epsilon", 1, "--ledger", "l.jsonl", "--with-domain"],
                "--with-domain: expected no --private",
            ),
            (["--private", "--epsilon", -1, "--ledger", "l.jsonl"], "--epsilon: expected"),
            (["--private", "--epsilon", 1, "--ledger", "l.jsonl", "--delta", 3], "--delta: expected"),
        ],
    )
    def test_private_options_that_do_not_go_together(self, options, said):
        assert said in _run("schema", "infer", "people.csv", *options, code=2).stderr
        assert not Path("l.jsonl").exists()


class TestCheck:
    def test_a_schema_that_fits(self):
        Path("schema.yaml").write_text("columns:\n  age: {kind: numeric}\n  town: {kind: text}\n")
        said = _run("schema", "check", "people.csv", "schema.yaml").stdout
        assert "schema.yaml: fits the table. Nothing was spent." in said
        assert SECRET not in said
        told = json.loads(_run("schema", "check", "people.csv", "schema.yaml", "--json").stdout)
        assert told["fits"] is True
        assert _run("schema", "check", "people.csv", "schema.yaml", "--quiet").stdout == ""

    @pytest.mark.parametrize(
        ("schema", "options", "code", "said"),
        [
            ("columns: {agee: {kind: numeric}}", [], 2, "Did you mean 'age'"),
            ("columns: {town: {kind: numeric, bounds: [0, 1]}}", ["--epsilon", "-1"], 2, "epsilon"),
            ("columns: {income: {kind: boolean}}", [], 2, "Column 'income'"),
            ("n_rows: 10", [], 2, "n_rows: 10 rows are too few"),
            ("drafted: from rows", [], 2, "drafted: from rows"),
            ("columns: {town: {kind: pii, provider: mail}}", [], 2, "Did you mean 'email'"),
        ],
    )
    def test_one_that_does_not(self, schema, options, code, said):
        Path("schema.yaml").write_text(schema)
        result = _run("schema", "check", "people.csv", "schema.yaml", *options, code=code)
        assert said in " ".join(result.stderr.split())


class TestTerminal:
    def test_bars(self):
        console = Console(force_terminal=True, width=120, color_system=None)
        with console.capture() as capture, terminal.BarWatcher(console) as watcher:
            watcher.progress("train[ing]", 1, 4)
            watcher.progress("train[ing]", 4, 4)
        assert "train[ing]" in capture.get()
        assert "100%" in capture.get()

    def test_overview_of_several(self):
        privacy = PrivacyStatement(True, 1.0, 1e-6, 0.99, 0.0)
        done = JobResult(
            "a[b]", (Path("x.csv"),), 1234, {"fit": 61.0}, privacy, (("TSTR", "0.9"), ("pairs TVD", "0.05"))
        )
        console = Console(width=80, color_system=None)
        with console.capture() as capture:
            terminal.show_outcomes(console, [done, JobFailure("b", "went [wrong]")])
        text = capture.get()
        assert re.search(r"a\[b\] +done +1 +0\.9 +61", text)
        assert re.search(r"b .*failed", text)
        with console.capture() as capture:  # the cost of the report's private metrics is part of it
            terminal.show_outcomes(console, [replace(done, total=(1.2, 2e-6)), done])
        assert re.search(r"a\[b\] +done +1\.2 +0\.9 +61", capture.get())
        assert "went [wrong]" in text

    def test_figures_on_real_rows_are_marked_as_such(self):
        """Pitfall 37: on the screen they would stand under the line that says what epsilon covers."""
        privacy = PrivacyStatement(True, 1.0, 1e-6, 0.99, 0.0)
        done = JobResult("a", (Path("x.csv"),), 1234, {"fit": 61.0}, privacy, (("TSTR", "0.9"),))
        console = Console(width=120, color_system=None)
        with console.capture() as capture:
            terminal.show_outcomes(console, [done, replace(done, name="b", headline=())])
        lines = capture.get().splitlines()
        first = next(i for i, line in enumerate(lines) if line.startswith("TSTR"))
        assert lines[first - 1].split(maxsplit=1) == ["INTERNAL", terminal.UNCOVERED]
        assert f"INTERNAL, {terminal.UNCOVERED}: TSTR" in " ".join(capture.get().split())
        with console.capture() as capture:
            terminal.show_outcomes(console, [replace(done, headline=())])
        assert "INTERNAL" not in capture.get()


@pytest.mark.usefixtures("fake_model")
class TestForm:
    """Options that say how a CSV is written, of every command that reads one."""

    @pytest.fixture(autouse=True)
    def prices(self, folder):
        text = "Stadt;Preis\nKöln;1,5\nNA;2,25\n?;-\n"
        (folder / "prices.csv").write_text(text, encoding="cp1252")

    FORM = ("--encoding", "cp1252", "--decimal", ",", "--na-value", "?", "--na-value", "-")

    def test_fit(self, fake_model):
        _run("fit", "prices.csv", "-o", "m.tabgan", *self.FORM)
        df = fake_model.fitted[0].df
        assert df["Stadt"].tolist()[:2] == ["Köln", "NA"]
        assert df["Preis"].tolist()[:2] == ["1.5", "2.25"]
        assert df.isna().sum().tolist() == [1, 1]

    def test_infer(self):
        said = _run("schema", "infer", "prices.csv", *self.FORM).stdout
        assert Schema.from_yaml(said)["Preis"].dtype == "float64"

    def test_run(self, fake_model):
        Path("jobs.yaml").write_text("{source: {path: prices.csv}, report: false, random_state: 0}")
        _run("run", "jobs.yaml", *self.FORM)
        assert fake_model.fitted[0].df["Preis"].tolist()[:2] == ["1.5", "2.25"]
        written = Path("out/jobs/release/synthetic.csv").read_text(encoding="cp1252")
        assert written.startswith("Stadt;Preis\n")

    def test_keys_of_a_job(self, fake_model):
        form = 'encoding: cp1252, decimal: ",", separator: ";", na_values: ["?", "-"]'
        Path("jobs.yaml").write_text(f"{{source: {{path: prices.csv, {form}}}, report: false}}")
        _run("run", "jobs.yaml")
        assert fake_model.fitted[0].df.isna().sum().tolist() == [1, 1]

    def test_wrong_keys_of_a_job(self):
        Path("jobs.yaml").write_text("{source: {path: prices.csv, separator: xx, decimal: 1, encoding: no}}")
        said = _run("run", "jobs.yaml", code=2).stderr
        for key in ("separator", "decimal", "encoding"):
            assert f"source.{key}: expected" in said

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            (["--separator", "xx"], "--separator: expected one character"),
            (["--decimal", "x"], "--decimal: expected one of"),
            (["--encoding", "utf-88"], "--encoding: expected the name of an encoding"),
        ],
    )
    def test_wrong_options(self, fake_model, arguments, said):
        for command in (
            ["fit", "prices.csv", "-o", "m.tabgan"],
            ["schema", "infer", "prices.csv"],
            ["sample", "m.tabgan", "-n", 1, "-o", "o.csv"],
            ["run", "jobs.yaml"],
        ):
            assert said in _run(*command, *arguments, code=2).stderr
        assert fake_model.fitted == []

    def test_without_a_csv(self):
        pd.DataFrame({"a": [1]}).to_parquet("t.parquet")
        said = _run("fit", "t.parquet", "-o", "m.tabgan", "--na-value", "x", code=2).stderr
        assert "--na-value: expected a CSV with it, got 't.parquet'. Leave it out." in said

    def test_conditions_split_at_the_longest_name(self):
        names = ["a", "a=b", "a=b=c", ""]
        schema = Schema(columns=[Categorical(name=n, categories=("x", "b=x", "", "c,d=")) for n in names])
        pairs = ["a=b=x", "a=b=c=c,d=", "=x", "a=c,d="]
        expected = {"a=b": "x", "a=b=c": "c,d=", "": "x", "a": "c,d="}
        assert options.conditions_of(pairs, schema) == expected

    @pytest.mark.parametrize(
        ("text", "price"), [("12,5", 12.5), ("1.234,5", 1_234.5), ("12.5", 12.5), ("-3", -3)]
    )
    def test_conditions_have_the_decimal_mark_of_the_table(self, text, price):
        schema = Schema(columns=[Numeric(name="price"), Categorical(name="c", categories=("1,5",))])
        given = options.conditions_of([f"price={text}", "c=1,5"], schema, ",")
        assert given == {"price": price, "c": "1,5"}
