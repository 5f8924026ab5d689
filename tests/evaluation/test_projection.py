from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tabgan._util.rng import RandomStreams
from tabgan.evaluation import evaluate
from tabgan.evaluation.projection import N_CELLS, projection_findings
from tabgan.evaluation.tables import prepare

#: The steps of an evaluation that are tested here.
STEPS = ("projection_findings",)


def _picture(real, synthetic):
    found = projection_findings(prepare(real, real, synthetic, None), RandomStreams(0))
    return found.pictures.projection


def test_shares_of_all_rows(make):
    picture = _picture(make(400, 0), make(300, 2))
    for shares in (picture.real, picture.synthetic):
        assert np.shape(shares) == (N_CELLS, N_CELLS)
        assert np.sum(shares) == pytest.approx(1)
    assert 1 >= picture.explained[0] >= picture.explained[1] > 0


def test_a_copy_lies_where_the_rows_lie(make):
    real = make(400, 0)
    picture = _picture(real, real)
    assert picture.real == picture.synthetic


def test_axes_are_those_of_the_real_rows():
    """Real rows differ along x most; synthetic rows lie at its upper end: on the right."""
    rng = np.random.default_rng(0)
    x = rng.random(1000)
    real = pd.DataFrame({"x": x, "y": x + rng.normal(0, 0.1, 1000)})
    synthetic = real[real["x"] > 0.8]
    picture = _picture(real, synthetic)
    along = np.array(picture.synthetic).sum(axis=0)
    assert along[: N_CELLS // 2].sum() == 0
    assert picture.explained[0] > 0.9
    assert np.array(picture.real).sum(axis=0)[: N_CELLS // 2].sum() == pytest.approx(0.5, abs=0.1)


def test_rows_far_outside_are_counted_at_the_border(make):
    real = make(400, 0)
    synthetic = make(400, 2)
    synthetic.loc[:1, "income"] = 1e12
    picture = _picture(real, synthetic)
    assert np.sum(picture.synthetic) == pytest.approx(1)
    assert (np.array(picture.real) > 0).sum() > 50  # two rows do not push all the others into one cell


@pytest.mark.parametrize(
    "table",
    [
        pd.DataFrame({"x": np.arange(10.0)}),
        pd.DataFrame({"key": np.arange(50)}),
        pd.DataFrame({"x": [1.0] * 50, "y": [np.nan] * 50}),
    ],
    ids=["few rows", "identifiers", "no variance"],
)
def test_none_where_there_is_nothing_to_see(table):
    assert evaluate(table, table, table).pictures.projection is None
