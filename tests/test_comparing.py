"""``tabgan.compare``: tables and models side by side."""

import numpy as np
import pandas as pd
import pytest

import tabgan
from tabgan.errors import ConfigError, DataError, NotFittedError

pytestmark = pytest.mark.usefixtures("few_steps")


def table(n_rows: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame({"age": rng.integers(20, 80, n_rows), "size": rng.random(n_rows).round(3)})


REAL, HOLDOUT, GOOD, SMALL = table(400, 0), table(200, 1), table(300, 2), table(120, 3)
BAD = GOOD.assign(age=20)


@pytest.fixture(scope="module")
def model() -> tabgan.TabGAN:
    return tabgan.TabGAN(epsilon=5.0, random_state=0).fit(REAL)


def test_tables_and_models_beside_each_other(model, tmp_path):
    model.save(tmp_path / "dp.tabgan")
    GOOD.to_csv(tmp_path / "good.csv", index=False)
    systems = [tmp_path / "good.csv", tmp_path / "dp.tabgan", BAD]
    found = tabgan.compare(REAL, HOLDOUT, systems, gate={"fidelity": {"tvd1": 0.3}}, progress=False)
    assert found.names == ("good", "dp", "3")
    assert [system.promise for system in found.systems] == [None, (5.0, 1e-6), None]
    assert found.systems[2].decision.outcome == "failed"
    assert found.systems[0].decision.outcome == "passed"
    assert not found.is_refused
    row = next(row for row in found.rows if row.name == "tvd1")
    assert row.cells[2].mark == ""
    assert row.differs


@pytest.mark.family
def test_all_are_judged_by_as_many_rows():
    found = tabgan.compare(REAL, HOLDOUT, {"good": GOOD, "small": SMALL})
    assert found.n_judged == 120
    assert {system.evaluation.n_synthetic for system in found.systems} == {120}
    assert [system.n_rows for system in found.systems] == [300, 120]


@pytest.mark.family
def test_a_gate_may_limit_what_a_model_states(model):
    found = tabgan.compare(REAL, HOLDOUT, {"dp": model, "table": GOOD}, gate={"epsilon": 5.0})
    assert [system.decision.outcome for system in found.systems] == ["passed", "failed"]


@pytest.mark.family
def test_progress_is_of_all_systems():
    told = []
    tabgan.compare(REAL, HOLDOUT, {"a": GOOD, "b": SMALL}, progress=lambda *said: told.append(said))
    assert told[0][1] == 0
    assert told[-1][1] == told[-1][2]
    assert [done for _, done, _ in told] == sorted(done for _, done, _ in told)


@pytest.mark.parametrize(
    ("systems", "error", "said"),
    [
        (
            {"good": GOOD, "other": GOOD[["age"]]},
            DataError,
            "system 'other': expected the columns .* lacks 'size'",
        ),
        ({"good": GOOD, "none": GOOD.iloc[:0]}, DataError, "system 'none': expected a table with rows"),
        ({}, ConfigError, "systems: expected 1 to 12 systems, got 0"),
        ("good.csv", ConfigError, "systems: expected a mapping"),
        (GOOD, ConfigError, "systems: expected a mapping .* a DataFrame"),
        ({1: GOOD}, ConfigError, "systems: expected names that are text"),
        (["a/x.csv", "b/x.csv"], ConfigError, "two are called 'x'"),
        ({"good": "nowhere.csv"}, ConfigError, "system 'good': no file"),
        ({"good": 5}, DataError, "system 'good': expected a table, got int"),
        ({"model": tabgan.TabGAN()}, NotFittedError, "not fitted yet"),
    ],
)
def test_bad_systems(systems, error, said, monkeypatch):
    monkeypatch.setattr("tabgan.comparing.evaluation_of", pytest.fail)  # before any figure is computed
    with pytest.raises(error, match=said):
        tabgan.compare(REAL, HOLDOUT, systems)


def test_a_holdout_of_training_rows():
    with pytest.raises(DataError, match="of the holdout table's rows are rows of the real table"):
        tabgan.compare(REAL, REAL.iloc[:200], {"good": GOOD})
