"""Tests of the places of values within their codes."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import ks_2samp

from tabgan.drawing.rows import EFFECTIVE
from tabgan.errors import ModelFileError
from tabgan.model import loglinear
from tabgan.model.formulas import NearFormula
from tabgan.model.generator import Generator
from tabgan.model.meeting import met_by_codes
from tabgan.model.places import LEVELS, PARTNERS, PUSHES, Places, smoothed
from tabgan.model.tallies import SHAPE, tallies_of
from tabgan.privacy.doors import mechanisms
from tabgan.privacy.events import PLACES
from tabgan.schema import Numeric, Schema
from tabgan.synthesizer import TabGAN
from tabgan.table.conditions import Between
from tabgan.table.placing import places_of_rows
from tabgan.table.stretches import Stretches

#: How close places come depends on how well the codes are fitted.
FULL_RUN = ("POOL", "MIN_POOL", "FRESH", "ITERATIONS", "EVALUATIONS")

N = 2_000


def related(n=N, seed=0) -> pd.DataFrame:
    """Return a column, its copy, a second one, their sum, and a few missing values."""
    rng = np.random.default_rng(seed)
    a, c = rng.gamma(3.0, 10.0, n).round(2), rng.normal(50.0, 9.0, n).round(2)
    df = pd.DataFrame({"a": a, "copy": a, "c": c, "sum": (a + c).round(2)})
    df.loc[rng.random(n) < 0.1, "copy"] = np.nan
    return df


def declared(df: pd.DataFrame) -> Schema:
    return Schema([Numeric(name=n, bounds=(df[n].min(), df[n].max()), decimals=2) for n in df])


@pytest.fixture(scope="module")
def plain():
    return TabGAN(epsilon=None, schema=declared(related()), random_state=0).fit(related())


def without_places(model) -> TabGAN:
    """Return a model whose places are drawn on their own."""
    fitted = model._fitted
    state = {n: v for n, v in fitted.generator.state_dict().items() if not n.startswith("places.")}
    apart = copy.copy(model)
    apart._fitted = replace(fitted, generator=Generator.of_state(fitted.encoder.sizes, state))
    return apart


def without_relations(model) -> TabGAN:
    """Return a model that keeps nothing that it has found: two orders make a copy exact, and a formula a sum.

    Keeping orders takes most of the time of a sample. It exchanges values, which leaves their frequencies alone.
    """
    apart = copy.copy(model)
    apart._fitted = replace(model._fitted, encoder=model._fitted.encoder.with_found(()))
    return apart


def far(df: pd.DataFrame) -> tuple[float, float]:
    """Return the median distances of a copy from its original, and of a sum from the sum."""
    return (df["copy"] - df["a"]).abs().median(), (df["sum"] - df["a"] - df["c"]).abs().median()


CONDITIONS = {
    "a part of one code": {"a": Between(30.2, 30.3)},
    "of the column that is pushed": {"copy": Between(25.0, 26.5)},
    "two parts of codes, and missing": {"copy": [Between(21.0, 22.0), Between(35.0, 36.0), None]},
    "one value": {"a": 30.26},
    "of both": {"c": Between(44.0, 46.0), "sum": Between(70.0, 74.0)},
}


def apart(one, worth, other) -> np.ndarray:
    """Return differences of the means and of the mean squares of columns, in standard errors of both tables."""
    found = []
    for name in one:
        for x, y in [(one[name], other[name]), (one[name] ** 2, other[name] ** 2)]:
            error = np.sqrt(x.var() / (worth * x.notna().mean()) + y.var() / y.notna().sum())
            found.append((x.mean() - y.mean()) / max(error, 1e-9))
    return np.array(found)


@pytest.fixture(scope="module")
def free(plain):
    return without_relations(plain).sample(150_000, random_state=1)


class TestUnderConditions:
    """Rows under a condition are as those that happen to meet it, in what lies within codes too."""

    @pytest.mark.family
    @pytest.mark.parametrize(
        "name",
        [pytest.param(name, marks=pytest.mark.family if i > 1 else ()) for i, name in enumerate(CONDITIONS)],
    )
    def test_rows_are_as_those_that_meet_it(self, plain, free, name):
        wanted = CONDITIONS[name]
        sample = without_relations(plain).sample(4_000, conditions=wanted, random_state=2)
        (column, asked), *more = wanted.items()
        if name == "one value":
            assert (sample[column] == asked).all()
            asked = Between(30.255, 30.265)
        is_met = keeps(free[column], asked)
        for other, own in more:
            is_met &= keeps(free[other], own)
            assert keeps(sample[other], own).all()
        assert keeps(sample[column], asked).all()
        off = apart(
            sample.drop(columns=column),
            sample.attrs[EFFECTIVE],
            free[is_met].drop(columns=column),
        )
        assert np.abs(off).max() < 4

    @pytest.mark.family
    def test_the_check_would_see_places_that_are_drawn_on_their_own(self, plain, free, monkeypatch):
        """A negative control: codes alone meet the condition, and places stay as they were."""
        monkeypatch.setattr(
            "tabgan.model.sampling.met_by_places",
            lambda generator, logits, wanted, codes, places, position, rng: met_by_codes(
                logits, wanted, codes[:, :position], rng
            ),
        )
        monkeypatch.setattr(Stretches, "within", lambda self, codes, places: places)
        sample = without_relations(plain).sample(
            4_000, conditions=CONDITIONS["a part of one code"], random_state=2
        )
        off = apart(sample[["copy"]], 4_000, free.loc[keeps(free["a"], Between(30.2, 30.3)), ["copy"]])
        assert np.abs(off).max() > 8


class TestCompletion:
    """Cells around given ones follow the places of these."""

    @pytest.mark.family
    @pytest.mark.parametrize("given", ["a", "copy"])
    def test_a_copy_lies_as_close_to_a_given_cell_as_in_a_sample(self, plain, free, given):
        alone = without_relations(plain)
        rows = related(1_000, seed=5)[[given]].dropna().reset_index(drop=True)
        other = {"a": "copy", "copy": "a"}[given]
        whole = alone.complete(rows, random_state=0, unknown="ignore")
        apart = (whole[other] - whole[given]).abs().quantile([0.5, 0.75]).to_numpy()
        expected = (free[other] - free[given]).abs().quantile([0.5, 0.75]).to_numpy()
        assert apart == pytest.approx(expected, rel=0.35)  # values are hundredths

    @pytest.mark.family
    def test_equal_given_cells_have_places_of_their_own(self):
        """A cell that is a code: one place for all rows would push the other columns one way (KS .27)."""
        rng = np.random.default_rng(0)
        x = np.where(rng.random(N) < 0.3, 40, rng.integers(0, 80, N))
        df = pd.DataFrame({"x": x, "y": (2 * x + rng.normal(0, 0.1, N)).round(3)})
        model = without_relations(TabGAN(None, random_state=0).fit(df))
        sampled = model.sample(2_000, conditions={"x": 40}, random_state=1)
        whole = model.complete(pd.DataFrame({"x": [40] * 2_000}), random_state=2)
        assert len(model._fitted.generator.places) == 1
        assert ks_2samp(sampled["y"], whole["y"]).statistic < 0.06

    @pytest.mark.family
    def test_the_check_would_see_places_that_are_drawn_on_their_own(self, plain, free):
        """A negative control: a generator without places."""
        rows = related(1_000, seed=5)[["a"]]
        whole = without_places(without_relations(plain)).complete(rows, random_state=0, unknown="ignore")
        assert (whole["copy"] - whole["a"]).abs().median() > 2 * (free["copy"] - free["a"]).abs().median()


def keeps(cells: pd.Series, asked) -> pd.Series:
    """Return true for cells that meet a condition."""
    parts = asked if isinstance(asked, list) else [asked]
    return np.logical_or.reduce(
        [cells.isna() if each is None else cells.between(each.min, each.max) for each in parts]
    )


class TestWhatItGives:
    @pytest.mark.family
    def test_copies_and_sums_come_out_far_closer(self, plain):
        alone = without_relations(plain)
        closer, apart = far(alone.sample(N)), far(without_places(alone).sample(N))
        assert closer[0] < 0.4 * apart[0]
        assert closer[1] < 0.7 * apart[1]

    @pytest.mark.family
    def test_codes_stay_as_frequent(self):
        """The biases are shifted for it; by this many rows it shows if they are not."""
        df = related().assign(sum=lambda rows: (1.5 * rows["a"] + rows["c"]).round(2))  # no formula has 1.5
        alone = without_relations(TabGAN(None, schema=declared(df), random_state=0).fit(df))
        assert isinstance(alone._fitted.generator.places_at(3), Places)
        n = 100_000
        encoder = alone._fitted.encoder
        found = np.bincount(encoder.transform(alone.sample(n))[:, 3], minlength=encoder.sizes[3]) / n
        expected = encoder.columns[3].code_weights / encoder.columns[3].code_weights.sum()
        assert np.abs(found - expected).sum() / 2 < 0.02  # 0.023 without

    def test_missing_values_stay_as_frequent(self, plain):
        assert without_relations(plain).sample(20_000)["copy"].isna().mean() == pytest.approx(0.1, abs=0.015)

    def test_conditions_hold(self, plain):
        rows = plain.sample(200, conditions={"a": 30.0, "copy": None})
        assert (rows["a"] == 30.0).all()
        assert rows["copy"].isna().all()
        assert (rows["sum"] - rows["c"]).median() == pytest.approx(30.0, abs=4.0)

    @pytest.mark.slow
    def test_under_noise_they_come_closer_too(self):
        df = related(8_000)
        model = TabGAN(epsilon=3.0, schema=declared(df), random_state=0).fit(df)
        lines = [entry for entry in model.privacy_.entries if entry.what == PLACES]
        assert {line.columns[0] for line in lines} == {
            model._fitted.encoder.names[int(position)] for position in model._fitted.generator.places
        }
        spent = sum(line.noise_multiplier**-2 for line in lines)
        assert spent == pytest.approx(model.plan_.shares["places"] * model.plan_.mu**2)
        alone = without_relations(model)
        assert far(alone.sample(8_000))[0] < 0.8 * far(without_places(alone).sample(8_000))[0]

    @pytest.mark.family
    def test_a_table_of_categories_keeps_no_share_for_it(self):
        df = pd.DataFrame({"a": np.tile(["x", "y"], 500), "b": np.tile(["u", "u", "v", "w"], 250)})
        model = TabGAN(epsilon=1.0, random_state=0).fit(df)
        assert not any(entry.what == PLACES for entry in model.privacy_.entries)
        assert not model._fitted.generator.places
        spent = sum(entry.noise_multiplier**-2 for entry in model.privacy_.entries)
        kept = model.plan_.shares[
            "found"
        ]  # where noisy scores suggest a relation, and noisy tables then show none
        assert 1.0 - spent / model.plan_.mu**2 in (
            pytest.approx(0.0, abs=1e-6),
            pytest.approx(kept, rel=1e-6),
        )


class TestRows:
    def test_a_rows_place_and_cell_are_those_of_that_row_alone(self, plain):
        """To the last bit, in any order and among any others: a cell that another row could change is no count."""
        encoder, df = plain._fitted.encoder, related()
        generator = without_places(plain)._fitted.generator
        codes, places = encoder.transform(df), places_of_rows(encoder, df)
        tallies = tallies_of(generator, encoder, torch.Generator().manual_seed(0))
        assert [(tally.position, type(tally.places)) for tally in tallies] == [
            (1, Places),
            (3, NearFormula),  # first, so that it serves where it is borne out
            (3, Places),
        ]
        rng = np.random.default_rng(0)
        some = rng.permutation(N)[:777]
        np.testing.assert_array_equal(places_of_rows(encoder, df.iloc[some]), places[some])
        for tally in tallies:
            whole = tally.cells(codes, places)
            np.testing.assert_array_equal(tally.cells(codes[some], places[some]), whole[some])
            for row in some[:40]:
                assert tally.cells(codes[[row]], places[[row]]) == whole[row]
            assert whole.min() >= -1
            assert whole.max() < SHAPE[0] * SHAPE[1]
            assert ((whole == -1) == df.iloc[:, tally.position].isna()).all()

    def test_places_are_uniform_within_codes(self, plain):
        places = places_of_rows(plain._fitted.encoder, related(20_000))
        assert not np.isnan(places).any()
        for column in places.T:
            assert np.histogram(column[column != 0.5], 10, (0, 1))[0] / len(column) == pytest.approx(
                0.1, abs=0.02
            )

    @pytest.mark.family
    def test_a_value_at_its_place_comes_back_in_its_cell(self, plain):
        encoder, df = plain._fitted.encoder, related()
        back = encoder.inverse_transform(
            encoder.transform(df), np.random.default_rng(0), places=places_of_rows(encoder, df)
        )
        apart = encoder.inverse_transform(encoder.transform(df), np.random.default_rng(0))
        assert (back["a"] - df["a"]).abs().max() < 0.02 * (apart["a"] - df["a"]).abs().max()


class TestSmoothed:
    def test_noise_becomes_nearly_uniform(self):
        """Mean distance from uniform shares, over tables of noise."""
        rng = np.random.default_rng(0)
        found = [smoothed(rng.normal(0, 30.0, SHAPE) + 50.0, 30.0) for _ in range(20)]
        assert np.mean([np.abs(each * LEVELS - 1).mean() for each in found]) < 0.06

    def test_no_counts_are_uniform(self):
        for counts in (np.zeros(SHAPE), -np.ones(SHAPE)):
            np.testing.assert_allclose(smoothed(counts, 1.0), 1 / LEVELS, rtol=1e-6)

    def test_a_strong_dependence_stays(self):
        levels, pushes = np.meshgrid(np.linspace(0, 1, SHAPE[1]), np.linspace(0, 1, SHAPE[0]))
        exact = 300.0 * np.exp(-(((levels - pushes) / 0.1) ** 2))
        found = smoothed(exact + np.random.default_rng(0).normal(0, 10.0, SHAPE), 10.0)
        assert np.abs(found - exact / exact.sum(1, keepdims=True)).sum(1).mean() < 0.25

    def test_each_push_has_shares(self):
        found = smoothed(np.random.default_rng(0).normal(0, 100.0, SHAPE), 100.0)
        assert (found > 0).all()
        np.testing.assert_allclose(found.sum(1), 1.0)


class TestState:
    @pytest.mark.parametrize("position", [1, 3])
    def test_draws_follow_their_masses(self, plain, position):
        generator = plain._fitted.generator
        own = generator.places_at(position)
        codes = generator.draw(1, torch.Generator().manual_seed(0)).expand(30_000, -1).clone()
        places = torch.full(codes.shape, 0.9)
        logits = generator.logits(codes, position)[:, own.block]
        weights = generator.weights_of(position, own)
        drawn, at = own.draw(logits, codes, places, weights, torch.Generator().manual_seed(1))
        found = torch.bincount(drawn - own.block.start, minlength=logits.shape[1]) / len(codes)
        masses = own.masses(logits[:1], codes[:1], places[:1], weights)[0]
        assert (found - masses).abs().max() < 0.012
        assert masses.sum() == pytest.approx(1.0)
        assert ((at >= 0) & (at <= 1)).all()

    def test_one_of_its_tensors_that_does_not_fit_is_refused(self, plain):
        sizes = plain._fitted.encoder.sizes
        state = dict(plain._fitted.generator.places["1"].state_dict())
        assert torch.equal(Places.of_state(sizes, 1, state).copula, state["copula"])
        wrong = {
            "values": [torch.tensor([0, sizes[1] + 1]), torch.tensor([2, 2]), torch.tensor([1.0, 5.0])],
            "middles": [state["middles"][:-1], torch.full_like(state["middles"], torch.nan)],
            "widths": [state["widths"][None], -state["widths"]],
            "partners": [state["partners"] + 3, state["partners"] - 9, torch.arange(PARTNERS + 1)],
            "ends": [state["ends"] + 99, state["ends"].flip(1), state["ends"][:, :1]],
            "copula": [
                torch.zeros(SHAPE),
                state["copula"].T,
                torch.full((len(PUSHES) + 1, LEVELS), torch.inf),
            ],
        }
        for name, values in wrong.items():
            for value in values:
                with pytest.raises((ValueError, KeyError, TypeError)):
                    Places.of_state(sizes, 1, state | {name: value})
        with pytest.raises(ValueError, match="belong together"):
            Places.of_state(sizes, 1, state | {"more": state["ends"]})

    @pytest.mark.family
    def test_a_file_keeps_them(self, plain, tmp_path):
        plain.save(tmp_path / "m")
        loaded = TabGAN.load(tmp_path / "m", device="cpu")
        pd.testing.assert_frame_equal(loaded.sample(300), plain.sample(300))

    def test_a_file_whose_places_are_not_those_of_its_columns_is_refused(self, plain, tmp_path):
        changed = copy.deepcopy(plain)
        changed._fitted.generator.places["1"].ends[:, 0] += 1
        changed.save(tmp_path / "m")
        with pytest.raises(ModelFileError):
            TabGAN.load(tmp_path / "m")


@pytest.mark.family
def test_a_lost_table_leaves_places_on_their_own(tmp_path, monkeypatch):
    """Its share is spent, and has no room for a second try."""
    for name, value in {
        "POOL": 512,
        "MIN_POOL": 512,
        "FRESH": 512,
        "ITERATIONS": 4,
        "EVALUATIONS": 6,
    }.items():
        monkeypatch.setattr(loglinear, name, value)  # nothing here looks at how well codes are fitted
    df, real = related(1_000), mechanisms.noisy_vector
    model = TabGAN(epsilon=50.0, schema=declared(df), random_state=0)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):

        def dies(values, noise):
            if np.shape(values) == SHAPE:
                raise KeyboardInterrupt
            return real(values, noise)

        patch.setattr(mechanisms, "noisy_vector", dies)
        model.fit(df, checkpoint=tmp_path / "kept")
    model.fit(df, checkpoint=tmp_path / "kept")
    assert not model._fitted.generator.places
    assert any(entry.what == PLACES for entry in model.privacy_.entries)
    assert model.privacy_.epsilon_spent <= 50.0
