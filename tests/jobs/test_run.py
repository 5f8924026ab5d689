from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from tabgan.audit.mechanism_checks import MechanismCheck as Mechanism
from tabgan.audit.outcome import AuditResult
from tabgan.bundle.names import DE_IDENTIFICATION, DESCRIPTIONS, INPUT_KEY, SEALS
from tabgan.errors import AuditError, ConfigError, DataError, OutOfMemoryError, SchemaError
from tabgan.evaluation import FixedCombinations, Inequality
from tabgan.evaluation.gate import Check, Decision, Gate
from tabgan.io.data_source import DataSource, in_one_frame
from tabgan.jobs.executors import JobFailure, exit_code
from tabgan.jobs.loading import load_jobs
from tabgan.jobs.run import ARCHIVE, FILES, JobResult, read_split, rows_to_sample, run_job
from tabgan.schema import Numeric, Schema
from tabgan.synthesizer import TabGAN


@pytest.fixture
def job(tmp_path, people, monkeypatch, fake_model):
    """Return a job over 200 people whose folder does not exist yet."""
    people.to_csv(tmp_path / "people.csv", index=False)
    (tmp_path / "jobs.yaml").write_text(
        "name: people\nsource: {path: people.csv}\ntarget: town\nrandom_state: 3\n"
    )
    monkeypatch.chdir(tmp_path)
    return load_jobs("jobs.yaml")[0]


def _names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


class TestRun:
    @pytest.mark.family
    def test_writes_everything(self, job, tmp_path):
        result = run_job(replace(job, report=replace(job.report, pdf=True)))
        folder = tmp_path / "out/people"
        record = "internal/outcome.json"
        unasked = {
            record,
            "internal/model.tabgan",
            "release/marginals.parquet",
            "release/synthetic.csv.meta.json",
        }
        unasked |= {f"release/{name}" for name in (*DESCRIPTIONS, *SEALS)} | {ARCHIVE}
        unasked |= {f"internal/{name}" for name in (DE_IDENTIFICATION, INPUT_KEY)}
        expected = [n for n in FILES if not n.startswith("withheld") and n not in unasked]
        assert [str(path.absolute().relative_to(folder)) for path in result.files] == expected
        assert all(path.is_file() for path in result.files)
        assert [n for n in _names(folder) if (folder / n).is_file()] == sorted([*expected, record])
        assert list(result.seconds) == ["read", "fit", "sample", "evaluate", "write"]
        assert result.headline == (("quality", "0.97"),)
        assert (result.privacy.epsilon, result.privacy.is_private) == (1.0, True)
        assert len(pd.read_csv(result.files[0])) == result.n_rows
        assert Schema.from_yaml(folder / "release/schema.yaml").target == "town"

    def test_each_edition_is_in_its_folder(self, job, tmp_path):
        run_job(job)
        for name in ("report.html", "report.json", "data-card.md"):
            assert (tmp_path / "out/people/release" / name).read_text().startswith("SHAREABLE")
            assert (tmp_path / "out/people/internal" / name).read_text().startswith("INTERNAL")

    def test_only_what_is_asked_for(self, job):
        quiet = replace(job, output=replace(job.output, parquet=False, model=False), report=None)
        names = [str(path) for path in run_job(quiet).files]
        assert names == ["out/people/release/synthetic.csv", "out/people/release/schema.yaml"]

    @pytest.mark.parametrize("rule", [Inequality("agee", "income"), FixedCombinations(("town", "agee"))])
    def test_a_rule_of_no_column_is_refused_before_the_fit(self, job, fake_model, rule):
        with pytest.raises(ConfigError, match=r"rules\[1\]\..* 'agee'.*Did you mean 'age'"):
            run_job(replace(job, rules=(Inequality("age", 100), rule)))
        assert fake_model.fitted == []

    @pytest.mark.parametrize(("escapes", "expected"), [(True, "'=1+1"), (False, "=1+1")])
    def test_formulas_are_escaped_on_demand(self, job, fake_model, monkeypatch, escapes, expected):
        rows = pd.DataFrame({"age": [1], "income": [1.0], "town": ["=1+1"]})
        monkeypatch.setattr(fake_model, "sample", lambda self, n, **options: rows)
        output = replace(job.output, escape_formulas=escapes)
        result = run_job(replace(job, output=output, report=None))
        assert pd.read_csv(result.files[0])["town"].tolist() == [expected]

    def test_rows_under_conditions_are_written_and_the_models_own_judged(self, job, fake_model):
        wanted = {"conditions": {"town": "Ulm"}, "impute": True}
        result = run_job(replace(job, output=replace(job.output, rows=5, **wanted)))
        model = fake_model.fitted[-1]
        assert (model.conditions, model.others) == ({"town": "Ulm"}, {"impute": True})
        assert (result.n_rows, len(model.evaluated[2]["synthetic"])) == (5, 5)

    @pytest.mark.parametrize(
        ("wanted", "error", "words"),
        [
            ({"conditions": {"twon": "Ulm"}}, SchemaError, "output.conditions: no column 'twon'"),
            ({"proportions": {"twon": {"Ulm": 1.0}}}, SchemaError, "output.proportions: no column 'twon'"),
            (
                {"conditions": {"age": {"min": 500}}},
                DataError,
                "column 'age': what is asked for is not in the declared",
            ),
        ],
    )
    def test_rows_that_there_cannot_be_are_refused_before_the_fit(
        self, job, fake_model, wanted, error, words
    ):
        age = Numeric(name="age", bounds=(0, 120), decimals=0, dtype="Int64")
        with pytest.raises(error, match=words):
            run_job(replace(job, schema=Schema([age]), output=replace(job.output, **wanted)))
        assert fake_model.fitted == []

    def test_a_second_run_takes_the_place_of_the_first(self, job, tmp_path):
        run_job(job)
        (tmp_path / "out/people/notes.txt").write_text("mine")
        run_job(replace(job, report=None))
        assert _names(tmp_path / "out/people") == [
            "internal",
            "internal/outcome.json",
            "notes.txt",
            "release",
            *(
                f"release/{name}"
                for name in ("model.tabgan", "schema.yaml", "synthetic.csv", "synthetic.parquet")
            ),
        ]
        assert (tmp_path / "out/people/notes.txt").read_text() == "mine"

    def test_the_model_gets_its_arguments(self, job, fake_model):
        run_job(replace(job, model={"epsilon": None, "device": "cpu"}))
        (model,) = fake_model.fitted
        assert (model.epsilon, model.device, model.random_state) == (None, "cpu", 3)
        assert model.schema == Schema(target="town")

    def test_progress(self, job):
        seen = []
        run_job(job, progress=lambda *step: seen.append(step))
        assert seen[:3] == [("read", 0, 1), ("read", 1, 1), ("training", 1, 2)]
        assert ("write", 1, 1) in seen

    def test_a_folder_that_cannot_be_written_stops_it_before_anything_is_read(self, job, monkeypatch):
        Path("blocked").touch()
        monkeypatch.setattr("tabgan.jobs.run.in_free_memory", lambda *a, **k: pytest.fail("read"))
        with pytest.raises(ConfigError, match="expected a folder"):
            run_job(replace(job, output=replace(job.output, folder=Path("blocked/out"))))

    @pytest.mark.family(keep=3)
    @pytest.mark.parametrize("stage", ["fit", "sample", "save", "evaluate", "_write_report"])
    @pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
    def test_failure_leaves_nothing_behind(self, job, tmp_path, fake_model, monkeypatch, stage, error):
        def fail(*arguments, **options):
            raise error

        owner = {"_write_report": sys.modules["tabgan.jobs.run"]}
        monkeypatch.setattr(owner.get(stage, fake_model), stage, fail)
        before = _names(tmp_path)
        with pytest.raises(error):
            run_job(job)
        assert _names(tmp_path) == before


class TestGate:
    """Without a pass there is no release, and the reasons are told."""

    REFUSED = Decision(
        "failed", (Check("tvd2", "Pairs", "at_most", 0.1, 0.2, False, "Pairs: 0.2, at most 0.1."),)
    )

    @pytest.fixture
    def refused(self, job, fake_model) -> JobResult:
        fake_model.decision = self.REFUSED
        return run_job(replace(job, gate=Gate(epsilon=1.0)))

    def test_no_release_is_written(self, refused, tmp_path):
        folder = tmp_path / "out/people"
        assert refused.decision == self.REFUSED
        assert not (folder / "release").exists()
        assert (folder / "withheld/synthetic.csv").is_file()
        assert (folder / "withheld/model.tabgan").is_file()
        assert (folder / "internal/report.html").is_file()
        texts = [path.read_text() for path in folder.rglob("*.html")]
        assert texts == ["INTERNAL people"]

    def test_the_release_of_an_earlier_run_is_taken_back(self, job, fake_model, tmp_path):
        run_job(job)
        assert (tmp_path / "out/people/release/synthetic.csv").is_file()
        fake_model.decision = self.REFUSED
        run_job(job)
        assert not (tmp_path / "out/people/release").exists()
        fake_model.decision = Decision("passed")
        run_job(job)
        assert not (tmp_path / "out/people/withheld").exists()

    @pytest.mark.parametrize("name", ["release", "internal", "withheld"])
    @pytest.mark.parametrize("is_link", [True, False])
    def test_a_link_that_would_carry_files_elsewhere(self, job, tmp_path, monkeypatch, name, is_link):
        folder = tmp_path / "out/people"
        folder.mkdir(parents=True)
        (folder / name).symlink_to(tmp_path) if is_link else (folder / name).touch()
        monkeypatch.setattr("tabgan.jobs.run.in_free_memory", lambda *a, **k: pytest.fail("read"))
        with pytest.raises(ConfigError, match="found a link or a file"):
            run_job(job)

    def test_exit_code(self, refused, job, fake_model):
        fake_model.decision = Decision("passed")
        passed, failure = run_job(job), JobFailure("other", "no")
        assert exit_code([passed]) == 0
        assert exit_code([passed, failure]) == 1
        assert exit_code([refused, passed]) == exit_code([failure, refused]) == 3

    def test_without_a_guarantee_nothing_is_released(self, job, tmp_path):
        run_job(replace(job, model={"epsilon": None}))
        assert not (tmp_path / "out/people/release").exists()
        assert (tmp_path / "out/people/withheld/synthetic.csv").is_file()

    def test_what_the_model_is_told(self, job, fake_model):
        report = replace(job.report, private_metrics_epsilon=0.5)
        run_job(replace(job, gate=Gate(epsilon=2.0), report=report))
        real, holdout, options = fake_model.fitted[0].evaluated
        assert len(real) + len(holdout) == 200
        assert options["gate"] == Gate(epsilon=2.0)
        assert options["private_metrics_epsilon"] == 0.5
        assert len(options["source_table"]) == 200
        assert options["about"]["random_state"] == "3"

    def test_an_audit_is_run_where_the_gate_holds_one(self, job, fake_model, monkeypatch):
        seen = []

        def audit(epsilon, delta, **options):
            seen.append((epsilon, delta, options["max_rows"], options["n_targets"], options["n_rows"]))
            return AuditResult(epsilon, delta, "row", (), (), 0.95, 1.0)

        monkeypatch.setattr("tabgan.audit.audit", audit)
        run_job(job)
        assert seen == []
        run_job(replace(job, gate=Gate(audit=1.0)))
        assert seen == [(1.0, 1e-6, 1, 1, None)]
        many = Schema(targets=["town", "age"], n_rows=900_000)
        run_job(
            replace(
                job,
                gate=Gate(audit=1.0),
                schema=many,
                target=None,
                output=replace(job.output, folder="other"),
            )
        )
        assert seen[1] == (1.0, 1e-6, 1, 2, 900_000)
        assert fake_model.fitted[1].evaluated[2]["audit"].epsilon == 1.0

    def test_an_installation_that_fails_its_audit_reads_no_row(self, job, monkeypatch):
        broken = Mechanism("noise", 1.0, 0.5, 0.9, 1.1)
        monkeypatch.setattr(
            "tabgan.audit.audit", lambda *_, **__: AuditResult(1, 1e-6, "row", (broken,), (), 0.95, 1)
        )
        monkeypatch.setattr("tabgan.jobs.run.in_free_memory", lambda *a, **k: pytest.fail("read"))
        with pytest.raises(AuditError):
            run_job(replace(job, gate=Gate(audit=1.0)))


class TestHoldout:
    def test_no_row_is_on_both_sides_and_none_is_lost(self, job):
        _, real, holdout = read_split(job)
        assert 10 < len(holdout) < 80
        everyone = pd.read_csv("people.csv", dtype=object)
        both = pd.concat([real, holdout]).sort_values(list(everyone.columns), ignore_index=True)
        pd.testing.assert_frame_equal(both, everyone.sort_values(list(everyone.columns), ignore_index=True))

    def test_seeded_without_privacy(self, job):
        job = replace(job, model={"epsilon": None})
        first, again = read_split(job).holdout, read_split(job).holdout
        pd.testing.assert_frame_equal(first, again)
        other = read_split(replace(job, random_state=4)).holdout
        assert not first.equals(other)

    @pytest.mark.parametrize("model", [{}, {"epsilon": 1.0}])
    def test_fresh_in_a_private_job(self, job, model):
        """Seeded coins go by position: without its first row, a table would be split in another way altogether."""
        job = replace(job, model=model)
        assert not read_split(job).holdout.equals(read_split(job).holdout)

    def test_the_model_never_sees_it(self, job, fake_model):
        job = replace(job, model={"epsilon": None})
        run_job(job)
        pd.testing.assert_frame_equal(fake_model.fitted[0].df, read_split(job).real)

    def test_a_csv_is_read_as_text_but_for_declared_dtypes(self, job):
        """A dtype guessed from the rows would be a release without noise."""
        real = read_split(replace(job, source=replace(job.source, dtypes={"income": "float64"}))).real
        assert real.dtypes.astype(str).to_dict() == {"age": "object", "income": "float64", "town": "object"}

    def test_file(self, job, people):
        people.head(5).to_csv("rest.csv", index=False)
        _, real, holdout = read_split(replace(job, source=replace(job.source, holdout="rest.csv")))
        assert (len(real), len(holdout)) == (200, 5)

    def test_file_with_other_columns(self, job, people):
        people[["town", "age", "income"]].to_csv("rest.csv", index=False)
        with pytest.raises(DataError, match=r"source\.holdout: expected the columns of the source"):
            read_split(replace(job, source=replace(job.source, holdout="rest.csv")))

    @pytest.mark.parametrize("n_rows", [0, 1])
    def test_too_few_rows(self, job, people, n_rows):
        people.head(n_rows).to_csv("people.csv", index=False)
        with pytest.raises(DataError, match="too few rows"):
            read_split(job)

    def test_more_rows_than_memory_are_refused_before_one_is_read(self, job, monkeypatch):
        monkeypatch.setattr("tabgan.io.data_source.free_memory", lambda: 1_000)
        monkeypatch.setattr(DataSource, "__iter__", lambda *_: pytest.fail("read"))
        with pytest.raises(
            OutOfMemoryError, match=r"^source: .* its files take .*Set report: false.* spent nothing\.$"
        ):
            read_split(job)

    def test_or_as_soon_as_rows_show_it(self, job, monkeypatch):
        monkeypatch.setattr("tabgan.io.data_source.free_memory", lambda: 50_000)
        with pytest.raises(OutOfMemoryError, match="the rows read so far take"):
            read_split(job)

    def test_without_a_holdout_they_are_read_in_parts(self, job, fake_model, monkeypatch):
        monkeypatch.setattr("tabgan.io.data_source.free_memory", lambda: 1_000)
        run_job(replace(job, report=None))
        assert len(fake_model.fitted[0].df) == 200

    def test_none(self, job):
        source, real, holdout = read_split(replace(job, report=None))
        assert source is None
        assert len(in_one_frame(real)) == 200
        assert holdout is None


class TestReading:
    def test_dtypes_of_the_schema_hold_for_the_file(self, job):
        schema = Schema(columns=[Numeric(name="age", dtype="Int64"), Numeric(name="income", dtype="float32")])
        source = replace(job.source, dtypes={"income": "float64"})
        real = read_split(replace(job, schema=schema, source=source)).real
        assert [str(dtype) for dtype in real.dtypes] == ["Int64", "float64", "object"]


def test_a_declared_number_of_rows_that_is_too_small_stops_a_job_before_it_reads(
    job, fake_model, monkeypatch
):
    monkeypatch.setattr("tabgan.jobs.run.in_free_memory", lambda *a, **k: pytest.fail("read"))
    monkeypatch.setattr(fake_model, "check_params", lambda model: TabGAN(schema=model.schema).check_params())
    with pytest.raises(ConfigError, match="n_rows: 3 rows are too few"):
        run_job(replace(job, schema=Schema(n_rows=3)))


class TestRows:
    @pytest.mark.parametrize(("n_rows", "expected"), [(159.7, 160), (0.2, 1)])
    def test_same_follows_the_noisy_number_and_never_the_real_one(self, job, n_rows, expected):
        assert rows_to_sample(job.output, n_rows) == expected

    def test_a_number(self, job):
        assert rows_to_sample(replace(job.output, rows=7), 159.7) == 7


class TestColumns:
    """Faults that the header shows are told before a row is read, and before an audit takes its time."""

    @pytest.mark.parametrize(
        ("wrong", "words"),
        [
            ({"target": "twon"}, "target: no column 'twon'. Did you mean 'town'"),
            (
                {"schema": Schema([Numeric(name="agee")])},
                "Column 'agee': in the schema, but not in the table",
            ),
        ],
    )
    @pytest.mark.parametrize("suffix", ["csv", "parquet"])
    def test_are_checked_first(self, job, tmp_path, monkeypatch, wrong, words, suffix):
        path = tmp_path / f"t.{suffix}"
        people = pd.read_csv(tmp_path / "people.csv")
        people.to_parquet(path) if suffix == "parquet" else people.to_csv(path, index=False)

        def reads(*args):
            raise AssertionError("a row was read")

        monkeypatch.setattr("tabgan.jobs.run.read_split", reads)
        wrong = {"target": None} | wrong
        with pytest.raises(SchemaError, match=words):
            run_job(replace(job, source=replace(job.source, path=path), **wrong))


def test_a_draft_off_rows_stops_a_job_before_it_reads(job, monkeypatch):
    """Its error says that no row was read."""
    monkeypatch.setattr("tabgan.jobs.run.in_free_memory", lambda *a, **k: pytest.fail("read"))
    with pytest.raises(SchemaError, match="No row was read"):
        run_job(replace(job, schema=Schema(drafted="from rows")))
