"""``tabgan fit --ledger``, ``tabgan ledger`` and jobs with one: from a terminal, end to end."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from tabgan.cli.app import app
from tabgan.jobs import run as jobs_run
from tabgan.privacy.ledger.file import LedgerFile
from tabgan.schema import Schema
from tabgan.synthesizer import TabGAN

pytestmark = pytest.mark.usefixtures("folder")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Make a folder with a table of people, some with several rows, the current directory; fits take a moment."""
    people(tmp_path, monkeypatch)
    return tmp_path


def people(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    ages, keys = rng.integers(18, 90, 3_000), rng.integers(0, 1_200, 3_000)
    pd.DataFrame({"age": ages, "old": ages > 60, "key": keys}).to_csv(tmp_path / "people.csv", index=False)
    monkeypatch.chdir(tmp_path)
    defaults = dict(TabGAN.__init__.__kwdefaults__, adversary_share=0.0)
    monkeypatch.setattr(TabGAN.__init__, "__kwdefaults__", defaults)


def run(*arguments: object, code: int = 0) -> str:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == code, result.output
    assert "Traceback" not in result.output
    return re.sub(r"\s+", " ", result.output)


def fit(*more: object, code: int = 0) -> str:
    return run(
        "fit", "people.csv", "-o", "m.tabgan", "--force", "--ledger", "people.ledger", *more, code=code
    )


@pytest.fixture(scope="module")
def after_a_fit(tmp_path_factory):
    """Return a folder with the table, a model, and its ledger."""
    folder = tmp_path_factory.mktemp("fitted")
    with pytest.MonkeyPatch.context() as patch:
        people(folder, patch)
        fit()
    return folder


@pytest.fixture
def fitted(folder, after_a_fit):
    """Go on in a folder in which there was a fit."""
    shutil.copytree(after_a_fit, folder, dirs_exist_ok=True)


class TestFit:
    @pytest.mark.family
    def test_fits_add_up_until_the_cap_refuses_one_before_the_table_is_read(self, monkeypatch):
        cap = ("--epsilon-cap", "1.6", "--delta-cap", "1e-5")
        fit(*cap)
        fit(*cap)
        text = run("ledger", "show", "people.ledger")
        assert "people.ledger: intact" in text
        assert "cap epsilon 1.6 at delta 1e-05" in text
        assert text.count("done") == 2
        before = Path("people.ledger").read_bytes()
        monkeypatch.setattr("tabgan.io.open_table", lambda *a, **k: pytest.fail("read"))
        said = fit(*cap, code=1)
        assert "over its cap of 1.6" in said
        assert "No row was read" in said
        assert Path("people.ledger").read_bytes() == before

    def test_a_cap_needs_a_ledger_and_its_delta(self):
        assert "expected --ledger with it" in run(
            "fit", "people.csv", "-o", "m", "--epsilon-cap", "1", code=2
        )
        assert "epsilon_cap and delta_cap together" in fit("--epsilon-cap", "1", code=2)

    @pytest.mark.family
    def test_a_newer_state_of_the_table_is_taken_when_it_is_said_to_be_one(self, fitted):
        df = pd.read_csv("people.csv")
        df.iloc[1:].to_csv("people.csv", index=False)
        assert "--table-may-change" in fit(code=1)
        fit("--table-may-change")
        assert len(LedgerFile(Path("people.ledger")).fits) == 2

    def test_a_folder_for_a_model_is_refused_before_anything_is_spent(self):
        Path("taken").mkdir()
        assert "expected a file name" in run("fit", "people.csv", "-o", "taken", "--ledger", "l", code=2)
        assert not Path("l").exists()

    def test_an_interrupt_says_what_is_spent_and_what_goes_on(self, monkeypatch):
        def stop(*arguments, **options):
            raise KeyboardInterrupt

        monkeypatch.setattr("tabgan.fitting.fit._anchored_generator", stop)
        said = fit("--checkpoint", "ck", code=130)
        assert "Interrupted. Already spent by this fit: epsilon" in said
        assert "the same command resumes" in said

    def test_no_privacy_has_no_place_in_it(self):
        assert "epsilon=None spends without limit" in fit("--epsilon", "none", code=2)
        assert not Path("people.ledger").exists()

    @pytest.mark.family
    def test_a_finished_fit_leaves_no_checkpoint(self):
        fit("--checkpoint", "ck")
        assert not Path("ck").exists()


class TestShow:
    def test_in_json(self, fitted):
        found = json.loads(run("ledger", "show", "people.ledger", "--json", "--delta", "1e-4"))
        assert (found["delta"], found["epsilon_cap"], found["epsilon_next"]) == (1e-4, None, None)
        assert 0 < found["epsilon_spent"] < found["fits"][0]["epsilon_spent"] <= 1.0
        assert found["hash"] == LedgerFile(Path("people.ledger")).place().hash

    def test_without_a_cap_nothing_is_refused_and_it_says_so(self, fitted):
        assert "none: nothing is refused" in run("ledger", "show", "people.ledger")

    def test_what_was_tampered_with_is_refused(self, fitted):
        text = Path("people.ledger").read_text()
        Path("people.ledger").write_text(text.replace('"noise_multiplier":', '"noise_multiplier":9', 1))
        assert "was changed, moved" in run("ledger", "show", "people.ledger", code=1)
        assert "was changed, moved" in fit(code=1)

    def test_what_was_cut_off_is_refused(self, fitted):
        lines = Path("people.ledger").read_text().splitlines(keepends=True)
        Path("people.ledger").write_text("".join(lines[:-3]))
        assert "lines are missing" in run("ledger", "show", "people.ledger", code=1)

    def test_no_such_file(self):
        assert "people.ledger" in run("ledger", "show", "people.ledger", code=2)


class TestCap:
    @pytest.mark.family
    def test_is_raised_in_a_line_that_stays(self):
        fit("--epsilon-cap", "1.2", "--delta-cap", "1e-6")
        fit(code=1)
        run("ledger", "cap", "people.ledger", "--epsilon-cap", "3", "--delta-cap", "1e-5")
        fit()
        caps = [r["epsilon"] for r in LedgerFile(Path("people.ledger")).records if r["kind"] == "cap"]
        assert caps == [1.2, 3.0]

    @pytest.mark.family
    def test_cannot_be_raised_by_a_fit(self):
        fit("--epsilon-cap", "1.2", "--delta-cap", "1e-6")
        assert "tabgan ledger cap" in fit("--epsilon-cap", "9", "--delta-cap", "1e-6", code=1)

    @pytest.mark.family
    def test_one_that_is_reached_already_is_taken_only_when_it_is_meant(self):
        fit("--epsilon-cap", "3", "--delta-cap", "1e-5")
        low = ("ledger", "cap", "people.ledger", "--epsilon-cap", "0.1", "--delta-cap", "1e-5")
        said = run(*low, code=1)
        assert "counts in" in said
        assert "would refuse every further fit" in said
        assert LedgerFile(Path("people.ledger")).cap.epsilon == 3.0
        assert "every further fit will be refused" in run(*low, "--force")
        assert LedgerFile(Path("people.ledger")).cap.epsilon == 0.1
        assert "over its cap of 0.1" in fit(code=1)

    @pytest.mark.family(keep=1)
    @pytest.mark.parametrize("epsilon", ["nan", "-1", "inf", "0"])
    def test_nonsense(self, fitted, epsilon):
        run("ledger", "cap", "people.ledger", "--epsilon-cap", epsilon, "--delta-cap", "1e-5", code=2)


class TestUnfinished:
    def _interrupt(self, monkeypatch, *more):
        def stop(*arguments, **options):
            raise RuntimeError("the machine goes down")

        with monkeypatch.context() as patch:
            patch.setattr("tabgan.fitting.fit._anchored_generator", stop)
            return fit("--checkpoint", "ck", *more, code=1)

    @pytest.mark.family
    def test_goes_on_with_the_same_ledger(self, monkeypatch):
        assert "spent by this fit: epsilon" in self._interrupt(monkeypatch)
        (open_fit,) = LedgerFile(Path("people.ledger")).fits
        assert open_fit.outcome is None
        fit("--checkpoint", "ck")
        (done,) = LedgerFile(Path("people.ledger")).fits
        assert (done.name, done.outcome) == (open_fit.name, "done")

    @pytest.mark.family
    def test_holds_its_whole_plan_until_it_is_closed(self, monkeypatch):
        self._interrupt(monkeypatch, "--epsilon-cap", "1.2", "--delta-cap", "1e-6")
        (held,) = LedgerFile(Path("people.ledger")).fits
        said = fit("--epsilon", "0.6", code=1)
        assert f"1 unfinished fits count ({held.name})" in said
        run("ledger", "close", "people.ledger", held.name)
        assert "it cannot resume" in fit("--checkpoint", "ck", code=1)
        assert "no open fit 'unknown'" in run("ledger", "close", "people.ledger", "unknown", code=1)


class TestAdopt:
    def test_a_lost_guard(self, fitted):
        Path("people.ledger.guard").unlink()
        assert "tabgan ledger adopt" in fit(code=1)
        run("ledger", "adopt", "people.ledger")
        fit()
        assert "adopted 1 times without its guard" in run("ledger", "show", "people.ledger")

    def test_only_where_it_is_lost(self, fitted):
        assert "Only a ledger without a guard can be adopted" in run(
            "ledger", "adopt", "people.ledger", code=1
        )


class TestJobs:
    JOB = """
source: {path: people.csv, holdout: 0.25}
schema: {entity: key, max_rows: 2, columns: {key: {kind: identifier, dtype: int64}}}
ledger: {path: people.ledger, epsilon_cap: 1.6, delta_cap: 1.0e-5}
checkpoint: out/people.checkpoint
report: false
random_state: 0
"""

    @pytest.fixture(autouse=True)
    def _job(self, folder):
        Path("people.yaml").write_text(self.JOB)

    @pytest.mark.family
    def test_the_ledger_is_of_the_whole_source_whatever_is_held_out(self):
        """The coins are fresh in each run; the table is not another one for that."""
        text = run("run", "people.yaml")
        assert "protects one entity (key), at most 2 rows each; add or remove one" in text
        assert "ledger" in text
        assert "done before" in run("run", "people.yaml")
        run("run", "people.yaml", "--again")
        assert len(LedgerFile(Path("people.ledger")).fits) == 2
        assert not Path("out/people.checkpoint").exists()
        said = run("run", "people.yaml", "--again", code=1)
        assert "over its cap of 1.6" in said

    @pytest.mark.family
    def test_the_cap_refuses_before_the_source_is_read(self, monkeypatch):
        run("run", "people.yaml")
        run("run", "people.yaml", "--again")
        monkeypatch.setattr(jobs_run, "in_one_frame", lambda *a, **k: pytest.fail("read"))
        assert "over its cap" in run("run", "people.yaml", "--again", code=1)

    def test_no_entity_is_on_both_sides(self):
        from tabgan.jobs.loading import load_jobs

        tables = jobs_run.read_split(load_jobs("people.yaml")[0])
        assert len(tables.real) + len(tables.holdout) == len(tables.source)
        assert set(tables.real["key"]).isdisjoint(tables.holdout["key"])
        assert 0.15 < len(tables.holdout) / len(tables.source) < 0.35

    @pytest.mark.family
    def test_an_interrupted_job_goes_on_with_the_same_rows(self, monkeypatch):
        def stop(*arguments, **options):
            raise RuntimeError("the machine goes down")

        seen, sound = [], jobs_run._fit
        monkeypatch.setattr(
            jobs_run, "_fit", lambda job, tables, *others: seen.append(tables) or sound(job, tables, *others)
        )
        with monkeypatch.context() as patch:
            patch.setattr("tabgan.fitting.fit._anchored_generator", stop)
            run("run", "people.yaml", code=1)
        run("run", "people.yaml")
        pd.testing.assert_frame_equal(seen[0].real, seen[1].real)
        (fit,) = LedgerFile(Path("people.ledger")).fits
        assert fit.outcome == "done"

    def test_the_schema_keeps_its_entity_beside_a_target(self):
        from tabgan.jobs.loading import load_jobs

        Path("people.yaml").write_text(self.JOB + "target: old\n")
        schema = load_jobs("people.yaml")[0].declared_schema
        assert (schema.target, schema.entity, schema.max_rows) == ("old", "key", 2)

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ("ledger: 5", "ledger: expected a path or a mapping"),
            ("ledger: {cap: 5}", "ledger.cap: unknown key"),
            ("ledger: {epsilon_cap: 5, delta_cap: 0.1}", "ledger.path: expected a value, got nothing"),
            (
                "ledger: {path: l, epsilon_cap: .nan, delta_cap: 1.0e-6}",
                "ledger.epsilon_cap: expected a number",
            ),
            ("ledger: {path: l, epsilon_cap: 1}", "epsilon_cap and delta_cap together"),
            ("ledger: {path: l, epsilon_cap: 1, delta_cap: 1}", "ledger.delta_cap: expected a number"),
            ("ledger: {path: l, table_may_change: 3}", "ledger.table_may_change: expected true or false"),
            ("ledger: l\nmodel: {epsilon: null}", "ledger: a fit with epsilon: null spends without limit"),
            ("checkpoint: 7", "checkpoint: expected a path as text"),
            ("checkpoint: out/bad", "checkpoint: expected a separate folder"),
            ("ledger: ck/l\ncheckpoint: ck", "ledger.path: expected a place outside the checkpoint"),
            ("schema: {entity: key}", "entity: expected entity and max_rows together"),
            ("schema: {entity: key, max_rows: 0, columns: {}}", "max_rows"),
        ],
    )
    def test_problems_are_found_when_the_file_is_read(self, change, message):
        Path("bad.yaml").write_text(f"source: {{path: people.csv}}\n{change}\n")
        assert message in run("run", "bad.yaml", code=2)


def test_a_schema_of_entities_survives_yaml():
    schema = Schema(entity="key", max_rows=3)
    assert Schema.from_yaml(schema.to_yaml()) == schema
