"""``tabgan evaluate`` and ``TabGAN.evaluate``, with the real model in few steps."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from tabgan import TabGAN
from tabgan.cli.app import app
from tabgan.errors import DataError, NotFittedError
from tabgan.io import read_table
from tabgan.io.sources import _IS_EXACT
from tabgan.privacy.ledger.file import LedgerFile

pytestmark = pytest.mark.usefixtures("few_trees")


def table(n_rows: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    age = rng.integers(20, 80, n_rows)
    return pd.DataFrame({"age": age, "ill": np.where(rng.random(n_rows) < age / 100, "yes", "no")})


@pytest.fixture(scope="module")
def model() -> TabGAN:
    return TabGAN(epsilon=5.0, random_state=0).fit(table(1_500, 0))


@pytest.mark.family
def test_the_method_returns_figures_that_can_be_written(model, tmp_path):
    synthetic = model.sample(1_500, random_state=0)
    report = model.evaluate(table(1_500, 0), table(600, 1), synthetic=synthetic, target="ill")
    assert dict(report.shareable.headline)["valid"] == "100.0%"
    # Noise may have put ages into the released range that no row holds.
    in_range = float(synthetic["age"].between(20, 79).mean())
    assert report.evaluation["validity"].value == pytest.approx((in_range + 1) / 2)
    assert report.evaluation.target == "ill"
    assert report.evaluation["tstr"].is_computed
    assert "INTERNAL" in report.to_html(tmp_path / "r.html").read_text()
    assert json.loads(report.to_json(tmp_path / "r.json").read_text())["edition"] == "internal"


def test_tables_of_other_columns_are_refused(model):
    with pytest.raises(DataError, match="ill"):
        model.evaluate(table(200, 0), table(200, 1)[["age"]])


def test_before_fit_there_is_nothing_to_evaluate():
    with pytest.raises(NotFittedError):
        TabGAN().evaluate(table(10, 0), table(10, 1))


def run(*arguments: object, code: int | None = 0):
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert code is None or result.exit_code == code, result.output
    return result


@pytest.mark.family
def test_the_command_writes_the_report(model, tmp_path):
    model.save(tmp_path / "m.tabgan")
    for name, frame in {
        "real": table(1_500, 0),
        "holdout": table(600, 1),
        "synthetic": model.sample(900),
    }.items():
        frame.to_csv(tmp_path / f"{name}.csv", index=False)
    files = ["--real", tmp_path / "real.csv", "--holdout", tmp_path / "holdout.csv"]
    result = run("evaluate", tmp_path / "m.tabgan", *files, "--target", "ill", "-o", tmp_path / "r.html")
    assert "INTERNAL" in result.stdout
    assert "TSTR" in result.stdout
    run(
        "evaluate",
        tmp_path / "m.tabgan",
        *files,
        "--synthetic",
        tmp_path / "synthetic.csv",
        "-o",
        tmp_path / "r.json",
    )
    assert json.loads((tmp_path / "r.json").read_text())["edition"] == "internal"


@pytest.fixture(scope="module")
def fitted_folder(tmp_path_factory) -> Path:
    """A folder with a table, and a model that the command has fitted to it, with the ledger ``l``."""
    folder = tmp_path_factory.mktemp("fit")
    df = table(600, 0).assign(
        since=pd.Timestamp("2020-01-29"), share=lambda t: t["age"] / 7, code=lambda t: t["age"] % 3 == 0
    )
    df.loc[::9, "ill"] = None
    df["size"] = ["many", "007", *map(str, range(598))]  # that a schema reads as a number changes no digest
    df.to_csv(folder / "real.csv", index=False)
    table(300, 1).assign(since="2020-02-01", share=0.5, code=True, size=3).to_csv(
        folder / "holdout.csv", index=False
    )
    model = TabGAN(epsilon=5.0, adversary_share=0.0, random_state=0)
    model.fit(read_table(folder / "real.csv", as_text=True), untyped_text=True, ledger=folder / "l").save(
        folder / "m"
    )
    return folder


@pytest.mark.usefixtures("few_steps")
class TestTheTableOfTheFit:
    """Private metrics beside a fit with a ledger need the fit's table: its rows, in whatever order and form."""

    MORE = (
        "--holdout",
        "holdout.csv",
        "--shareable",
        "--private-metrics-delta",
        "1e-6",
        "--private-metrics-epsilon",
        "0.1",
        "--ledger",
        "l",
        "-o",
        "r.json",
        "--force",
    )

    @pytest.fixture
    def here(self, fitted_folder, tmp_path, monkeypatch) -> pd.DataFrame:
        shutil.copytree(fitted_folder, tmp_path, dirs_exist_ok=True)
        monkeypatch.chdir(tmp_path)
        exact = {} if _IS_EXACT else {"float_precision": "round_trip"}
        return pd.read_csv("real.csv", parse_dates=["since"], **exact)

    @pytest.mark.family(keep=1)
    @pytest.mark.parametrize("form", ["as it is", "shuffled", "int32", "parquet", "arrow"])
    def test_is_taken_as_what_it_is(self, here, form):
        name = "real.csv" if form == "as it is" else "other.parquet"
        if form == "shuffled":
            name = "other.csv"
            here.sample(frac=1, random_state=0).to_csv(name, index=False)
        elif form == "int32":
            here.astype({"age": "int32", "ill": "category"}).to_parquet(name)
        elif form == "parquet":
            here[here.columns[::-1]].to_parquet(name, index=False)
        elif form == "arrow":
            pq.write_table(pa.Table.from_pandas(here).replace_schema_metadata(None), name)
        run("evaluate", "m", "--real", name, *self.MORE)
        assert len(LedgerFile(Path("l")).fits) == 2

    @pytest.mark.family
    def test_or_refused(self, here):
        here.iloc[1:].to_csv("other.csv", index=False)
        found = run("evaluate", "m", "--real", "other.csv", *self.MORE, code=None)
        assert found.exit_code != 0
        assert "belongs to another table" in " ".join(found.output.split())

    @pytest.mark.family
    def test_may_be_what_a_part_was_taken_from(self, here):
        """As where a job held rows out: the ledger is the whole table's."""
        here.iloc[:500].to_csv("part.csv", index=False)
        run("evaluate", "m", "--real", "part.csv", "--source-table", "real.csv", *self.MORE)
        found = run(
            "evaluate", "m", "--real", "real.csv", "--source-table", "part.csv", *self.MORE, code=None
        )
        assert "belongs to another table" in " ".join(found.output.split())

    def test_is_not_asked_for_without_a_ledger(self, here):
        options = ["--holdout", "holdout.csv", "--source-table", "real.csv", "-o", "r.json"]
        found = run("evaluate", "m", "--real", "real.csv", *options, code=2)
        assert "--source-table: expected --ledger with it" in found.output


@pytest.fixture
def files(model, tmp_path, monkeypatch) -> list[str]:
    monkeypatch.chdir(tmp_path)
    model.save(tmp_path / "m.tabgan")
    table(1_500, 0).to_csv("real.csv", index=False)
    table(600, 1).to_csv("holdout.csv", index=False)
    return ["evaluate", "m.tabgan", "--real", "real.csv", "--holdout", "holdout.csv", "--target", "ill"]


@pytest.mark.usefixtures("few_steps")
class TestGateAndEdition:
    @pytest.mark.family
    def test_a_gate_that_refuses_is_exit_code_3(self, files):
        Path("gate.yaml").write_text("{epsilon: 1.0, fidelity: {tvd2: 0.9}}")
        result = run(*files, "--gate", "gate.yaml", "-o", "r.html", code=3)
        assert "The gate refuses the release: 1 of 2 limits not met." in result.stdout
        assert "Epsilon: 5 is promised; the limit is 1." in result.stdout
        assert "Failed: 1 of 2 limits is not met" in Path("r.html").read_text()

    @pytest.mark.family
    def test_no_edition_goes_out_that_the_gate_refuses(self, files):
        Path("gate.yaml").write_text("{epsilon: 10.0, fidelity: {tvd2: 0.0001}}")
        result = run(*files, "--shareable", "--gate", "gate.yaml", "-o", "r.html", code=3)
        assert "r.html: not written, because the gate refuses the release." in result.stdout
        assert not Path("r.html").exists()

    @pytest.mark.family
    def test_one_that_lets_pass(self, files):
        Path("gate.yaml").write_text("{epsilon: 5.0}")
        assert "The gate passes the table" in run(*files, "--gate", "gate.yaml", "-o", "r.md").stdout
        assert Path("r.md").read_text().startswith("# ")

    def test_a_gate_with_mistakes(self, files):
        Path("gate.yaml").write_text("{epsilon: 5.0, fidelity: {tvd9: 1}}")
        assert (
            "gate.fidelity.tvd9: unknown figure"
            in run(*files, "--gate", "gate.yaml", "-o", "r.md", code=2).output
        )

    def test_the_edition_that_may_go_out_needs_no_rows(self, files):
        result = run("evaluate", "m.tabgan", "--shareable", "-o", "r.json")
        assert "r.json: SHAREABLE" in result.stdout
        assert json.loads(Path("r.json").read_text())["edition"] == "shareable"

    def test_private_metrics(self, files):
        more = [
            "--private-metrics-epsilon",
            "0.5",
            "--private-metrics-delta",
            "1e-6",
            "--ledger",
            "people.ledger",
        ]
        run(*files, "--shareable", *more, "-o", "r.json")
        twin = json.loads(Path("r.json").read_text())
        assert "tvd2_private" in {metric["name"] for metric in twin["evaluation"]["metrics"]}
        assert Path("people.ledger").is_file()

    @pytest.mark.family
    def test_old_names_of_options(self, files):
        old = ["--evaluation-epsilon", "0.5", "--evaluation-delta", "1e-6"]
        result = run(*files, "--shareable", *old, "--ledger", "people.ledger", "-o", "r.json")
        for part in ("epsilon", "delta"):
            assert f"--evaluation-{part} is now called --private-metrics-{part}" in result.stderr
            assert f"--evaluation-{part}" not in run("evaluate", "--help").output
        assert json.loads(Path("r.json").read_text())["private_metrics"]["epsilon"] == 0.5
        both = run(*files, "--shareable", *old, "--private-metrics-epsilon", "0.5", "-o", "q.json", code=2)
        assert "--evaluation-epsilon: it is the old name" in both.output

    @pytest.mark.parametrize(
        ("more", "message"),
        [
            ([], "private_metrics_delta: expected the fit's delta"),
            (["--private-metrics-delta", "1e-5"], "private_metrics_delta: expected the fit's delta"),
            (["--private-metrics-delta", "1e-6", "--entity", "who"], "entity and max_rows together"),
            (
                ["--private-metrics-delta", "1e-6", "--entity", "who", "--max-rows", "2"],
                "protects one row, and private metrics",
            ),
        ],
    )
    def test_the_model_is_not_asked_what_private_metrics_promise(self, files, more, message):
        """Pitfall 38: its file is not signed."""
        options = ["--shareable", "--private-metrics-epsilon", "0.5", *more, "--ledger", "people.ledger"]
        assert message in " ".join(run(*files, *options, "-o", "r.json", code=2).output.split())
        assert not Path("people.ledger").exists()

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            (["-o", "r.html"], "--real: expected --real and --holdout"),
            (["-o", "r.html", "--real", "real.csv"], "--real: expected --real and --holdout"),
            (["-o", "r.html", "--shareable", "--gate", "standard"], "--gate: expected --real"),
            (
                ["-o", "r.html", "--shareable", "--private-metrics-epsilon", "1"],
                "--private-metrics-epsilon: expected --real",
            ),
        ],
    )
    def test_options_that_do_not_go_together(self, files, options, message):
        assert message in run("evaluate", "m.tabgan", *options, code=2).output

    def test_private_metrics_go_into_the_shareable_edition_only(self, files):
        assert (
            "expected --shareable"
            in run(*files, "--private-metrics-epsilon", "1", "-o", "r.html", code=2).output
        )
        assert "nothing else is charged" in run(*files, "--ledger", "p.ledger", "-o", "r.html", code=2).output

    def test_a_column_that_is_not_there(self, files):
        table(600, 1).rename(columns={"ill": "sick"}).to_csv("holdout.csv", index=False)
        said = run(*files, "-o", "r.html", code=2).output
        assert "--holdout: 'holdout.csv' has no column 'ill'" in said

    @pytest.mark.family
    def test_a_gate_as_in_a_job(self, files):
        Path("gate.yaml").write_text("gate: {epsilon: 5.0}")
        assert "The gate passes the table" in run(*files, "--gate", "gate.yaml", "-o", "r.html").stdout


@pytest.mark.family
def test_the_standard_gate(files):
    result = run(*files, "--gate", "standard", "-o", "r.json", code=None)
    assert "The gate" in result.stdout
    assert "tstr" in {check["name"] for check in json.loads(Path("r.json").read_text())["decision"]["checks"]}


def test_bad_arguments_are_found_before_anything_is_read(tmp_path):
    (tmp_path / "m.tabgan").write_text("x")
    files = ["--real", tmp_path / "none.csv", "--holdout", tmp_path / "none.csv"]
    assert (
        "--real" in run("evaluate", tmp_path / "m.tabgan", *files, "-o", tmp_path / "r.html", code=2).output
    )
    assert (
        ".html, .json, .pdf or .md"
        in run("evaluate", tmp_path / "m.tabgan", *files, "-o", tmp_path / "r.doc", code=2).output
    )


class TestTheHeadOfAReport:
    def test_statements_and_the_summary_alone(self, model, tmp_path):
        model.save(tmp_path / "m.tabgan")
        statements = ("--state", "controller=The bureau", "--state", "purpose=teaching")
        run(
            "evaluate",
            tmp_path / "m.tabgan",
            "--shareable",
            "--summary",
            *statements,
            "-o",
            tmp_path / "s.html",
        )
        html = (tmp_path / "s.html").read_text()
        assert all(text in html for text in ("The bureau", "teaching", 'id="summary"'))
        assert 'id="ledger"' not in html

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            (("--summary", "-o", "r.json"), "expected --output to end in .html or .pdf, got 'r.json'"),
            (
                ("--state", "controller", "-o", "r.html"),
                "expected KEY=TEXT once for each key, got 'controller'",
            ),
            (("--state", "author=a", "--state", "author=b", "-o", "r.html"), "once for each key"),
            (
                ("--state", "purpos=a", "-o", "r.html"),
                "--state: unknown key 'purpos'. Did you mean 'purpose'",
            ),
        ],
    )
    def test_options_that_do_not_fit(self, tmp_path, options, words):
        (tmp_path / "m.tabgan").write_text("x")
        result = run("evaluate", tmp_path / "m.tabgan", "--shareable", *options, code=2)
        assert words in re.sub(r"\s+", " ", result.output)
