"""The unit that is protected: rows, or entities of which only so many rows count."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from tabgan import TabGAN
from tabgan.errors import DataError, SchemaError
from tabgan.privacy.doors import contributions
from tabgan.privacy.doors.contributions import BoundedTable, bound_contributions, units_of
from tabgan.privacy.doors.measure import Measurer
from tabgan.privacy.doors.mechanisms import discover, threshold_for
from tabgan.privacy.doors.release import release_table
from tabgan.privacy.events import GAUSSIAN, GAUSSIAN_THRESHOLD, MAX_GRAD_NORM, POISSON_GAUSSIAN
from tabgan.privacy.filter import ENTITY_FACT, PrivacyFilter
from tabgan.privacy.plan import make_plan
from tabgan.privacy.unit import ROW, PrivacyUnit
from tabgan.schema import Boolean, Categorical, Identifier, Numeric, Schema
from tabgan.table.partitions import FrameParts
from tabgan.table.spooled import spooled

SECRET = "Zanzibar-4711"
CATEGORIES = tuple(f"c{i}" for i in range(300))


def visits(sizes: list[int], seed: int = 0) -> pd.DataFrame:
    """Return a table of entities of so many rows each, mixed, with the number of each row within its entity."""
    df = pd.DataFrame(
        {
            "key": np.repeat([f"p{i}" for i in range(len(sizes))], sizes),
            "visit": np.concatenate([np.arange(size) for size in sizes]),
        }
    )
    return df.sample(frac=1.0, random_state=seed).reset_index(drop=True)


def at_most(max_rows: int) -> PrivacyUnit:
    return PrivacyUnit("key", max_rows)


def bound_in_parts(df: pd.DataFrame, unit: PrivacyUnit) -> BoundedTable:
    """Return what is kept of a table that is read in parts of a few hundred rows, as one frame."""
    with spooled(FrameParts(df, 701), Schema(entity=unit.entity, max_rows=unit.max_rows)) as copied:
        table = bound_contributions(copied, unit)
        return replace(table, df=table.df.frame(list(df)))


WAYS = pytest.mark.parametrize("bound", [bound_contributions, bound_in_parts], ids=["memory", "parts"])


class TestPrivacyUnit:
    def test_a_schema_says_whose_rows_they_are(self):
        assert PrivacyUnit.of_schema(Schema()) == ROW
        assert PrivacyUnit.of_schema(Schema(entity="key", max_rows=3)) == at_most(3)

    def test_its_names_are_in_words(self):
        assert (ROW.kind, ROW.name) == ("row", "row")
        assert (at_most(1).kind, at_most(1).name) == ("entity", "entity (key), at most 1 row each")
        assert at_most(2).name == "entity (key), at most 2 rows each"

    @pytest.mark.parametrize("unit", [ROW, at_most(1), at_most(7)])
    def test_plain_data_and_back(self, unit):
        assert PrivacyUnit.from_dict(vars(unit)) == unit

    @pytest.mark.parametrize(
        "data",
        [
            {"entity": None, "max_rows": 2},
            {"entity": "key", "max_rows": 0},
            {"entity": "key", "max_rows": True},
            {"entity": "key", "max_rows": 2.0},
            {"entity": "key", "max_rows": None},
            {"entity": 1, "max_rows": 2},
            {"entity": "key", "max_rows": 2, "more": 0},
        ],
    )
    def test_what_is_no_unit_is_refused(self, data):
        with pytest.raises(ValueError, match="not a privacy unit"):
            PrivacyUnit.from_dict(data)


class TestWhoseRowsTheyAre:
    """Two rows are one unit's if their keys are equal, and in no other case."""

    @pytest.mark.parametrize("dtype", [object, "string"])
    def test_text_that_differs_after_a_null_character_is_two_entities(self, dtype):
        """By pandas' factorize they were one, and each decided which rows of the other were kept."""
        df = pd.DataFrame({"key": pd.Series(["a\0b", "a", "a\0c", "a", "", "\0"], dtype=dtype)})
        assert units_of(df, "key").tolist() == [0, 1, 2, 1, 3, 4]

    @pytest.mark.parametrize(
        "keys",
        [
            pd.Series([7, 8, 7]),
            pd.Series([7, 8, 7], dtype="Int64"),
            pd.Series([0.5, 0.25, 0.5]),
            pd.Series(["7", "8", "7"], dtype=object),
            pd.Series(["7", "8", "7"], dtype="category"),
            pd.Series(["7", 7, "7"], dtype=object),
            pd.to_datetime(pd.Series(["2020-01-01", "2020-01-02", "2020-01-01"])),
        ],
        ids=lambda keys: f"{keys.dtype}",
    )
    def test_keys_of_any_dtype(self, keys):
        units = units_of(pd.DataFrame({"key": keys}), "key")
        assert units.dtype == np.int64
        assert units.tolist() == [0, 1, 0]

    def test_without_an_entity_every_row_is_one(self):
        df = visits([2, 3])
        table = bound_contributions(df, ROW)
        assert table.df is df
        assert (table.units.tolist(), table.n_units) == ([0, 1, 2, 3, 4], 5)


class TestBound:
    @WAYS
    def test_no_entity_keeps_more_than_its_share_and_none_less_than_it_can(self, bound):
        sizes = [1, 2, 3, 4, 50, 7]
        table = bound(visits(sizes), at_most(3))
        kept = table.df.groupby("key").size()
        assert {key: int(n) for key, n in kept.items()} == {f"p{i}": min(n, 3) for i, n in enumerate(sizes)}
        assert table.n_units == len(sizes)

    @WAYS
    def test_units_are_numbered_as_the_kept_rows_are(self, bound):
        table = bound(visits([5, 1, 4, 4]), at_most(2))
        assert len(table.units) == len(table.df)
        assert sorted(set(table.units.tolist())) == list(range(table.n_units))
        assert (table.df.groupby("key")["visit"].size() <= 2).all()
        assert len(set(zip(table.df["key"], table.units.tolist(), strict=True))) == table.n_units

    def test_rows_stay_in_their_order_whole_and_as_they_were(self):
        df = visits([9] * 20).assign(place=range(180), score=pd.Series(range(180), dtype="Int64"))
        df.index = np.repeat([5, 5, 7], 60)
        table = bound_contributions(df, at_most(4))
        assert table.df["place"].is_monotonic_increasing
        assert table.df.index.equals(pd.RangeIndex(80))
        assert table.df.dtypes.equals(df.dtypes)
        expected = df.iloc[table.df["place"].to_numpy()].reset_index(drop=True)
        pd.testing.assert_frame_equal(table.df, expected)

    @pytest.mark.fresh_noise
    def test_the_choice_is_new_each_time(self):
        """Pitfall 20: no seed, whatever the caller's is."""
        choices = []
        for _ in range(2):
            np.random.seed(0)  # noqa: NPY002
            choices.append(bound_contributions(visits([9] * 20), at_most(4)).df["visit"].tolist())
        assert choices[0] != choices[1]

    def test_a_table_without_rows_is_refused_by_what_comes_after(self):
        table = bound_contributions(visits([3])[:0], at_most(2))
        assert (len(table.df), len(table.units), table.n_units) == (0, 0, 0)
        with pytest.raises(DataError, match="expected a table with rows"):
            TabGAN(schema=Schema(entity="key", max_rows=2)).fit(visits([3])[:0])


def are_uniform(choices: list[tuple[int, ...]], n_rows: int, max_rows: int) -> bool:
    """Return true if all choices of rows are about as frequent; a false alarm once in ten million runs.

    Two-sided: frequencies that agree too well are no chance either.
    """
    possible = list(itertools.combinations(range(n_rows), max_rows))
    expected = len(choices) / len(possible)
    found = np.array([choices.count(choice) for choice in possible])
    statistic = float(((found - expected) ** 2).sum() / expected)
    low, high = stats.chi2.interval(1 - 1e-7, len(possible) - 1)
    return bool(found.sum() == len(choices) and low < statistic < high)


def choices_of(df: pd.DataFrame, keys: set[str]) -> list[tuple[int, ...]]:
    """Return which of its rows each entity among ``keys`` kept."""
    kept = df[df["key"].isin(keys)].groupby("key")["visit"]
    return [tuple(sorted(rows)) for _, rows in kept]


@pytest.mark.fresh_noise
class TestChance:
    """An entity keeps any of its rows with equal chance, wherever they stand and whoever else is there."""

    SIZES = [6] * 3_000

    def visits(self, sizes: list[int]) -> pd.DataFrame:
        """Return the rows in the order of the visits: chance that is missed cannot come from the table's order."""
        return visits(sizes).sort_values("visit", kind="stable").reset_index(drop=True)

    def keys(self, n: int) -> set[str]:
        return {f"p{i}" for i in range(n)}

    @WAYS
    def test_every_choice_of_an_entitys_rows_is_as_likely(self, bound):
        table = bound(self.visits(self.SIZES), at_most(2))
        assert are_uniform(choices_of(table.df, self.keys(3_000)), 6, 2)

    def test_the_check_of_chance_fails_without_any(self):
        """Negative controls: the first rows of the table, and choices that take turns."""
        first = self.visits(self.SIZES).groupby("key").head(2)
        assert not are_uniform(choices_of(first, self.keys(3_000)), 6, 2)
        assert not are_uniform([*itertools.combinations(range(6), 2)] * 200, 6, 2)

    def test_a_bias_of_a_fifth_would_be_found(self):
        table = bound_contributions(self.visits(self.SIZES), at_most(2))
        biased = [
            (0, 1) if i % 5 == 0 else choice
            for i, choice in enumerate(choices_of(table.df, self.keys(3_000)))
        ]
        assert not are_uniform(biased, 6, 2)

    @WAYS
    @pytest.mark.parametrize("whale", [1, 20_000])
    def test_one_entity_more_changes_no_others_chances(self, whale, bound):
        df = self.visits([*self.SIZES[:1_500], whale])
        with_whale = bound(df, at_most(2))
        without = bound(df[df["key"] != "p1500"], at_most(2))
        for table in (with_whale, without):
            assert are_uniform(choices_of(table.df, self.keys(1_500)), 6, 2)
        assert int((with_whale.df["key"] == "p1500").sum()) == min(whale, 2)

    @pytest.mark.parametrize("seed", range(8))
    def test_with_the_same_lots_parts_keep_the_rows_that_memory_keeps(self, monkeypatch, seed):
        """The first row's entity, which is the first unit, has more rows than it may keep, as others have."""
        df, kept = visits([9, *[1, 2, 3, 5, 8] * 150], seed), []
        df = pd.concat([df[df["key"] == "p0"].tail(1), df]).reset_index(drop=True)
        for bound in (bound_contributions, bound_in_parts):
            lots = SimpleNamespace(token_bytes=np.random.default_rng(seed).bytes)
            monkeypatch.setattr(contributions, "secrets", lots)
            kept.append(bound(df.assign(place=range(len(df))), at_most(3)).df)
        pd.testing.assert_frame_equal(*kept)
        assert kept[0].groupby("key").size()["p0"] == 3

    @pytest.mark.parametrize("gone", ["p0", "p1", "p\0", "p\0 1"])
    def test_with_the_same_lots_one_entity_less_changes_no_others_rows(self, monkeypatch, gone):
        """A row's lot is its own: entities choose one by one, so that their choices are independent of each other."""
        df = visits([7] * 40)
        df["key"] = df["key"].replace({"p2": "p\0", "p3": "p\0 1"})
        lots = np.random.default_rng(0).integers(0, 2**63, len(df)).astype(np.uint64)

        def kept(rows: np.ndarray) -> pd.DataFrame:
            source = SimpleNamespace(token_bytes=lambda n: lots[rows].tobytes())
            monkeypatch.setattr(contributions, "secrets", source)
            return bound_contributions(df[rows].reset_index(drop=True), at_most(3)).df

        is_there = (df["key"] != gone).to_numpy()
        everybody = kept(np.full(len(df), True))
        others = everybody[everybody["key"] != gone].reset_index(drop=True)
        pd.testing.assert_frame_equal(others, kept(is_there))
        assert len(everybody) == len(others) + 3


class TestRefusals:
    """Whoever has no key has no bound. No message holds a cell."""

    def refuses(self, df: object, match: str) -> None:
        with pytest.raises(DataError, match=match) as caught:
            bound_contributions(df, PrivacyUnit("patient", 2))  # type: ignore[arg-type]
        assert SECRET not in str(caught.value)

    def test_a_missing_column(self):
        self.refuses(pd.DataFrame({"patients": [SECRET]}), "no column 'patient'. Did you mean 'patients'?")

    @pytest.mark.parametrize("missing", [None, np.nan, pd.NA, pd.NaT])
    def test_a_row_without_a_key(self, missing):
        df = pd.DataFrame({"patient": pd.Series([SECRET, missing], dtype=object)})
        self.refuses(df, "Column 'patient': the schema's entity has missing values")

    @pytest.mark.parametrize("key", [[SECRET], {SECRET}, {SECRET: 1}, np.array([1, 2])], ids=type)
    def test_keys_that_cannot_be_compared(self, key):
        df = pd.DataFrame({"patient": pd.Series([key, key], dtype=object)})
        self.refuses(df, "Column 'patient': the schema's entity holds values that cannot be compared")

    def test_a_column_that_is_there_twice(self):
        self.refuses(pd.DataFrame([[SECRET, 1]], columns=["patient"] * 2), "'patient' occurs more than once")

    @pytest.mark.parametrize("table", [None, SECRET, [[SECRET]], pd.Series([SECRET])], ids=type)
    def test_what_is_no_table(self, table):
        self.refuses(table, "expected a pandas DataFrame, got")
        with pytest.raises(DataError, match="expected a pandas DataFrame, got"):
            bound_contributions(table, ROW)


class TestSchema:
    """``Schema(entity=..., max_rows=...)``."""

    def test_the_entitys_column_becomes_an_identifier(self):
        schema = Schema([Boolean(name="b")], entity="key", max_rows=2)
        assert schema["key"] == Identifier(name="key")
        assert (schema.entity, schema.max_rows, schema.names) == ("key", 2, ["b", "key"])

    @pytest.mark.parametrize("column", [Identifier(name="key", pattern="P{:03d}", start=7), None])
    def test_a_declared_identifier_stays_as_it_is(self, column):
        given = column or {"kind": "identifier", "name": "key", "pattern": "P{:03d}", "start": 7}
        schema = Schema([given], entity="key", max_rows=1)
        assert list(schema) == [Identifier(name="key", pattern="P{:03d}", start=7)]

    @pytest.mark.parametrize("half", [{"entity": "key"}, {"max_rows": 2}])
    def test_one_without_the_other_is_refused(self, half):
        with pytest.raises(SchemaError, match="expected entity and max_rows together"):
            Schema(**half)

    @pytest.mark.parametrize("column", [Numeric(name="key"), Categorical(name="key"), Boolean(name="key")])
    def test_an_entity_that_would_be_learnt_is_refused(self, column):
        with pytest.raises(SchemaError, match=f"'key' to be an identifier, got {column.kind}"):
            Schema([column], entity="key", max_rows=2)

    @pytest.mark.parametrize("max_rows", [0, -1, True, False, 1.0, 2.5, "2", math.nan, None])
    def test_a_number_of_rows_that_is_none_is_refused(self, max_rows):
        with pytest.raises(SchemaError, match="max_rows"):
            Schema(entity="key", max_rows=max_rows)

    @pytest.mark.parametrize("entity", [1, ["key"], True])
    def test_an_entity_that_is_no_name_is_refused(self, entity):
        with pytest.raises(SchemaError, match="entity"):
            Schema(entity=entity, max_rows=1)

    def test_yaml_and_back(self):
        schema = Schema([Numeric(name="n")], target="n", entity="key", max_rows=4)
        assert Schema.from_yaml(schema.to_yaml()) == schema
        assert "entity: key" in schema.to_yaml()
        assert Schema.from_yaml("entity: key\nmax_rows: 4\n") == Schema(entity="key", max_rows=4)
        assert not {"entity", "max_rows"} & set(Schema([Numeric(name="n")]).to_dict())

    @pytest.mark.parametrize(
        "text", ["entity: key", "max_rows: 2", "entity: key\nmax_rows: 2.0", "entitty: key"]
    )
    def test_yaml_is_checked_as_strictly(self, text):
        with pytest.raises(SchemaError):
            Schema.from_yaml(text)

    def test_other_columns_or_another_target_leave_the_unit(self):
        schema = Schema([Numeric(name="n")], entity="key", max_rows=4)
        for changed in (schema.with_targets(["n"]), schema.replace([Boolean(name="b")])):
            assert PrivacyUnit.of_schema(changed) == at_most(4)
            assert isinstance(changed["key"], Identifier)


def frequency_fits(found: int, runs: int, probability: float) -> bool:
    """Return true if so many events in so many runs fit a probability; a false alarm once in ten million."""
    low, high = stats.binom.interval(1 - 1e-7, runs, probability)
    return bool(low <= found <= high)


@pytest.mark.fresh_noise
class TestThreshold:
    """A unit of several rows, in categories that nobody else is in."""

    DELTA, STDDEV, RUNS = 0.02, 6.0, 30_000

    def shows(self, rows: int, max_rows: int) -> np.ndarray:
        """Return which of the categories show that have so many rows each."""
        return discover(np.full(self.RUNS, rows), self.STDDEV, self.DELTA, max_rows)[0]

    @pytest.mark.family(keep=1)
    @pytest.mark.parametrize("max_rows", [1, 2, 5])
    def test_all_rows_in_one_category_show_it_with_their_part_of_delta_and_not_much_less(self, max_rows):
        """Pitfalls 1 and 3, from both sides: so many categories would be new at most, and delta is for all of them."""
        assert frequency_fits(len(self.shows(max_rows, max_rows)), self.RUNS, self.DELTA / max_rows)

    @pytest.mark.family
    @pytest.mark.parametrize("max_rows", [2, 5])
    def test_rows_in_a_category_each_show_any_with_less_than_delta(self, max_rows):
        excess = (threshold_for(self.STDDEV, self.DELTA, max_rows) - 1) / self.STDDEV
        any_shows = 1 - stats.norm.cdf(excess) ** max_rows
        assert any_shows < self.DELTA
        units = len(set((self.shows(1, max_rows) // max_rows).tolist()))
        assert frequency_fits(units, self.RUNS // max_rows, any_shows)

    @pytest.mark.family(keep=1)
    @pytest.mark.parametrize("max_rows", [3, 5])
    def test_the_threshold_of_a_single_row_would_show_them_too_often(self, max_rows):
        """The negative control, for rows in one category and in several."""
        n_shown = len(self.shows(max_rows, 1))
        assert n_shown > 1.5 * self.DELTA * self.RUNS
        assert not frequency_fits(n_shown, self.RUNS, self.DELTA)
        units = len(set((self.shows(1, 1) // max_rows).tolist()))
        assert not frequency_fits(units, self.RUNS // max_rows, self.DELTA)


def released(df: pd.DataFrame, schema: Schema, epsilon: float = 3.0):
    plan = make_plan(epsilon, 1e-6, unit=PrivacyUnit.of_schema(schema))
    ledger = PrivacyFilter(plan)
    kept = bound_contributions(df, plan.unit).df
    return release_table(kept, schema, plan, Measurer(ledger)), ledger


@pytest.mark.family(keep=1)
@pytest.mark.parametrize("max_rows", [1, 3])
@pytest.mark.fresh_noise
def test_the_noise_of_a_release_is_its_multiplier_times_the_rows_of_an_entity(max_rows):
    """From both sides, and in a discovery too; the noise of a single row is the negative control."""
    n = 60_000
    values = np.repeat(CATEGORIES, n // len(CATEGORIES))
    df = pd.DataFrame({"key": range(n), "declared": values, "open": values})
    columns = [Categorical(name="declared", categories=CATEGORIES), Categorical(name="open")]
    table, ledger = released(df, Schema(columns, entity="key", max_rows=max_rows), epsilon=50.0)
    for column, entry in zip(table.columns, ledger.entries[-2:], strict=True):
        assert (entry.sensitivity, entry.noise_stddev) == (max_rows, entry.noise_multiplier * max_rows)
        assert column.noise_stddev == entry.noise_stddev
        noise = column.counts[1 : 1 + len(CATEGORIES)] - n / len(CATEGORIES)
        assert len(noise) == len(CATEGORIES)
        low, high = stats.chi2.interval(1 - 1e-7, len(noise))
        statistic = float((noise**2).sum()) / entry.noise_multiplier**2
        assert low < statistic / max_rows**2 < high
        assert max_rows == 1 or not low < statistic < high


def test_an_entity_of_thousands_of_rows_moves_a_marginal_by_a_few():
    """From the table to the released count. Where the unit is a row, it moves it by all of them: the control."""
    usual = pd.DataFrame({"key": np.repeat(range(2_000), 2), "town": ["Ulm", "Bonn"] * 2_000})
    whale = pd.DataFrame({"key": 9_999, "town": ["Kiel"] * 5_000})
    df = pd.concat([whale, usual], ignore_index=True)
    town = Categorical(name="town", categories=("Ulm", "Bonn", "Kiel"))
    bounded, ledger = released(df, Schema([town], entity="key", max_rows=2))
    noise = ledger.entries[-1].noise_stddev
    assert abs(bounded.columns[0].counts[3]) < 2 + 6 * noise < 500
    assert bounded.n_rows == pytest.approx(4_000, abs=2 + 6 * noise)
    unbounded, _ = released(df, Schema([town, Identifier(name="key")]))
    assert unbounded.columns[0].counts[3] == pytest.approx(5_000, abs=6 * noise)


def test_a_new_category_of_one_entity_never_shows():
    """Pitfalls 1 and 3: neither all its rows in one, nor one of its rows in each of several."""
    usual = pd.DataFrame({"key": range(3_000), "town": ["Ulm", "Bonn", "Kiel"] * 1_000})
    for towns in ([SECRET] * 50, [f"{SECRET} {i}" for i in range(50)]):
        df = pd.concat([pd.DataFrame({"key": -1, "town": towns}), usual], ignore_index=True)
        for _ in range(5):
            table, _ = released(df, Schema([Categorical(name="town")], entity="key", max_rows=5), epsilon=1.0)
            assert table.schema["town"].categories == ("Bonn", "Kiel", "Ulm")


@pytest.fixture(scope="module", params=["text", "numbers"])
def fitted(request):
    rng = np.random.default_rng(0)
    keys = rng.integers(7_391_846_205_000, 7_391_846_206_000, 3_000)
    df = pd.DataFrame(
        {
            "pid": keys if request.param == "numbers" else [f"patient {key}" for key in keys],
            "age": rng.integers(18, 90, 3_000),
            "smoker": rng.random(3_000) < 0.3,
            "town": rng.choice(["Ulm", "Bonn", "Kiel"], 3_000),
        }
    )
    schema = Schema(target="smoker", entity="pid", max_rows=2)
    return df, TabGAN(epsilon=1, schema=schema, random_state=0).fit(df)


class TestFit:
    """``TabGAN`` with an entity, from the table to the sample."""

    def test_every_count_is_charged_for_all_rows_of_an_entity(self, fitted):
        """Pitfall 19."""
        _, model = fitted
        entries = model.privacy_.entries
        counts = [entry for entry in entries if entry.mechanism in (GAUSSIAN, GAUSSIAN_THRESHOLD)]
        steps = [entry for entry in entries if entry.mechanism == POISSON_GAUSSIAN]
        assert {entry.what for entry in counts} >= {
            "kind of the values",
            "number of rows",
            "1-way histogram",
            "categories and 1-way histogram",
            "dependence score",
            "2-way marginal",
            "critic's gain",
        }
        assert {entry.sensitivity for entry in counts} == {2}
        assert {entry.sensitivity for entry in steps} == {MAX_GRAD_NORM}
        assert len(counts) + len(steps) == len(entries)
        assert all("pid" not in entry.columns for entry in entries)

    def test_the_statement_names_the_unit(self, fitted):
        _, model = fitted
        statement = model.privacy_
        assert (statement.privacy_unit, statement.entity, statement.max_rows) == ("entity", "pid", 2)
        assert statement.unit == PrivacyUnit("pid", 2)
        assert "of one entity (pid), at most 2 rows each" in str(statement)
        assert ENTITY_FACT in statement.assumptions
        assert statement.epsilon_spent <= statement.epsilon == 1

    def test_the_entitys_column_comes_back_generated(self, fitted):
        df, model = fitted
        sample = model.sample(500)
        assert list(sample.columns) == list(df.columns)
        assert sample["pid"].dtype == df["pid"].dtype
        assert sample["pid"].is_unique
        assert not set(sample["pid"]) & set(df["pid"])

    def test_no_key_of_the_table_is_in_the_model_file(self, fitted, tmp_path):
        """Pitfall 22."""
        df, model = fitted
        model.save(tmp_path / "model")
        files = [path for path in (tmp_path / "model", *tmp_path.rglob("*")) if path.is_file()]
        saved = b"".join(path.read_bytes() for path in files)
        assert saved
        assert not any(str(key).encode() in saved for key in set(df["pid"]))
        assert (model.schema_.entity, model.schema_.max_rows) == ("pid", 2)

    def test_a_loaded_model_keeps_its_unit(self, fitted, tmp_path):
        _, model = fitted
        model.save(tmp_path / "model")
        loaded = TabGAN.load(tmp_path / "model")
        assert loaded.privacy_ == model.privacy_
        assert loaded.schema_ == model.schema_
