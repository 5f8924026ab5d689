"""A holdout that is no holdout is found, and equal rows that are natural are none."""

import numpy as np
import pandas as pd
import pytest

from tabgan.errors import DataError
from tabgan.evaluation import evaluate
from tabgan.evaluation.overlap import overlap_of
from tabgan.evaluation.tables import prepare


def rows(n: int, seed: int, n_values: int = 10**6) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame({"a": rng.integers(0, n_values, n), "b": rng.integers(0, 3, n)})


def found(real: pd.DataFrame, holdout: pd.DataFrame) -> float:
    return overlap_of(prepare(real, holdout, real, None))


@pytest.mark.parametrize("share", [0.05, 0.5, 1.0])
def test_rows_that_are_in_both(share):
    real, holdout = rows(1_000, 0), rows(400, 1)
    n = round(share * 400)
    assert found(real, pd.concat([real.iloc[:n], holdout.iloc[n:]])) == pytest.approx(share, abs=0.01)


@pytest.mark.parametrize("n_values", [2, 30, 300, 10**6])
@pytest.mark.parametrize("seed", range(3))
def test_rows_that_are_equal_by_chance(n_values, seed):
    assert found(rows(1_000, seed, n_values), rows(400, seed + 9, n_values)) == 0.0


def test_few_rows():
    real = rows(40, 0)
    assert found(real, real.iloc[:20]) == 1.0
    assert found(real, rows(20, 1)) == 0.0
    assert found(real.iloc[:1], real.iloc[:1]) == 0.0  # tells nothing


def test_identifiers_alone():
    frame = pd.DataFrame({"id": [f"P{i:05d}" for i in range(200)]})
    assert found(frame, frame) == 0.0


@pytest.mark.family
@pytest.mark.usefixtures("few_steps")
def test_most_of_it_is_refused_on_request_and_always_told(caplog):
    real, holdout = rows(300, 0), rows(100, 1)
    with pytest.raises(DataError, match="most of the holdout table's rows are rows of the real table"):
        evaluate(real, real, holdout, refuses_overlap=True)
    assert evaluate(real, real, holdout).overlap == 1.0
    assert "some of the holdout table's rows" in caplog.text
    assert "%" not in caplog.text  # a figure on real rows stands in the internal report alone
    part = pd.concat([real.iloc[:20], holdout.iloc[20:]])
    assert evaluate(real, part, holdout).overlap == pytest.approx(0.2, abs=0.01)
    assert evaluate(real, holdout, holdout).overlap == 0.0
