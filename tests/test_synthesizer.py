"""``TabGAN`` from outside: scikit-learn's habits, every kind of column, and every table that it refuses."""

from __future__ import annotations

import datetime as dt
import logging
import math
import re
import traceback
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.exceptions import NotFittedError as SklearnNotFittedError
from sklearn.utils.validation import check_is_fitted

from tabgan import Boolean, Categorical, Datetime, Identifier, Numeric, Schema
from tabgan._util.printed import at_most
from tabgan.columns.categorical import OTHER_LABEL
from tabgan.errors import ConfigError, DataError, NotFittedError, OutOfMemoryError, SchemaError, TabGANError
from tabgan.fitting import critics
from tabgan.model import loglinear
from tabgan.privacy import plan as budget
from tabgan.privacy.doors import measured_table, mechanisms
from tabgan.privacy.events import POISSON_GAUSSIAN
from tabgan.privacy.released import needed_rows
from tabgan.synthesizer import TabGAN
from tabgan.table import losses

SECRET = "Zanzibar-4711"

#: Arguments of a fit that repeats.
QUICK = {"random_state": 0}


def _everything(n=1200, seed=0):
    """Return a table of all kinds of columns, every nullable one with missing values."""
    rng = np.random.default_rng(seed)
    days = np.datetime64("2020-01-01", "s") + rng.integers(0, 700, n).astype("timedelta64[D]")
    times = pd.Series(days + rng.integers(0, 86_400, n).astype("timedelta64[s]"))
    word = pd.Series(rng.choice(["x", "y", "z"], n))

    def holed(series, missing=None):
        return pd.Series(series).mask(rng.random(n) < 0.2, missing)

    columns = {
        "id": np.arange(n),
        "int8": rng.integers(-100, 128, n).astype("int8"),
        "uint8": rng.integers(0, 256, n).astype("uint8"),
        "int16": rng.integers(-1000, 1000, n).astype("int16"),
        "uint32": rng.integers(0, 9, n).astype("uint32"),
        "int64": rng.integers(0, 10**6, n),
        "constant": np.full(n, 7),
        "Int64": holed(rng.integers(0, 5, n)).astype("Int64"),
        "Float64": holed(rng.normal(size=n).round(2)).astype("Float64"),
        "float32": rng.normal(size=n).astype("float32").round(1),
        "float64": holed(rng.normal(0, 100, n).round(3), np.nan),
        "bool": rng.random(n) < 0.3,
        "always": np.ones(n, dtype=bool),
        "boolean": holed(rng.random(n) < 0.3).astype("boolean"),
        "booleans": holed(pd.Series(rng.random(n) < 0.3).astype(object)),
        "text": holed(word.astype(object)),
        "string": holed(word).astype("string"),
        "category": pd.Categorical(holed(word)),
        "ordered": pd.Categorical(rng.choice(["lo", "mid", "hi"], n), ["lo", "mid", "hi"], ordered=True),
        "day": days.astype("datetime64[ns]"),
        "second": holed(times.astype("datetime64[s]"), pd.NaT),
        "zone": times.astype("datetime64[ns]").dt.tz_localize("UTC").dt.tz_convert("Europe/Berlin"),
        "date": holed(times.dt.date.astype(object)),
        "moment": holed(times.astype(object)),
        "written": holed(times.dt.strftime("%d.%m.%Y").astype(object)),
        "missing": np.full(n, np.nan),
        "none": pd.Series([None] * n, dtype=object),
    }
    df = pd.DataFrame(columns)
    for name in ("text", "booleans", "date", "moment", "written"):
        df[name] = df[name].where(df[name].notna(), None)
    return df


EVERYTHING = _everything()

#: Columns of the fast suite: each kind, in dtypes of NumPy, of pandas and of objects.
SOME = ["id", "int64", "constant", "Int64", "float64", "always", "boolean", "text", "ordered", "category"]
SOME += ["day", "moment", "missing"]

SCHEMA = Schema(
    [
        Identifier(name="id", start=1),
        Categorical(name="ordered", categories=("lo", "mid", "hi"), ordered=True),
        Numeric(name="int64", bounds=(0, 2_000_000)),
    ],
    target="boolean",
)


def anchor_roughly(patch):
    """Fit the wide layer roughly, where a table has so many columns that it takes most of the time."""
    sizes = {"ITERATIONS": 4, "EVALUATIONS": 6, "POOL": 2_048, "MIN_POOL": 512, "FRESH": 2_048}
    for name, value in sizes.items():
        patch.setattr(loglinear, name, value)


@pytest.fixture(
    scope="module",
    params=[
        (SOME, None),
        pytest.param((list(EVERYTHING), None), marks=pytest.mark.family),
        pytest.param((list(EVERYTHING), 25.0), marks=pytest.mark.family),
    ],
    ids=["some", "plain", "private"],
)
def fitted(request):
    """Return a model of all kinds, in the fast suite one without privacy: the neighbour fuzz makes private ones.

    The noise on a private one's counts repeats: fresh noise widens a constant once in 25 fits.
    """
    names, epsilon = request.param
    rng = np.random.default_rng(0)
    with pytest.MonkeyPatch.context() as patch:
        anchor_roughly(patch)
        patch.setattr(
            mechanisms, "noisy_vector", lambda values, stddev: values + rng.normal(0, stddev, values.shape)
        )
        return TabGAN(epsilon=epsilon, schema=SCHEMA, **QUICK).fit(EVERYTHING[names])


@pytest.fixture(scope="module")
def table(fitted):
    """Return the rows that it was fitted to."""
    return EVERYTHING[fitted.schema_.names]


@pytest.fixture(scope="module")
def sample(fitted):
    """Return rows of it, which no test changes."""
    return fitted.sample(1500)


def _simple(n=400):
    rng = np.random.default_rng(0)
    return pd.DataFrame({"a": rng.integers(0, 4, n), "b": rng.choice(["x", "y"], n)})


TARGET = Schema(target="b")


def _quick(**options):
    return TabGAN(**{"epsilon": None, **QUICK, **options})


class TestEverything:
    def test_columns_and_dtypes_are_the_tables(self, table, sample):
        assert list(sample.columns) == list(table.columns)
        for name in table:
            if name != "ordered":
                assert str(sample[name].dtype) == str(table[name].dtype), name
        assert sample["ordered"].dtype == table["ordered"].dtype

    def test_values_are_of_the_tables_types(self, table, sample):
        for name in table:
            assert set(map(type, sample[name].dropna())) <= set(map(type, table[name].dropna())) | (
                set() if table[name].notna().any() else {str, bool, int, float, dt.date}
            ), name

    def test_missing_values_are_as_frequent(self, table, sample):
        for name in table:
            expected, found = table[name].isna().mean(), sample[name].isna().mean()
            assert abs(found - expected) < (0.12 if expected else 0.1), name
        assert sample["missing"].isna().all()
        assert "none" not in table or sample["none"].isna().mean() > 0.9

    def test_all_lies_in_the_released_schema(self, table, fitted, sample):
        schema = fitted.schema_
        assert schema.names in (SOME, list(EVERYTHING))
        for column in schema:
            values = sample[column.name].dropna()
            if not column.is_complete:  # nothing of it was seen
                assert table[column.name].isna().all()
                assert values.empty
                continue
            if isinstance(column, Numeric):
                assert values.between(*column.bounds).all(), column.name
                assert (
                    np.round(values.astype(float), column.decimals) == values.astype(float).round(9)
                ).all() or (column.name == "float32")
            elif isinstance(column, Categorical):
                assert set(values) <= {*column.categories, column.other_label}, column.name
            elif isinstance(column, Datetime) and column.name not in ("written", "zone"):
                low, high = (pd.Timestamp(bound) for bound in column.bounds)
                assert pd.to_datetime(values).between(low, high).all(), column.name

    def test_known_domains(self, sample):
        assert set(sample["constant"]) == {7}
        assert sample["id"].tolist() == list(range(1, len(sample) + 1))
        assert sample["int64"].between(0, 2_000_000).all()
        day = sample["day"].dropna()  # the noisy count of missing values may say that there are a few
        assert (day == day.dt.normalize()).all()
        if "written" in sample:
            assert pd.to_datetime(sample["written"], format="%d.%m.%Y").notna().any()
        assert {"x", "y", "z"} <= set(sample["category"].cat.categories)  # noise may add a public letter
        assert sample["always"].mean() > 0.9

    def test_saved_and_loaded(self, fitted, tmp_path):
        fitted.save(tmp_path / "m")
        pd.testing.assert_frame_equal(TabGAN.load(tmp_path / "m").sample(100), fitted.sample(100))

    def test_released_schema_goes_through_yaml(self, fitted):
        assert Schema.from_yaml(fitted.schema_.to_yaml()) == fitted.schema_

    def test_is_not_changed(self, fitted):
        pd.testing.assert_frame_equal(EVERYTHING, _everything())

    @pytest.mark.family(keep=1)
    def test_released_schema_can_be_declared(self, table, fitted, monkeypatch):
        monkeypatch.setattr(
            measured_table, "measure_pairs", lambda *args, **kwargs: []
        )  # the schema is complete
        again = TabGAN(epsilon=None, schema=fitted.schema_, adversary_share=0, **QUICK).fit(table)
        assert again.schema_ == fitted.schema_


class TestTable:
    @pytest.mark.family
    def test_index_does_not_matter(self):
        df = _simple()
        odd = df.set_axis(pd.Index(["i"] * len(df)))
        pd.testing.assert_frame_equal(_quick().fit(odd).sample(50), _quick().fit(df).sample(50))

    @pytest.mark.parametrize("n", [1, 2, 3])
    def test_few_rows_without_privacy(self, n):
        assert len(_quick().fit(_simple(n)).sample(5)) == 5

    def test_one_column(self):
        sample = _quick().fit(_simple()[["b"]]).sample(20)
        assert set(sample["b"]) == {"x", "y"}

    @pytest.mark.family
    def test_hostile_names(self, tmp_path):
        names = ["", " ", "index", "columns", "kind", "a: b", "1e5", "é😀", "x" * 300, "${HOME}"]
        rng = np.random.default_rng(0)
        df = pd.DataFrame({name: rng.choice(["x", "y"], 400) for name in names})
        model = _quick().fit(df)
        model.save(tmp_path / "m")
        loaded = TabGAN.load(tmp_path / "m")
        for name in names:
            rows = loaded.sample(5, conditions={name: "x"})
            assert list(rows.columns) == names
            assert set(rows[name]) == {"x"}

    @pytest.mark.family
    def test_hostile_categories(self):
        values = [["no", "yes"], ["01089", "1e5"], ["", " "], ["a\nb", "\x85"], ["é", "😀"], ["1", "2"]]
        df = pd.DataFrame({f"c{i}": pair * 200 for i, pair in enumerate(values)})
        model = _quick().fit(df)
        sample, again = model.sample(100), Schema.from_yaml(model.schema_.to_yaml())
        for name, pair in zip(df, values, strict=True):
            assert set(sample[name]) == set(pair)
            assert set(again[name].categories) == set(pair)

    def test_a_column_of_keys_that_is_no_identifier_gives_nothing_away(self):
        df = pd.DataFrame({"a": [f"{SECRET}-{i}" for i in range(800)], "b": np.arange(800) % 3})
        model = TabGAN(epsilon=5.0, **QUICK).fit(df)
        assert model.schema_["a"].categories == ()
        assert set(model.sample(50)["a"]) == {OTHER_LABEL}

    def test_a_column_of_which_nothing_shows_and_nothing_can_be_missing(self):
        df = pd.DataFrame({"a": np.arange(800), "b": np.arange(800) % 3})
        model = TabGAN(epsilon=1.0, schema=Schema([Categorical(name="a")]), **QUICK).fit(df)
        assert set(model.sample(50)["a"]) == {0}  # told, and no error once the budget is spent
        assert "every cell shows one that is made up" in model.losses_[0].text


class TestScikitLearn:
    def test_arguments_are_stored_untouched(self):
        arguments = {
            "epsilon": np.float64(2),
            "delta": "x",
            "schema": object(),
            "adversary_share": -1,
            "steps": None,
            "batch_size": [1],
            "device": 5,
            "random_state": "y",
        }
        model = TabGAN(**arguments)
        for name, value in arguments.items():
            assert getattr(model, name) is value
        assert model.get_params() == arguments

    def test_clone_forgets_what_was_learnt(self):
        model = _quick(schema=Schema([Numeric(name="a")])).fit(_simple())
        copy = clone(model)
        assert copy.get_params() == model.get_params()
        with pytest.raises(NotFittedError):
            copy.sample(1)

    def test_set_params(self):
        model = TabGAN().set_params(epsilon=3.0, adversary_share=0.1)
        assert (model.epsilon, model.adversary_share) == (3.0, 0.1)
        with pytest.raises(ValueError, match="Invalid parameter"):
            model.set_params(epochs=5)

    def test_fit_returns_itself_and_takes_a_y(self):
        model = _quick()
        assert model.fit(_simple(), None) is model
        check_is_fitted(model)

    def test_repr(self):
        assert repr(TabGAN(epsilon=2.0)) == "TabGAN(epsilon=2.0)"

    def test_what_fit_learns_is_not_there_before(self):
        model = TabGAN()
        assert [name for name in vars(model) if name.endswith("_") and not name.startswith("_")] == []
        with pytest.raises(AttributeError):
            _ = model.schema_

    def test_arguments_are_the_same_after_fit(self):
        model = _quick(schema=Schema([Numeric(name="a")]))
        before = dict(model.get_params())
        model.fit(_simple())
        assert model.get_params() == before

    @pytest.mark.family
    def test_fit_again_starts_anew(self):
        model = _quick()
        model.fit(EVERYTHING[["text", "bool"]])
        sample = model.fit(_simple()).sample(30)
        pd.testing.assert_frame_equal(sample, _quick().fit(_simple()).sample(30))


class TestPrivacy:
    def test_private_unless_told_otherwise(self):
        """Pitfall 32."""
        model = TabGAN(**QUICK).fit(_simple(2000))
        assert model.privacy_.is_private
        assert model.privacy_.epsilon == 1.0
        assert 0 < model.privacy_.epsilon_spent <= 1.0
        assert model.privacy_.delta == 1e-6

    def test_switched_off_it_says_so(self, caplog):
        with caplog.at_level(logging.WARNING, logger="tabgan"):
            model = _quick().fit(_simple())
        assert any("no privacy guarantee" in record.message for record in caplog.records)
        assert not model.privacy_.is_private
        assert model.privacy_.epsilon is None
        assert str(model.privacy_) == "no privacy guarantee (epsilon=None)"

    @pytest.mark.parametrize(
        ("epsilon", "delta", "words"),
        [
            (12.0, 1e-6, ["epsilon=12 promises little", "by 162,755"]),
            (1e9, 1e-6, ["epsilon=1e+09 promises little", "more than a million"]),
            (1.0, 0.1, ["delta=0.1 promises little", "Use less than 1 / n_rows"]),
            (10.0, 1e-5, []),
        ],
    )
    def test_a_promise_that_is_next_to_nothing_is_said_to_be(self, epsilon, delta, words, caplog):
        model = TabGAN(epsilon, delta, **QUICK)
        with caplog.at_level(logging.WARNING, logger="tabgan"), pytest.raises(DataError):
            model.fit(pd.DataFrame())
        assert all(word in caplog.text for word in words)
        assert ("promises little" in caplog.text) == bool(words)

    @pytest.mark.parametrize(("n_rows", "is_said"), [(1_000, True), (999, False)])
    def test_a_delta_of_one_row_and_more_is_said(self, n_rows, is_said, caplog):
        model = TabGAN(1.0, 1e-3, schema=Schema(n_rows=n_rows), **QUICK)
        with caplog.at_level(logging.WARNING, logger="tabgan"), pytest.raises(DataError):
            model.fit(pd.DataFrame())
        assert (f"for the {n_rows} rows that the schema declares" in caplog.text) == is_said

    def test_a_fit_that_resumes_says_so(self, caplog, tmp_path):
        df = pd.DataFrame({"a": np.arange(400) % 5})
        with caplog.at_level(logging.WARNING, logger="tabgan"):
            TabGAN(**QUICK).fit(df, checkpoint=tmp_path / "ck")
            assert "resumes" not in caplog.text
            TabGAN(**QUICK).fit(df, checkpoint=tmp_path / "ck")
        assert re.search(
            r"The fit resumes from the checkpoint '.*ck': epsilon [0-9.]+ of 1 is spent", caplog.text
        )

    @pytest.mark.family
    def test_switched_on_it_does_not(self, caplog):
        with caplog.at_level(logging.WARNING, logger="tabgan"):
            for schema in (None, TARGET):
                TabGAN(schema=schema, **QUICK).fit(_simple(8000))
        assert caplog.records == []

    def test_two_private_fits_of_one_random_state_differ(self):
        """Pitfall 20: the noise is not seeded by the user."""
        df = _simple(2000)
        first, second = (TabGAN(epsilon=2.0, schema=TARGET, **QUICK).fit(df) for _ in range(2))
        assert first.n_rows_ != second.n_rows_
        weights = [model._fitted.encoder.columns[0].weights for model in (first, second)]
        assert not np.array_equal(*weights)
        assert not torch.equal(first._fitted.generator.direct, second._fitted.generator.direct)

    @pytest.mark.parametrize("adversary_share", [0, 0.05])
    def test_two_plain_fits_of_one_random_state_are_equal(self, adversary_share, monkeypatch):
        monkeypatch.setattr("tabgan.fitting.critics.LET_IN", -np.inf)
        models = [_quick(adversary_share=adversary_share, schema=TARGET).fit(_simple()) for _ in range(2)]
        states = [model._fitted.generator.state_dict() for model in models]
        assert ("critics.1.network.weight" in states[0]) == (adversary_share > 0)
        assert states[0].keys() == states[1].keys()
        assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
        pd.testing.assert_frame_equal(*(model.sample(50) for model in models))

    def test_a_target_alone_brings_the_adversary_its_steps_and_its_test(self):
        """Without one its share goes to what is measured."""
        without, with_one = (TabGAN(schema=schema, **QUICK).fit(_simple(2000)) for schema in (None, TARGET))
        assert (without.plan_.has_adversary, with_one.plan_.has_adversary) == (False, True)
        assert without.plan_.mu**2 > with_one.plan_.mu**2 * 1.2
        steps = ["discriminator's gradient"] * budget.ADVERSARY_STEPS
        said = [entry.what for entry in with_one.privacy_.entries]
        assert said[-len(steps) - 1 :] == [*steps, "critic's gain"]
        assert not {*steps, "critic's gain"} & {entry.what for entry in without.privacy_.entries}
        assert all(model.privacy_.epsilon_spent <= 1.0 for model in (without, with_one))
        assert not without._fitted.generator.critics

    def test_with_a_share_of_0_a_target_has_no_adversary(self):
        model = TabGAN(schema=TARGET, adversary_share=0, **QUICK).fit(_simple(2000))
        assert not model.plan_.has_adversary
        assert not any(entry.what == "critic's gain" for entry in model.privacy_.entries)
        assert model.schema_.target == "b"

    @pytest.mark.parametrize("given", [{"steps": 7}, {"batch_size": "all"}])
    def test_arguments_without_effect_warn_and_change_nothing(self, given, tmp_path):
        old = _quick(schema=TARGET, **given)
        (name,) = given
        for call in (old.check_params, lambda: old.fit(_simple())):
            with pytest.warns(
                FutureWarning, match=f"^'{name}' has no effect any more; the next version drops"
            ):
                call()
        pd.testing.assert_frame_equal(old.sample(50), _quick(schema=TARGET).fit(_simple()).sample(50))
        assert clone(old).get_params()[name] == given[name]
        old.save(tmp_path / "m")
        with pytest.warns(FutureWarning, match=f"'{name}' has no effect"):
            loaded = TabGAN.load(tmp_path / "m")
        pd.testing.assert_frame_equal(loaded.sample(50), old.sample(50))

    def test_plain_fits_of_other_random_states_differ(self):
        first, second = (_quick(random_state=seed).fit(_simple()) for seed in (0, 1))
        assert not torch.equal(first._fitted.generator.direct, second._fitted.generator.direct)

    @pytest.mark.parametrize("epsilon", [1.0, 20.0])
    def test_a_category_of_one_row_is_never_released(self, epsilon):
        """Pitfall 1."""
        df = _simple(1500)
        df.loc[3, "b"] = SECRET
        model = TabGAN(epsilon=epsilon, **QUICK).fit(df)
        assert SECRET not in model.schema_["b"].categories
        assert SECRET not in model.sample(3000)["b"].tolist()
        assert SECRET not in model.schema_.to_yaml()

    def test_what_is_declared_is_not_paid_for(self):
        df = _simple(2000)
        schema = Schema(
            [Numeric(name="a", bounds=(0, 3), decimals=0), Categorical(name="b", categories=("x", "y"))]
        )
        stages = {entry.what for entry in TabGAN(schema=schema, **QUICK).fit(df).privacy_.entries}
        open_stages = {entry.what for entry in TabGAN(**QUICK).fit(df).privacy_.entries}
        assert stages < open_stages | {"1-way histogram"}
        assert "categories and 1-way histogram" not in stages
        assert "range" not in stages

    def test_global_generators_are_left_alone(self):
        before = torch.get_rng_state(), np.random.get_state()[1].tolist()  # noqa: NPY002
        TabGAN(schema=TARGET, **QUICK).fit(_simple(2000))
        assert torch.equal(torch.get_rng_state(), before[0])
        assert np.random.get_state()[1].tolist() == before[1]  # noqa: NPY002


class TestTarget:
    def test_it_is_drawn_last_wherever_it_stands_and_the_table_keeps_its_order(self):
        rng = np.random.default_rng(0)
        a, b = rng.integers(0, 3, 6_000), rng.integers(0, 3, 6_000)
        df = pd.DataFrame({"sick": np.where(a + b > 2, "yes", "no"), "a": a, "b": b})
        schema = Schema(
            columns=[
                Categorical(name="sick", categories=("no", "yes")),
                Numeric(name="a", bounds=(0, 2), decimals=0),
                Numeric(name="b", bounds=(0, 2), decimals=0),
            ],
            target="sick",
        )
        model = TabGAN(epsilon=5.0, schema=schema, adversary_share=0.0, random_state=0).fit(df)
        rows = model.sample(4_000, random_state=0)
        assert list(rows.columns) == ["sick", "a", "b"]
        assert ((rows["a"] + rows["b"] > 2) == (rows["sick"] == "yes")).mean() > 0.9
        assert set(model.sample(50, conditions={"sick": "yes"})["sick"]) == {"yes"}


class TestOtherValues:
    @pytest.mark.family(keep=1)
    @pytest.mark.parametrize("order", [["a", "y"], ["y", "a"]])
    def test_what_is_left_out_leaves_other_columns_as_they_were(self, order):
        """A quarter of the rows have a value that is not declared: they get one of the others, in proportion."""
        rng = np.random.default_rng(0)
        a = rng.choice(["a", "b", "c", "x"], 20_000, p=[0.5, 0.2, 0.05, 0.25])
        share = pd.Series(a).map({"a": 0.2, "b": 0.8, "c": 0.9, "x": 0.5})
        df = pd.DataFrame({"a": a, "y": np.where(rng.random(20_000) < share, "yes", "no")})
        columns = {
            "a": Categorical(name="a", categories=("a", "b", "c"), unreleased="redistribute"),
            "y": Categorical(name="y", categories=("no", "yes")),
        }
        schema = Schema([columns[name] for name in order])
        model = TabGAN(epsilon=30.0, schema=schema, adversary_share=0.0, random_state=0).fit(df[order])
        rows = model.sample(50_000)
        shares = rows["a"].value_counts(normalize=True)
        assert shares[["a", "b", "c"]].to_numpy() == pytest.approx(
            [0.5 / 0.75, 0.2 / 0.75, 0.05 / 0.75], abs=0.02
        )
        assert (rows["y"] == "yes").mean() == pytest.approx(0.43, abs=0.02)
        says_yes = (rows["y"] == "yes").groupby(rows["a"]).mean()
        # A quarter of each group are rows of the value that is left out, half of which say yes.
        expected = 0.75 * np.array([0.2, 0.8, 0.9]) + 0.25 * 0.5
        assert says_yes[["a", "b", "c"]].to_numpy() == pytest.approx(expected, abs=0.05)


class TestFailsClosed:
    """A private fit is never trained in the clear, whatever its arguments look like or turn into."""

    @pytest.fixture(autouse=True)
    def _no_plain_steps(self, monkeypatch):
        class Refusing(critics.PlainSteps):
            def __init__(self, *args):
                raise AssertionError("PlainSteps in a private fit")

        monkeypatch.setattr(critics, "PlainSteps", Refusing)

    def test_a_share_that_is_no_float(self):
        model = TabGAN(adversary_share=Fraction(1, 10**400), schema=TARGET, **QUICK)
        model.fit(_simple(2000))
        assert POISSON_GAUSSIAN not in {entry.mechanism for entry in model.privacy_.entries}

    @pytest.mark.parametrize(("share", "is_charged"), [(0.05, True), (0.0, False)])
    def test_arguments_that_change_during_the_fit(self, share, is_charged):
        model = TabGAN(adversary_share=share, schema=TARGET, **QUICK)
        changed = {
            "epsilon": None,
            "delta": 0.5,
            "adversary_share": 0.3 - share,
        }
        totals = {}

        def change(stage, done, total):
            model.set_params(**changed, schema=Schema([Identifier(name="a")]), random_state=9)
            model.plan_ = None
            totals[stage] = total

        model.fit(_simple(2000), progress=change)
        assert (model.privacy_.is_private, model.privacy_.epsilon, model.privacy_.delta) == (True, 1.0, 1e-6)
        runs = [entry for entry in model.privacy_.entries if entry.mechanism == POISSON_GAUSSIAN]
        assert sum(run.steps for run in runs) == is_charged * budget.ADVERSARY_STEPS
        assert totals.get("train") == (budget.ADVERSARY_STEPS if is_charged else None)
        assert model.schema_["a"].kind == "numeric"

    def test_numbers_are_the_plans(self):
        model = TabGAN(epsilon=Fraction(3, 2), delta=np.float32(1e-6), **QUICK).fit(_simple(2000))
        assert type(model.privacy_.epsilon) is type(model.privacy_.delta) is float


class TestFailedFit:
    """Charges of a fit that does not come to its end stay spent, and are told."""

    SPENT = r"spent by this fit: epsilon (1|0\.\d+) of 1\. A second fit on the table adds to it\."

    def _said(self, error):
        return "\n".join([str(error), *getattr(error, "__notes__", [])])

    def _check(self, model, error):
        assert model.privacy_.is_private
        assert model.privacy_.entries
        assert 0 < model.privacy_.epsilon_spent <= model.privacy_.epsilon == 1.0
        assert f"epsilon {at_most(model.privacy_.epsilon_spent)} of 1." in self._said(error)
        for attribute in ("schema_", "n_rows_"):
            assert not hasattr(model, attribute)
        for call in (lambda: model.sample(1), lambda: model.save("never"), lambda: check_is_fitted(model)):
            with pytest.raises((NotFittedError, SklearnNotFittedError)):
                call()

    @pytest.mark.family(keep=2)
    @pytest.mark.parametrize(
        "error", [TabGANError("Words."), DataError("Words."), KeyError("a"), MemoryError()]
    )
    @pytest.mark.parametrize("place", ["adversary", "training", "test", "mechanism"])
    def test_by_any_error(self, monkeypatch, place, error):
        error = type(error)(*error.args)

        def fail(*args, **kwargs):
            raise error

        where, name = {
            "adversary": (critics.PrivateSteps, "step"),
            "training": (critics, "play"),
            "test": (critics, "measure_gain"),
            "mechanism": (mechanisms, "noisy_vector"),
        }[place]
        monkeypatch.setattr(where, name, fail)
        model = TabGAN(schema=TARGET, **QUICK)
        with pytest.raises(type(error), match=self.SPENT) as caught:
            model.fit(_simple(2000))
        if isinstance(error, MemoryError):
            assert type(caught.value) is OutOfMemoryError
            assert str(caught.value).startswith("fit: memory was not enough in tabgan/")
        else:
            assert caught.value is error
        if isinstance(error, TabGANError):
            assert str(error).startswith("Words. Already spent by this fit")
        self._check(model, caught.value)

    def test_by_an_interrupt(self):
        def stop(stage, done, total):
            if stage == "train" and done == total:
                raise KeyboardInterrupt

        model = TabGAN(schema=TARGET, **QUICK)
        with pytest.raises(KeyboardInterrupt, match=self.SPENT) as caught:
            model.fit(_simple(2000), progress=stop)
        self._check(model, caught.value)
        assert POISSON_GAUSSIAN in {entry.mechanism for entry in model.privacy_.entries}

    def test_by_too_few_rows(self):
        model = TabGAN(**QUICK)
        with pytest.raises(DataError, match=f"too few rows.* Already {self.SPENT}") as caught:
            model.fit(_simple(5))
        self._check(model, caught.value)

    def test_by_too_few_rows_it_says_how_to_know_before(self):
        with pytest.raises(
            DataError, match="With n_rows declared in the schema, a table this small is refused"
        ):
            TabGAN(**QUICK).fit(_simple(5))

    def test_forgets_the_model_before(self):
        model = TabGAN(**QUICK).fit(_simple(2000))
        with pytest.raises(DataError, match=self.SPENT) as caught:
            model.fit(_simple(5))
        self._check(model, caught.value)

    @pytest.mark.parametrize("epsilon", [None, 1.0])
    def test_before_any_charge_nothing_is_spent(self, epsilon):
        model = TabGAN(epsilon=epsilon, **QUICK)
        with pytest.raises(DataError) as caught:
            model.fit(_simple()[:0])
        assert "spent" not in self._said(caught.value)
        assert not hasattr(model, "privacy_")

    def test_without_privacy_nothing_is_spent(self, monkeypatch):
        monkeypatch.setattr(critics, "play", lambda *args: 1 / 0)
        model = _quick(schema=TARGET)
        with pytest.raises(ZeroDivisionError) as caught:
            model.fit(_simple())
        assert "spent" not in self._said(caught.value)
        assert not hasattr(model, "privacy_")


class TestProgress:
    def test_grows_to_the_end_of_every_stage(self):
        seen = {}
        model = _quick(schema=Schema(target="bool"))
        model.fit(
            EVERYTHING[["int8", "text", "bool"]], progress=lambda *s: seen.setdefault(s[0], []).append(s[1:])
        )
        assert list(seen) == ["release", "measure", "anchor", "train"]
        for stage, steps in seen.items():
            done = [step[0] for step in steps]
            assert done == sorted(set(done)), stage
            assert done[-1] == steps[-1][1], stage
            assert all(d <= total for d, total in steps), stage

    def test_an_error_in_it_is_not_swallowed(self):
        def stop(stage, done, total):
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            _quick().fit(_simple(), progress=stop)


def _secret(n=60):
    """Return a frame whose every cell, and whose index, holds the marker."""
    return pd.DataFrame(
        {name: [f"{SECRET}-{i}" for i in range(n)] for name in ("a", "b")}, index=[SECRET] * n
    )


def _with(column, name="a", n=60):
    df = _secret(n)
    df[name] = pd.Series(column).set_axis(df.index)
    return df


def _objects(*values):
    column = pd.Series([SECRET] * 60, dtype=object)
    for i, value in enumerate(values):
        column[i] = value
    return column


ARGUMENTS = [
    ({"epsilon": 0}, "epsilon"),
    ({"epsilon": -1}, "epsilon"),
    ({"epsilon": np.nan}, "epsilon"),
    ({"epsilon": np.inf}, "epsilon"),
    ({"epsilon": "1"}, "epsilon"),
    ({"epsilon": True}, "epsilon"),
    ({"epsilon": 1e-9}, "epsilon"),
    ({"delta": 0}, "delta"),
    ({"delta": 1}, "delta"),
    ({"delta": 1.5}, "delta"),
    ({"delta": np.nan}, "delta"),
    ({"delta": None}, "delta"),
    ({"epsilon": None, "delta": 0}, "delta"),
    ({"adversary_share": 1}, "adversary_share"),
    ({"adversary_share": -0.1}, "adversary_share"),
    ({"device": "tpu"}, "device"),
    ({"device": torch.device("cpu")}, "device"),
    ({"random_state": -1}, "random_state"),
    ({"random_state": "x"}, "random_state"),
    ({"schema": {"columns": {}}}, "schema"),
    ({"schema": "schema.yaml"}, "schema"),
]

SCHEMAS = [
    (Schema([Boolean(name="c")]), SchemaError, "Column 'c': in the schema, but not in the table"),
    (Schema(target="c"), SchemaError, "target: no column 'c'"),
    (Schema([Numeric(name="a")]), SchemaError, "Column 'a': declared as numeric"),
    (Schema([Boolean(name="a")]), SchemaError, "Column 'a': declared as boolean"),
    (Schema([Datetime(name="a")]), SchemaError, "Column 'a': declared as datetime.*Set format"),
    (
        Schema([Datetime(name="a", format="%Y-%m-%d")]),
        DataError,
        "Column 'a': expected text in the format '%Y-%m-%d'",
    ),
    (
        Schema([Categorical(name="a", categories=("x",), unknown="error")]),
        DataError,
        "Column 'a': values are not among the schema's categories. Add them, or",
    ),
    (
        Schema([Categorical(name="a", categories=("x", "y"), dtype="int64")]),
        SchemaError,
        "Column 'a': dtype int64 cannot hold",
    ),
]

TABLES = [
    (f"a\n{SECRET}\n", "expected a path, got text of several lines"),
    ([[SECRET]], "expected a pandas DataFrame, got list"),
    (np.array([[SECRET]]), "expected a pandas DataFrame, got ndarray"),
    (_secret()["a"], "expected a pandas DataFrame, got Series"),
    (_secret()[:0], "expected a table with rows"),
    (_secret()[[]], "expected a table with columns"),
    (pd.DataFrame(), "expected a table with columns"),
    (pd.concat([_secret(), _secret()], axis=1), "column names repeat: 'a', 'b'. Rename or drop them"),
    (_secret().rename(columns={"a": 0.5}), "expected labels of columns that are text"),
    (_secret().rename(columns={"a": None}), "expected labels of columns that are text"),
    (_with(_objects(1)), "Column 'a': expected values of one kind, found numbers and text. Convert"),
    (_with(_objects(dt.date(2024, 1, 1))), "Column 'a': expected values of one kind, found dates and text"),
    (_with(_objects(True)), "Column 'a': expected values of one kind, found booleans and text"),
    (
        _with(_objects([SECRET])),
        "Column 'a': expected text, numbers, booleans, dates, datetimes, times of day or durations",
    ),
    (
        _with(_objects({SECRET: 1})),
        "Column 'a': expected text, numbers, booleans, dates, datetimes, times of day or durations",
    ),
    (
        _with(_objects(SECRET.encode())),
        "Column 'a': expected text, numbers, booleans, dates, datetimes, times of day or durations",
    ),
    (_with(pd.Series([1 + 4711j] * 60)), "Column 'a': columns of dtype complex128 are not supported"),
    (_with(pd.Series([4711.0, np.inf] * 30)), "Column 'a': values are infinite. Replace them"),
    (_with(pd.Series([4711.0, -np.inf] * 30).astype("Float64")), "Column 'a': values are infinite"),
    (
        _with(pd.Series(pd.Categorical(pd.to_datetime(["2024-01-01"] * 60)))),
        "Column 'a': categories that are",
    ),
]


def _chain(error):
    """Return all text that hangs on an exception, whether or not Python would print it."""
    texts, pending, seen = [], [error], set()
    while pending:
        current = pending.pop()
        if current is None or id(current) in seen:
            continue
        seen.add(id(current))
        texts += [str(current), repr(current), *map(str, getattr(current, "__notes__", []))]
        pending += [current.__cause__, current.__context__]
    return "\n".join([*texts, *traceback.format_exception(error)])


def _fails(model, df, kind, match, caplog):
    """Fit, expect an error of ours, and look for the marker in all that it and the log say."""
    with caplog.at_level(logging.DEBUG), pytest.raises(kind, match=match) as caught:
        model.fit(df)
    assert isinstance(caught.value, TabGANError)
    said = _chain(caught.value) + caplog.text + "".join(str(record.args) for record in caplog.records)
    source = "SECRET"  # the name in this file's own lines of a traceback
    assert "Zanzibar" not in said.replace(source, "")
    assert "4711" not in said.replace(source, "")
    with pytest.raises(NotFittedError):
        model.sample(1)


class TestRefused:
    """Each bad argument and table: an error of ours that names the place and the fix, and not one cell."""

    @pytest.mark.parametrize(("options", "where"), ARGUMENTS)
    def test_arguments(self, options, where, caplog):
        _fails(TabGAN(**{**QUICK, **options}), _secret(), ConfigError, f"^{where}: ", caplog)

    @pytest.mark.parametrize(("options", "where"), ARGUMENTS)
    def test_arguments_before_the_table(self, options, where):
        with pytest.raises(ConfigError, match=f"^{where}: expected|^{where}: .*small"):
            TabGAN(**{**QUICK, **options}).fit(None)

    @pytest.mark.skipif(torch.cuda.is_available(), reason="has CUDA")
    def test_no_gpu(self, caplog):
        model = TabGAN(device="cuda")
        _fails(model, _secret(), ConfigError, "device: expected a CUDA device.*Use 'auto' or 'cpu'", caplog)

    @pytest.mark.parametrize("epsilon", [None, 1.0])
    @pytest.mark.parametrize(("df", "match"), TABLES, ids=[match[:40] for _, match in TABLES])
    def test_tables(self, df, match, epsilon, caplog):
        _fails(TabGAN(epsilon=epsilon, **QUICK), df, DataError, match, caplog)

    @pytest.mark.parametrize(("schema", "kind", "match"), SCHEMAS)
    def test_schemas(self, schema, kind, match, caplog):
        _fails(TabGAN(epsilon=None, schema=schema, **QUICK), _secret(), kind, match, caplog)

    @pytest.mark.parametrize(
        ("column", "values", "bounds"),
        [
            (Numeric(name="a", bounds=(0, 10), out_of_range="error"), [4711.0] * 60, r"\[0\.0, 10\.0\]"),
            (
                Datetime(name="a", bounds=("2024-01-01", "2024-12-31"), out_of_range="error"),
                pd.to_datetime(["2047-11-04"] * 60),
                r"\['2024-01-01', '2024-12-31'\]",
            ),
        ],
    )
    def test_declared_bounds_that_do_not_hold(self, column, values, bounds, caplog):
        match = f"Column 'a': rows lie outside the declared bounds {bounds}. Widen the bounds"
        _fails(_quick(schema=Schema([column])), _with(pd.Series(values)), DataError, match, caplog)

    def test_missing_where_it_is_ruled_out(self, caplog):
        df = _with(pd.Series([4711.0, np.nan] * 30))
        schema = Schema([Numeric(name="a", nullable=False)])
        _fails(_quick(schema=schema), df, DataError, "Column 'a': .*nullable: false.*nullable: true", caplog)

    @pytest.mark.parametrize("n", [1, 5, 60])
    def test_too_few_rows_for_the_guarantee(self, n, caplog):
        df = _secret(n)
        match = "fit: the table has too few rows for epsilon=0.5 and 2 columns: about .* Raise epsilon"
        _fails(TabGAN(epsilon=0.5, **QUICK), df, DataError, match, caplog)

    def test_nothing_to_learn(self, caplog):
        schema = Schema([Identifier(name="a"), Identifier(name="b")])
        _fails(_quick(schema=schema), _secret(), DataError, "every column is an identifier", caplog)

    def test_text_that_is_no_date_among_dates_is_missing(self):
        """The column's format is a noisy vote: a value that raised after it would be a release."""
        df = pd.DataFrame({"a": pd.Series([*["2024-01-01"] * 300, SECRET], dtype=object), "b": range(301)})
        model = _quick(epsilon=20.0).fit(df)
        assert model.schema_["a"].format == "%Y-%m-%d"
        assert set(model.sample(50)["a"].dropna()) == {"2024-01-01"}


class TestDeclaredRows:
    """A declared number of rows refuses a fit before a row is read, and never replaces the noisy one."""

    class Unread(pd.DataFrame):
        """A table of which only the names of the columns may be looked at."""

        def __getitem__(self, key):
            pytest.fail("read")

        def __len__(self):
            pytest.fail("read")

    def _needed(self, n_columns, **arguments):
        plan = TabGAN(**QUICK, **arguments)._request((), untyped_text=False).plan
        return math.ceil(needed_rows(plan, n_columns))

    def test_too_few_are_refused_before_a_row_is_read(self, tmp_path):
        table = self.Unread({"a": [1, 2], "b": [3, 4]})
        model = TabGAN(schema=Schema(n_rows=self._needed(2) - 1), **QUICK)
        match = r"^schema: n_rows: \d+ rows are too few .* and 2 columns: about .* nothing is spent\."
        with pytest.raises(ConfigError, match=match):
            model.fit(table, ledger=tmp_path / "ledger", checkpoint=tmp_path / "checkpoint")
        assert not hasattr(model, "privacy_")
        assert list(tmp_path.iterdir()) == []

    def test_without_a_table_by_the_columns_of_the_schema(self, tmp_path):
        keys, numbers = [Identifier(name="k")], [Numeric(name="a"), Numeric(name="b")]
        for columns, n_learnt in ((keys, 1), (keys + numbers, 2)):
            needed = self._needed(n_learnt, schema=Schema(columns))
            TabGAN(schema=Schema(columns, n_rows=needed)).check_params()
            model = TabGAN(schema=Schema(columns, n_rows=needed - 1))
            for refuse in (model.check_params, lambda model=model: model.check_cap(tmp_path / "ledger")):
                with pytest.raises(ConfigError, match=f"about {needed} are needed"):
                    refuse()

    def test_entities_need_more(self):
        schema = Schema(entity="p", max_rows=4, n_rows=self._needed(1))
        with pytest.raises(ConfigError, match="rows are too few"):
            TabGAN(schema=schema).check_params()

    def test_without_privacy_nothing_is_refused(self):
        TabGAN(epsilon=None, schema=Schema(n_rows=1)).check_params()

    def test_the_noisy_number_stays_the_fits_own(self):
        """The declared one is wrong by far: neither the table nor the model is held to it."""
        declared = 10**9
        model = TabGAN(epsilon=20.0, schema=Schema(n_rows=declared), adversary_share=0, **QUICK)
        model.fit(_simple(2000))
        assert abs(model.n_rows_ - 2000) < 200
        assert model.schema_.n_rows == declared
        assert "number of rows" in {entry.what for entry in model.privacy_.entries}


class TestDevices:
    @pytest.mark.parametrize("device", ["auto", "cpu"])
    def test_without_a_gpu(self, device):
        model = _quick(device=device).fit(_simple())
        expected = "cuda" if device == "auto" and torch.cuda.is_available() else "cpu"
        assert model._fitted.generator.device.type == expected

    @pytest.mark.gpu
    @pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
    @pytest.mark.parametrize("epsilon", [None, 5.0])
    def test_on_a_gpu(self, epsilon):
        model = TabGAN(epsilon=epsilon, device="cuda", **QUICK).fit(EVERYTHING)
        assert all(weight.is_cuda for weight in model._fitted.generator.parameters())
        sample = model.sample(100)
        assert sample.dtypes.astype(str).to_dict() == EVERYTHING.dtypes.astype(str).to_dict()
        pd.testing.assert_frame_equal(model.sample(100), sample)
        conditioned = model.sample(50, conditions={"bool": True})
        assert conditioned["bool"].all()


@pytest.mark.family
def test_categories_that_are_not_released_bend_no_other_column():
    """Four in five names are too rare to be released, and the other columns depend on how frequent a name is."""
    rng = np.random.default_rng(1)
    kind = rng.choice(4, 4_000, p=[0.1, 0.1, 0.4, 0.4])
    rare = np.char.add("x", rng.integers(0, 5_000, 4_000).astype(str))
    is_frequent = kind < 2
    df = pd.DataFrame(
        {
            "name": np.where(kind == 0, "head", np.where(kind == 1, "neck", rare)),
            "amount": np.where(is_frequent, rng.normal(300, 20, 4_000), rng.normal(50, 10, 4_000)).round(),
            "score": np.where(
                rng.random(4_000) < np.where(is_frequent, 0.4, 0.02), np.nan, rng.integers(0, 9, 4_000)
            ),
        }
    )
    synthetic = TabGAN(epsilon=3.0, adversary_share=0, random_state=0).fit(df).sample(4_000)
    assert set(synthetic["name"]) == {"head", "neck", OTHER_LABEL}
    assert (synthetic["name"] == OTHER_LABEL).mean() == pytest.approx(0.8, abs=0.02)
    assert synthetic["amount"].mean() == pytest.approx(
        df["amount"].mean(), rel=0.1
    )  # 283 where it is ruled out
    assert synthetic["score"].isna().mean() == pytest.approx(df["score"].isna().mean(), abs=0.04)


@pytest.fixture(scope="module")
def fitted_unseen():
    rng = np.random.default_rng(0)
    df = pd.DataFrame({"flag": rng.random(1_500) < 0.4, "size": rng.normal(0, 1, 1_500)})
    df["wage"] = np.exp(rng.uniform(-20, 30, 1_500))  # over more cells than 1,500 rows can show
    df.loc[:1_440, "wage"] = np.nan
    with pytest.MonkeyPatch.context() as patch:
        said = []
        patch.setattr(losses.logger, "warning", lambda text, *given: said.append(text % given))
        model = TabGAN(epsilon=1.0, adversary_share=0, random_state=0).fit(df)
    return model, said


class TestUnseen:
    """Pitfall 42: where noise hides a column's values, it says so, and makes none up."""

    def test_it_is_missing_and_the_fit_says_so(self, fitted_unseen):
        """Pitfall 42."""
        model, said = fitted_unseen
        assert model.schema_["wage"].bounds is None
        rows = model.sample(500)
        assert rows["wage"].isna().all()
        assert rows["flag"].mean() == pytest.approx(0.4, abs=0.1)
        assert any("wage: no value stands out" in text and "bounds" in text for text in said)

    def test_it_survives_a_file_and_takes_no_condition(self, fitted_unseen, tmp_path):
        model, _ = fitted_unseen
        model.save(tmp_path / "m.tabgan")
        loaded = TabGAN.load(tmp_path / "m.tabgan")
        pd.testing.assert_frame_equal(loaded.sample(50), model.sample(50))
        with pytest.raises(DataError, match="released domain"):
            model.sample(5, conditions={"wage": 0.0})

    def test_its_report_can_be_written(self, fitted_unseen, tmp_path):
        model, _ = fitted_unseen
        assert model.shareable_report().to_html(tmp_path / "r.html").stat().st_size > 10_000

    def test_a_dtype_without_missing_values_is_refused(self):
        rng = np.random.default_rng(0)
        df = pd.DataFrame({f"c{i}": rng.integers(0, 2, 1_300) for i in range(13)})
        with pytest.raises(DataError, match=r"Columns? 'c\d+'.*noise hides.*bounds: \[low, high\]"):
            TabGAN(epsilon=0.35, adversary_share=0, random_state=0).fit(df)
