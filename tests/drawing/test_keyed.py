"""Rows of a key share what a rule says: in every kind of sample, and no row by itself tells that they do."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tabgan import Between, TabGAN
from tabgan.drawing import stream
from tabgan.drawing.keyed import source_of
from tabgan.errors import ConfigError, DataError, SchemaError
from tabgan.privacy.filter import PrivacyFilter
from tabgan.rules import (
    FixedCombinations,
    Formula,
    Inequality,
    Missing,
    OneOf,
    Rule,
    Same,
    Unique,
    keeps_rules,
)
from tabgan.schema import Categorical, Identifier, Numeric, Pii, Schema, Text

SHARED = (
    "sex",
    "birth",
    "blood",
    "lat",
    "lon",
    "state",
    "city",
    "born",
    "red",
    "blue",
    "name",
    "mail",
    "plate",
)
RULES: tuple[Rule, ...] = (
    Same(SHARED, "patient"),
    Inequality("birth", "visit"),
    Formula("born", "year(birth)"),
    Formula("age", "year(visit) - born"),
    FixedCombinations(("state", "city")),
    FixedCombinations(("kind", "ward")),
    OneOf(("red", "blue")),
    Missing("bed", {"kind": "day"}),
)
COLUMNS = (
    Identifier(name="patient", pattern="P{:05d}", recurrence=(0.2, 0.3, 0.1, 0.2, 0.2)),
    Pii(name="name", provider="name", follows="sex"),
    Pii(name="mail", provider="email", missing=0.3),
    Pii(name="doctor", provider="last_name", locale="de_DE"),
    Categorical(name="kind"),
    Text(name="plate", pattern="[A-Z]{3}[0-9]{4}"),
    Text(name="note", pattern="[a-z]{6}"),
)


def table(n_patients: int = 300, seed: int = 0) -> pd.DataFrame:
    """Return visits of patients that keep the rules."""
    rng = np.random.default_rng(seed)
    sizes = rng.choice([1, 2, 3, 4, 5], n_patients, p=[0.2, 0.3, 0.1, 0.2, 0.2])
    of_row = np.repeat(np.arange(n_patients), sizes)
    n = len(of_row)
    birth = pd.Timestamp("1940-01-01") + pd.to_timedelta(rng.integers(0, 60 * 365, n_patients), unit="D")
    visit = pd.Timestamp("2000-01-01") + pd.to_timedelta(rng.integers(0, 9 * 365, n), unit="D")
    place, where = rng.integers(0, 3, n_patients), rng.normal(47, 0.3, (n_patients, 2)).round(2)
    kind, blue = rng.integers(0, 3, n), rng.random(n_patients) < 0.4
    df = pd.DataFrame({"visit": visit, "patient": of_row})
    df["sex"] = rng.choice(["f", "m"], n_patients, p=[0.7, 0.3])[of_row]
    df["birth"] = birth[of_row]
    df["blood"] = pd.Series(rng.choice(["0", "A", None], n_patients)[of_row], dtype=object)
    df["bp"] = (100 + 20 * (df["sex"] == "m") + rng.normal(0, 9, n)).round()
    df["state"] = np.array(["BY", "BY", "NW"])[place][of_row]
    df["city"] = pd.Series(np.array(["Ulm", None, "Bonn"])[place][of_row], dtype=object)
    df["lat"], df["lon"] = where[of_row].T
    df["born"] = birth.year[of_row].astype("int16")
    df["age"] = df["visit"].dt.year - df["born"]
    df["kind"] = np.array(["day", "day", "night"])[kind]
    df["ward"] = np.array(["a", "b", "c"])[kind]
    df["bed"] = pd.Series(rng.integers(1, 40, n), dtype="Int64").mask(df["kind"] == "day")
    df["red"], df["blue"] = ~blue[of_row], blue[of_row]
    for name in ("name", "mail", "doctor", "plate", "note"):
        df[name] = "x"
    return df.assign(patient=[f"P{i:05d}" for i in of_row])


@pytest.fixture(scope="module")
def model(few_rows) -> TabGAN:
    schema = Schema(COLUMNS, rules=RULES, geo=[["lat", "lon"]])
    return TabGAN(epsilon=None, schema=schema, random_state=0).fit(table())


def check(model: TabGAN, sample: pd.DataFrame, df: pd.DataFrame | None = None) -> None:
    """Raise unless every row keeps every rule of the model, and rows of a key lie one after the other."""
    known = [table() if df is None else df]
    lost = {loss.column for loss in model.losses_ if loss.kind == "unseen"}  # told: no value was released
    for rule in model.schema_.rules:
        if isinstance(rule, FixedCombinations) and lost & set(rule.columns):
            continue
        assert keeps_rules([rule], model.schema_.columns, sample, known).all(), rule
    key = next(rule.within for rule in model.schema_.rules if isinstance(rule, Same))
    new = (sample[key] != sample[key].shift()).sum()
    assert new == sample[key].nunique()


class TestSamples:
    def test_every_rule_holds_and_types_are_the_tables(self, model):
        sample = model.sample(2_000, random_state=1)
        check(model, sample)
        assert len(sample) == 2_000
        assert list(sample) == list(table())
        same = [name for name in sample if name != "patient"]
        assert sample[same].dtypes.to_dict() == table()[same].dtypes.to_dict()
        assert sample["mail"].isna().mean() == pytest.approx(0.3, abs=0.08)
        by_key = sample.groupby("patient")
        assert {int(size) for size in by_key.size()} == {1, 2, 3, 4, 5}
        assert (by_key["bp"].nunique() > 1).mean() > 0.5
        assert (by_key["note"].nunique() == by_key.size()).all()
        assert by_key["doctor"].nunique().max() > 1
        assert by_key["visit"].nunique().max() > 1

    def test_made_up_people_fit_each_other(self, model):
        sample = model.sample(300, random_state=2)
        known = sample[sample["mail"].notna()]
        first = known["name"].str.split().str[0].str.lower()
        assert [a in b for a, b in zip(first, known["mail"], strict=True)].count(True) > 0.95 * len(known)
        assert sample.groupby("name")["patient"].nunique().max() <= 2

    @pytest.mark.parametrize(("n", "batch_size"), [(1, 1), (60, 1), (101, 7), (40, 100), (0, 5)])
    def test_keys_go_on_in_the_next_batch(self, model, n, batch_size):
        batches = list(model.sample_batches(n, batch_size, random_state=3))
        sample = pd.concat(batches, ignore_index=True)
        assert len(sample) == n
        check(model, sample)
        if batch_size == 1 and n > 1:
            assert sample["patient"].nunique() < n

    def test_no_rows(self, model):
        assert model.sample(0).dtypes.to_dict() == model.sample(3).dtypes.to_dict()

    def test_the_same_seed_gives_the_same_rows(self, model):
        pd.testing.assert_frame_equal(model.sample(200, random_state=4), model.sample(200, random_state=4))

    def test_a_file_keeps_it_all(self, model, tmp_path):
        model.save(tmp_path / "model")
        loaded = TabGAN.load(tmp_path / "model")
        assert loaded.schema_ == model.schema_
        pd.testing.assert_frame_equal(loaded.sample(99, random_state=1), model.sample(99, random_state=1))

    def test_a_label_column_comes_last(self, model):
        sample = model.sample(50, label_column="made up", random_state=1)
        assert sample["made up"].all()
        check(model, sample)

    def test_no_missing_values(self, model):
        sample = model.sample(400, impute=True, random_state=1)
        check(model, sample)
        assert sample["blood"].notna().all()


class TestFiles:
    def test_rows_do_not_depend_on_files_or_processes(self, model, monkeypatch, tmp_path):
        monkeypatch.setattr(stream, "CHUNK", 64)
        made = []
        for i, wanted in enumerate([{"rows_per_file": 64}, {"rows_per_file": 50}, {"rows_per_file": 1_000}]):
            model.sample_to(tmp_path / str(i), 300, random_state=5, format="csv", workers=1, **wanted)
            parts = sorted((tmp_path / str(i)).glob("part*.csv"))
            made.append(pd.concat(map(pd.read_csv, parts), ignore_index=True))
        for other in made[1:]:
            pd.testing.assert_frame_equal(made[0], other)
        sample = made[0].assign(
            visit=pd.to_datetime(made[0]["visit"]), birth=pd.to_datetime(made[0]["birth"])
        )
        check(model, sample)
        for start in range(64, 300, 64):  # no key lies in two chunks
            assert sample["patient"][start - 1] != sample["patient"][start]

    def test_text_from_a_list_is_written_from_a_dictionary(self, few_rows, monkeypatch, tmp_path):
        monkeypatch.setattr(stream, "CHUNK", 64)
        schema = Schema([Identifier(name="key", recurrence=True)], rules=[Same(("a", "y"), "key")])
        model = TabGAN(epsilon=None, schema=schema, random_state=0).fit(visits(600))
        model.sample_to(tmp_path / "a.parquet", 200, random_state=1)
        model.sample_to(tmp_path / "a.csv", 200, random_state=1)
        sample = pd.read_parquet(tmp_path / "a.parquet")
        check(model, sample, visits(600))
        assert sample["y"].tolist() == pd.read_csv(tmp_path / "a.csv")["y"].tolist()
        source = source_of(model._fitted, None)
        assert source.in_dictionaries() is not source

    @pytest.mark.slow
    def test_two_processes(self, model, tmp_path):
        model.sample_to(tmp_path / "a", 200_000, rows_per_file=65_536, random_state=5, workers=2)
        model.sample_to(tmp_path / "b", 200_000, rows_per_file=65_536, random_state=5, workers=1)
        both = [pd.read_parquet(tmp_path / name) for name in "ab"]
        pd.testing.assert_frame_equal(*both)
        check(model, both[0])


class TestConditions:
    @pytest.mark.parametrize(
        "conditions",
        [
            {"sex": "f"},
            {"kind": "night"},
            {"sex": "m", "ward": "b", "bp": Between(110, 130)},
            {"birth": Between("1950-01-01", "1960-12-31"), "visit": Between("2003-01-01", "2004-12-31")},
            {"blood": None},
            {"age": Between(30, 40)},
            {"born": 1960},
            {"lat": Between(46.9, 47.2), "state": "BY"},
            {"bed": {"missing": False}},
        ],
    )
    def test_hold_in_every_row(self, model, conditions):
        sample = model.sample(120, conditions=conditions, random_state=6)
        assert len(sample) == 120
        check(model, sample)
        assert sample["patient"].nunique() < 100
        for name, wanted in conditions.items():
            cells = sample[name]
            if isinstance(wanted, Between):
                low, high = (
                    pd.Timestamp(end) if isinstance(end, str) else end for end in (wanted.min, wanted.max)
                )
                assert cells.between(low, high).all()
            elif wanted is None:
                assert cells.isna().all()
            else:
                assert (cells.notna() if isinstance(wanted, dict) else cells == wanted).all()

    def test_what_no_row_has_is_refused(self, model):
        with pytest.raises(
            DataError, match="'sex': the value asked for is not in the column's released domain"
        ):
            model.sample(5, conditions={"sex": "x"})
        with pytest.raises(DataError, match="generated and cannot be fixed"):
            model.sample(5, conditions={"patient": "P00001"})

    @pytest.mark.parametrize("batch_size", [13, 1_000])
    @pytest.mark.parametrize("names", [("sex",), ("bp",), ("sex", "bp")])
    def test_shares_are_exact_in_rows(self, model, names, batch_size):
        low = Between(max=105)
        wanted = {"sex": {"f": 0.5, "m": 0.5}, "bp": [{"value": low, "share": 0.25}]}
        batches = model.sample_batches(
            200, batch_size, proportions={name: wanted[name] for name in names}, random_state=7
        )
        sample = pd.concat(list(batches), ignore_index=True)
        check(model, sample)
        for name, part, n in (("sex", sample["sex"] == "f", 100), ("bp", sample["bp"] <= 105, 50)):
            assert name not in names or abs(part.sum() - n) <= 1


class TestCompletion:
    def test_given_keys_share_what_they_have_to(self, model):
        df = table().head(150)
        whole = model.complete(df.drop(columns=["birth", "born", "blood", "sex", "name"]), random_state=8)
        assert whole["patient"].tolist() == df["patient"].tolist()
        for rule in RULES:
            assert keeps_rules([rule], model.schema_.columns, whole, [table()]).all(), rule

    def test_missing_cells_of_a_known_key_are_filled_with_its_value(self, model):
        rows = pd.DataFrame(
            {
                "patient": ["a", "b", "a", None, "b", "a"],
                "sex": [None, None, "m", None, None, None],
                "plate": ["ABC1234", None, None, None, None, None],
                "bp": [np.nan, 120, np.nan, np.nan, np.nan, np.nan],
            },
            index=list("uvwxyz"),
        )
        for complete in (model.complete, model.impute):
            whole = complete(rows, random_state=9)
            assert whole.index.tolist() == list("uvwxyz")
            assert whole.loc[["u", "w", "z"], "sex"].tolist() == ["m"] * 3
            assert whole.loc[["u", "w", "z"], "plate"].tolist() == ["ABC1234"] * 3
            assert whole["patient"].notna().all()
            assert whole["patient"].nunique() == 3
            assert keeps_rules(RULES[:1], model.schema_.columns, whole).all()

    def test_rows_without_a_key_have_one_each(self, model):
        whole = model.complete(pd.DataFrame({"sex": ["f", "m"] * 20, "patient": ["P00002", *[None] * 39]}))
        assert whole["patient"].is_unique

    def test_cells_that_contradict_each_other_are_refused(self, model):
        rows = pd.DataFrame({"patient": ["a", "a", "b"], "sex": ["f", "m", "f"]})
        with pytest.raises(
            DataError, match="column 'sex': 1 given cells differ from those of other rows"
        ) as error:
            model.complete(rows)
        assert "'f'" not in str(error.value)
        kept = model.complete(rows, unknown="ignore", random_state=1)
        assert kept["sex"].tolist() == ["f", "m", "f"]

    def test_given_cells_of_further_rows_keep_the_rules_beside_what_is_drawn(self, few_rows):
        """Cells that the first row of a key shares go with the given cells of all, or there is an error."""
        rng, key = np.random.default_rng(0), np.repeat(np.arange(300), 4)
        df = pd.DataFrame({"key": key, "a": rng.integers(0, 20, 300)[key]})
        df["c"] = df["a"] + rng.integers(0, 8, len(df))
        df["b"] = rng.integers(df["a"], df["c"] + 1)
        keys = [Identifier(name="key", recurrence=True)]
        ends = rng.integers(3, 22, 180)
        rows = pd.DataFrame({"key": np.repeat(np.arange(60), 3), "c": ends})
        for orders in ([Inequality("a", "c")], [Inequality("a", "b"), Inequality("b", "c")]):
            schema = Schema(keys, rules=[Same(("a",), "key"), *orders])
            model = TabGAN(epsilon=None, schema=schema, random_state=0).fit(df)
            whole = model.complete(rows, random_state=1)
            assert whole["c"].tolist() == ends.tolist()
            assert keeps_rules(schema.rules, model.schema_.columns, whole).all()
        late = pd.DataFrame({"key": [7, 7, 7], "c": [15, 16, 5], "b": [None, None, 7]})
        with pytest.raises(DataError, match=r"given cells of 1 rows break rules\[2\]"):
            model.complete(late)
        kept = model.complete(late, unknown="ignore", random_state=1)
        assert (kept["c"].tolist(), kept["b"][2]) == ([15, 16, 5], 7)

    def test_no_rows_and_no_columns(self, model):
        assert len(model.complete(pd.DataFrame({"sex": pd.Series([], dtype=object)}))) == 0
        assert len(model.complete(pd.DataFrame(index=range(5)))) == 5


class TestDistributions:
    """Each row by itself is a row of the model, as of one that knows nothing of keys."""

    def test_single_columns_and_pairs_are_those_of_first_rows(self, model):
        sample = model.sample(30_000, random_state=10)
        is_first = (sample["patient"] != sample["patient"].shift()).to_numpy()
        coded = pd.DataFrame(
            {
                "sex": sample["sex"],
                "blood": sample["blood"].fillna("-"),
                "city": sample["city"].fillna("-"),
                "kind": sample["kind"],
                "bp": pd.cut(sample["bp"], [-np.inf, 95, 105, 115, 125, np.inf]).astype(str),
                "birth": sample["birth"].dt.year // 10,
                "visit": sample["visit"].dt.year,
            }
        )
        for one, other in combinations(coded, 2):
            pair = coded[one].astype(str) + "/" + coded[other].astype(str)
            first, further = (pair[rows].value_counts(normalize=True) for rows in (is_first, ~is_first))
            first, further = first.align(further, fill_value=0.0)
            whole = pair.value_counts(normalize=True).reindex(first.index)
            # Rows of a key vary together, so that further rows are worth fewer.
            noise = np.sqrt(whole * (1 / is_first.sum() + 3 / (~is_first).sum())).sum()
            assert np.abs(first - further).sum() < noise, (one, other)


def visits(n: int, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    of_row = np.sort(rng.integers(0, n // 3, n))
    df = pd.DataFrame({"key": of_row, "a": rng.integers(0, 40, n // 3)[of_row], "x": rng.integers(0, 50, n)})
    return df.assign(b=(df["a"] > 20), y=rng.choice(["u", "v", "w"], n))


class TestWithTargets:
    def test_a_shared_target_is_drawn_last_and_kept(self, few_rows):
        df = visits(600)
        schema = Schema([Identifier(name="key", recurrence=True)], "b", rules=[Same(("a", "b"), "key")])
        model = TabGAN(epsilon=None, schema=schema, random_state=0).fit(df)
        assert model._fitted.encoder.names[-1] == "b"
        sample = model.sample(4_000, random_state=1)
        check(model, sample, df)
        is_first = sample["key"] != sample["key"].shift()
        assert sample["b"][is_first].mean() == pytest.approx(sample["b"][~is_first].mean(), abs=0.05)
        check(model, model.sample(100, conditions={"y": "u"}, random_state=1), df)

    def test_rows_of_a_chunk_do_not_depend_on_those_before(self, few_rows, monkeypatch):
        monkeypatch.setattr(stream, "CHUNK", 50)
        schema = Schema([Identifier(name="key", recurrence=True)], "b", rules=[Same(("a", "b"), "key")])
        fitted = TabGAN(epsilon=None, schema=schema, random_state=0).fit(visits(600))._fitted
        manifest = stream.Manifest("", 150, 150, "csv", "none", {}, "", 7)
        for conditions in (None, {"y": "u"}):
            one, other = (stream.Chunks(source_of(fitted, conditions), manifest) for _ in range(2))
            drawn = [one.table(number) for number in (0, 1, 2)]
            for number in (2, 0, 1):
                pd.testing.assert_frame_equal(other.table(number), drawn[number])


class TestUniqueness:
    @pytest.fixture
    def model(self, few_rows) -> TabGAN:
        schema = Schema(
            [Identifier(name="key", recurrence=(0.5, 0.5))], rules=[Same(("a",), "key"), Unique(("a", "x"))]
        )
        df = visits(900).drop_duplicates(["a", "x"])
        return TabGAN(epsilon=None, schema=schema, random_state=0).fit(df)

    def test_holds_within_and_across_keys(self, model, tmp_path):
        sample = pd.concat(list(model.sample_batches(300, 40, random_state=1)), ignore_index=True)
        check(model, sample, visits(900))
        model.sample_to(tmp_path / "a", 200, format="csv", rows_per_file=50, random_state=1)
        check(model, pd.concat(map(pd.read_csv, sorted((tmp_path / "a").glob("*.csv")))), visits(900))
        with pytest.raises(ConfigError, match="workers: expected 1"):
            model.sample_to(tmp_path / "b", 200, workers=2)

    def test_holds_in_completed_rows(self, model):
        rows = pd.DataFrame({"key": [1, 1, 2, 2, 2, 3], "a": [4, np.nan, 4, np.nan, np.nan, np.nan]})
        whole = model.complete(rows, random_state=1)
        assert not whole.duplicated(["a", "x"]).any()
        assert whole["a"][:5].eq(4).all()

    def test_ends_with_an_error_if_there_are_no_more(self, model, monkeypatch):
        monkeypatch.setattr("tabgan.drawing.rows.LEAST_DRAWN", 1_000)
        monkeypatch.setattr("tabgan.drawing.rows.MOST_DRAWN", 1)
        with pytest.raises(DataError, match="drawn rows keep the rules|further rows of keys"):
            model.sample(20_000)


def test_a_row_that_hardly_any_other_can_follow_repeats_itself(few_rows):
    """The first row is shown again if no further one is found that keeps the rules beside the shared values."""
    rng = np.random.default_rng(0)
    of_row = np.sort(rng.integers(0, 200, 600))
    low = np.where(np.arange(200) < 8, 99, 0)[of_row]
    df = pd.DataFrame({"key": of_row, "low": low, "x": np.where(low == 99, 99, rng.integers(0, 99, 600))})
    schema = Schema(
        [Identifier(name="key", recurrence=(0.0, 0.0, 1.0)), Numeric(name="low", decimals=0)],
        rules=[Same(("low",), "key"), Inequality("low", "x")],
    )
    model = TabGAN(epsilon=None, schema=schema, random_state=0).fit(df)
    sample = model.sample(3_000, random_state=1)
    check(model, sample, df)
    assert (sample["low"] == 99).any()


def test_an_entity_and_noise(few_rows):
    df = visits(1_500)
    schema = Schema(
        [Identifier(name="key", recurrence=True), Categorical(name="y", categories=["u", "v", "w"])],
        entity="key",
        max_rows=4,
        rules=[Same(("a", "b", "y"), "key")],
    )
    model = TabGAN(20.0, schema=schema, random_state=0).fit(df)
    sample = model.sample(600, random_state=1)
    check(model, sample, df)
    assert sample["key"].value_counts().max() <= 4
    assert not [loss for loss in model.losses_ if loss.kind == "unrelated"]


def test_a_key_without_the_rule_is_told(few_rows, caplog):
    model = TabGAN(epsilon=None, schema=Schema([Identifier(name="key", recurrence=True)])).fit(visits(300))
    (loss,) = [loss for loss in model.losses_ if loss.kind == "unrelated"]
    assert loss.column == "key"
    assert "within: key" in loss.remedy
    assert caplog.text.count("no more related than others") == 1


# Tables, rules, numbers of rows and batches at random.


@st.composite
def drawn_rules(draw) -> list[Rule]:
    """Draw columns that rows of a key share, and other rules, some of which contradict them."""
    names = list("abcxy")
    rules: list[Rule] = [Same(draw(st.lists(st.sampled_from(names), min_size=1, unique=True)), "key")]
    name = st.sampled_from(names)
    kinds = st.one_of(
        st.builds(Inequality, st.sampled_from("abx"), st.sampled_from("abx"), st.booleans()),
        st.builds(Formula, st.sampled_from("abx"), st.sampled_from(["a + b", "x - a", "b * 2", "x + 1"])),
        st.lists(name, min_size=2, max_size=3, unique=True).map(FixedCombinations),
        st.builds(Missing, st.just("c"), st.fixed_dictionaries({"y": st.sampled_from("uv")})),
        st.lists(name, min_size=2, max_size=4, unique=True).map(Unique),
    )
    for _ in range(draw(st.integers(0, 3))):
        try:
            rules.append(draw(kinds))
        except ConfigError:
            continue
    return rules


@pytest.mark.family
@pytest.mark.usefixtures("few_rows")
@hypothesis_settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    rules=drawn_rules(),
    seed=st.integers(0, 99),
    n=st.integers(1, 90),
    batch_size=st.integers(1, 90),
    epsilon=st.sampled_from([None, 50.0]),
    target=st.sampled_from([None, "a", "y"]),
)
def test_whatever_is_drawn_rows_keep_it_or_it_is_refused_before_a_charge(
    rules, seed, n, batch_size, epsilon, target
):
    rng = np.random.default_rng(seed)
    df = pd.DataFrame({"key": np.sort(rng.integers(0, 70, 200))})
    for name in "abx":
        df[name] = rng.integers(0, 9, 200)
    df["c"] = pd.Series(rng.integers(0, 9, 200), dtype="Int64").mask(rng.random(200) < 0.2)
    df["y"] = rng.choice(["u", "v", "w"], 200)
    charges: list[object] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tabgan.drawing.rows.LEAST_DRAWN", 1_000)
        patch.setattr("tabgan.drawing.rows.BATCH_SIZE", 500)
        charge = PrivacyFilter.charge
        patch.setattr(
            PrivacyFilter, "charge", lambda *args, **kw: (charges.append(1), charge(*args, **kw))[1]
        )
        try:
            schema = Schema([Identifier(name="key", recurrence=True)], target, rules=rules)
            model = TabGAN(epsilon, schema=schema, random_state=0, adversary_share=0.0).fit(df)
        except (SchemaError, ConfigError):
            assert not charges
            return
        try:
            sample = pd.concat(list(model.sample_batches(n, batch_size)), ignore_index=True)
        except DataError as error:
            if "drawn rows keep the rules" in str(error) or "further rows of keys" in str(error):
                return
            raise
    assert len(sample) == n
    assert sample.dtypes.to_dict() == df.dtypes.to_dict()
    check(model, sample, df)
