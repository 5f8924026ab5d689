"""Labels that are no text, and an index, through a fit, samples, a file, a completion and a report."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tabgan import Schema, TabGAN
from tabgan.errors import DataError, SchemaError
from tabgan.io.answers import AnswerForm
from tabgan.model import loglinear
from tabgan.rules import Inequality
from tabgan.table.headings import Headings, as_named, name_of

TUPLES = pd.MultiIndex.from_tuples([("size", 1), ("size", 2), ("kind", "a")], names=["what", "which"])


def table(n: int = 200, columns: object = (0, 1, 2)) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    low = rng.integers(0, 9, n)
    cells = {"a": low, "b": low + rng.integers(0, 4, n), "c": rng.choice(list("xyz"), n)}
    return pd.DataFrame(cells).set_axis(columns if isinstance(columns, pd.Index) else list(columns), axis=1)


@pytest.fixture(autouse=True)
def few_rows(monkeypatch):
    for name, value in {"POOL": 1_024, "MIN_POOL": 512, "FRESH": 512, "ITERATIONS": 10}.items():
        monkeypatch.setattr(loglinear, name, value)


def fitted(df: pd.DataFrame, names: tuple[str, str], **options: object) -> TabGAN:
    schema = Schema(rules=[Inequality(*names)])
    return TabGAN(None, schema=schema, random_state=0).fit(df, **options)


@pytest.mark.family(keep=1)
@pytest.mark.parametrize(
    ("columns", "names"),
    [((0, 1, 2), ("0", "1")), (TUPLES, ("size / 1", "size / 2")), ((7, "b", (1, "z")), ("7", "b"))],
)
def test_labels_come_back_and_rules_use_their_names(columns, names, tmp_path):
    df = table(columns=columns)
    model = fitted(df, names)
    sample = model.sample(80, random_state=1)
    pd.testing.assert_index_equal(sample.columns, df.columns)
    first, second = df.columns[:2]
    assert (sample[first] <= sample[second]).all()
    model.save(tmp_path / "model")
    pd.testing.assert_frame_equal(TabGAN.load(tmp_path / "model").sample(80, random_state=1), sample)
    (batch,) = model.sample_batches(9, random_state=1)
    pd.testing.assert_index_equal(batch.columns, df.columns)
    met = model.sample(20, conditions={df.columns[2]: "x"}, random_state=1)
    assert (met[df.columns[2]] == "x").all()
    part = model.sample(20, proportions={df.columns[2]: {"x": 0.5, "y": 0.5}}, random_state=1)
    assert (part[df.columns[2]] == "x").sum() == 10
    whole = model.complete(df[[second]].iloc[:5], random_state=0)
    pd.testing.assert_index_equal(whole.columns, df.columns)
    assert (whole[second] == df[second].iloc[:5]).all()
    with pytest.raises(SchemaError, match="conditions: no column '99'"):
        model.sample(1, conditions={99: 1})


@pytest.mark.slow
def test_an_evaluation_takes_labels(few_steps, few_trees):
    df = table(columns=TUPLES)
    model = fitted(df, ("size / 1", "size / 2"))
    report = model.evaluate(df, table(150, TUPLES), synthetic=model.sample(200, random_state=1))
    assert [column.name for column in report.data.evaluation.columns] == ["size / 1", "size / 2", "kind / a"]
    assert report.data.evaluation["rules"].value == 1.0
    assert model.evaluate(df, table(150, TUPLES)).data.evaluation["rules"].value == 1.0


@pytest.mark.family
def test_an_index_is_kept_on_request(tmp_path):
    df = table(columns=list("abc"))
    df.index = pd.MultiIndex.from_arrays(
        [np.arange(200) % 7, pd.to_datetime("2024-01-01") + pd.to_timedelta(np.arange(200), unit="D")],
        names=["shop", "day"],
    )
    model = fitted(df, ("a", "b"), keep_index=True)
    sample = model.sample(60, random_state=1)
    assert sample.index.names == ["shop", "day"]
    assert list(sample) == list("abc")
    assert set(sample.index.get_level_values("shop")) <= set(range(7))
    assert sample.index.get_level_values("day").dtype == df.index.get_level_values("day").dtype
    assert sample.attrs["tabgan.synthetic"]["n_rows"] == 60
    model.save(tmp_path / "model")
    pd.testing.assert_frame_equal(TabGAN.load(tmp_path / "model").sample(60, random_state=1), sample)
    given = df[["a"]].iloc[:4]
    whole = model.complete(given, random_state=0)
    pd.testing.assert_index_equal(whole.index, given.index)
    assert model.sample(5, conditions={"shop": 3}).index.get_level_values("shop").tolist() == [3] * 5
    assert "shop" not in fitted(df, ("a", "b")).schema_.names


@pytest.mark.parametrize(
    ("df", "keep", "words"),
    [
        (table(columns=("a", 2.5, "c")), False, "labels of columns that are text, whole numbers, or tuples"),
        (table(columns=("a", None, "c")), False, r"Use df.columns = df.columns.map\(str\)"),
        (table(columns=("a", True, "c")), False, "labels of columns that are text"),
        (table(columns=("1", 1, "c")), False, "two labels of columns are '1' as text. Rename one"),
        (table(columns=("a", "b", "c")), True, r"keep_index: .* levels have names, .* Use df.rename_axis"),
        (table(columns=("a", "b", "c")).rename_axis("b"), True, "keep_index: 'b' is a column, too"),
    ],
)
def test_others_are_refused_before_a_charge(df, keep, words):
    model = TabGAN(1.0)
    with pytest.raises(DataError, match=words):
        model.fit(df, keep_index=keep)
    assert not hasattr(model, "privacy_")


def test_names_and_headings():
    assert name_of(("a", ("b",))) is None
    headings = Headings.of(table(columns=TUPLES), keep_index=False)
    assert Headings.from_dict(headings.to_dict()) == headings
    assert AnswerForm.from_dict(AnswerForm(headings=headings).to_dict()).headings == headings
    assert Headings.of(table(columns=list("abc")), keep_index=False) is None
    assert as_named("path", headings) == "path"
    for data in ({"labels": [2.5]}, {"labels": [1, "1"]}, {"levels": []}, {"index": [3]}, {"more": 1}):
        with pytest.raises((ValueError, KeyError, TypeError)):
            Headings.from_dict({**headings.to_dict(), **data})
