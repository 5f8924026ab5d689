"""Tests of columns that a formula of two others nearly gives."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from tabgan.model.formulas import DISTANCES, SIDE, STEPS, NearFormula, falling_shares, numbers_of, place_of
from tabgan.model.generator import Generator
from tabgan.model.suggested import MOST_NEAR_FORMULAS, _factor
from tabgan.model.tallies import SHAPE, tallies_of
from tabgan.privacy.events import PLACES
from tabgan.schema import Numeric, Schema
from tabgan.synthesizer import TabGAN
from tabgan.table.conditions import Between
from tabgan.table.placing import placed_columns, places_of_rows

#: How close numbers come depends on how well the codes are fitted.
FULL_RUN = ("POOL", "MIN_POOL", "FRESH", "ITERATIONS", "EVALUATIONS")

N = 4_000


def bills(n=N, seed=0) -> pd.DataFrame:
    """Return months, a price, and about what was paid in all; some paid nothing yet."""
    rng = np.random.default_rng(seed)
    months = rng.integers(1, 73, n)
    price = (20 + rng.gamma(2.0, 20.0, n)).round(2)
    paid = (months * price * rng.normal(1.0, 0.04, n)).round(2)
    return pd.DataFrame(
        {"months": months, "price": price, "paid": np.where(rng.random(n) < 0.05, np.nan, paid)}
    )


def declared(df: pd.DataFrame) -> Schema:
    return Schema(
        [Numeric(name=n, bounds=(df[n].min(), df[n].max()), decimals=0 if n == "months" else 2) for n in df]
    )


def fitted(df: pd.DataFrame, epsilon=None) -> TabGAN:
    return TabGAN(epsilon, schema=declared(df), random_state=0).fit(df)


def formulas_of(model: TabGAN) -> dict[str, str]:
    """Return the formulas that a model uses, by the name of the column."""
    names = model._fitted.encoder.names
    return {
        names[int(position)]: each.formula([names[i] for i in each.partners.tolist()])
        for position, each in model._fitted.generator.places.items()
        if isinstance(each, NearFormula)
    }


def without_places(model: TabGAN) -> TabGAN:
    """Return a model whose pairs alone decide."""
    state = {n: v for n, v in model._fitted.generator.state_dict().items() if not n.startswith("places.")}
    apart = copy.copy(model)
    generator = Generator.of_state(model._fitted.encoder.sizes, state)
    apart._fitted = replace(model._fitted, generator=generator)
    return apart


def off(df: pd.DataFrame) -> pd.Series:
    """Return how far the paid sum is from the formula, as a share of it."""
    return (df["paid"] / (df["months"] * df["price"]) - 1.0).abs().dropna()


@pytest.fixture(scope="module")
def model():
    return fitted(bills())


class TestWhatItGives:
    def test_rows_lie_as_close_to_the_formula_as_real_ones(self, model):
        sample = model.sample(N, random_state=1)
        assert formulas_of(model) == {"paid": "months * price"}
        real, drawn, pairs = (
            off(each).quantile([0.5, 0.75]).to_numpy()
            for each in (bills(), sample, without_places(model).sample(N, random_state=1))
        )
        assert (drawn < 1.6 * real).all()
        assert (pairs > 3 * real).all()  # a negative control

    def test_its_own_distribution_and_missing_cells_stay(self, model):
        sample, real = model.sample(20_000, random_state=1), bills()
        assert sample["paid"].isna().mean() == pytest.approx(0.05, abs=0.015)
        levels = [0.1, 0.25, 0.5, 0.75, 0.9]
        assert sample["paid"].quantile(levels).to_numpy() == pytest.approx(
            real["paid"].quantile(levels).to_numpy(), rel=0.1
        )

    @pytest.mark.parametrize(
        ("order", "expected"),
        [
            (["price", "paid", "months"], "paid / price"),
            (["paid", "months", "price"], "paid / months"),
            (["price", "months", "paid"], "price * months"),
        ],
    )
    @pytest.mark.family(keep=1)
    def test_any_of_the_three_may_come_last(self, order, expected):
        assert formulas_of(fitted(bills()[order])) == {order[-1]: expected}

    @pytest.mark.family
    @pytest.mark.parametrize("unit", [1.0, 100.0])
    def test_squares_and_units_too(self, unit):
        """A body mass index, of metres or centimetres."""
        rng = np.random.default_rng(0)
        height = rng.normal(1.7, 0.1, N).round(2)
        weight = (24 * height**2 * rng.lognormal(0, 0.15, N)).round(1)
        index = (weight / height**2 + rng.normal(0, 0.1, N)).round(1)
        df = pd.DataFrame({"height": height * unit, "weight": weight, "index": index}).round(2)
        factor = "1e+04 * " if unit == 100 else ""
        assert formulas_of(fitted(df)) == {"index": f"{factor}weight / height**2"}

    @pytest.mark.family
    def test_differences_too(self):
        rng = np.random.default_rng(0)
        gross, tax = rng.gamma(3.0, 100.0, N).round(), rng.gamma(2.0, 20.0, N).round()
        net = (gross - tax + rng.normal(0, 2, N)).round()
        assert formulas_of(fitted(pd.DataFrame({"gross": gross, "tax": tax, "net": net}))) == {
            "net": "gross - tax"
        }

    def test_parts_may_have_a_code_for_each_number(self):
        """Numbers of few integers have no places, so the bill is the only column that has."""
        rng = np.random.default_rng(0)
        months, price = rng.integers(1, 13, N), rng.integers(5, 25, N)
        paid = (months * price * rng.normal(1, 0.03, N)).round(2)
        model = TabGAN(None, random_state=0).fit(
            pd.DataFrame({"months": months, "price": price, "paid": paid})
        )
        assert placed_columns(model._fitted.encoder) == [2]
        assert formulas_of(model) == {"paid": "months * price"}
        assert off(model.sample(N, random_state=1)).quantile(0.75) < 0.07
        assert off(without_places(model).sample(N, random_state=1)).quantile(0.75) > 0.15

    def test_under_noise_it_is_found_and_its_table_is_in_the_ledger(self):
        df = bills(8_000)
        model = fitted(df, epsilon=3.0)
        assert formulas_of(model) == {"paid": "months * price"}
        lines = [each for each in model.privacy_.entries if each.what == PLACES]
        assert {each.columns for each in lines} == {("paid",)}  # two where other columns push it, too
        spent = sum(each.noise_multiplier**-2 for each in lines)
        assert spent == pytest.approx(model.plan_.shares["places"] * model.plan_.mu**2)
        assert off(model.sample(8_000)).quantile(0.8) < 0.15
        assert off(without_places(model).sample(8_000)).quantile(0.8) > 0.3

    def test_a_column_that_only_seems_to_follow_has_none(self):
        """Distributed as the product, and correlated with it, but no closer than pairs tell."""
        df = bills()
        rng = np.random.default_rng(1)
        product = df["months"] * df["price"]
        nearby = (product.rank() + rng.normal(0, 900, N)).rank().astype(int) - 1
        df["paid"] = product.sort_values().to_numpy()[nearby]
        assert np.corrcoef(df["paid"], product)[0, 1] > 0.7
        assert formulas_of(fitted(df)) == {}

    def test_conditions_reach_into_it(self, model):
        """Rows under a condition on a part, and on the result, are as close."""
        for wanted in ({"months": 10}, {"paid": Between(500.0, 600.0)}):
            sample = model.sample(1_000, conditions=wanted, random_state=1)
            assert off(sample).median() < 0.1

    def test_given_cells_too(self, model):
        rows = bills(500, seed=5)[["months", "price"]]
        whole = model.complete(rows, random_state=0, unknown="ignore")
        assert off(whole).median() < 0.1
        apart = without_places(model).complete(rows, random_state=0, unknown="ignore")
        assert off(apart).median() > 0.1


class TestSuggestions:
    def test_a_factor_is_found_whatever_the_sizes_of_the_numbers(self):
        """The ratio of the two may be no number of its own."""
        assert _factor(2.0, 190.0) == 100.0
        assert _factor(-2.0, -190.0) == 100.0
        assert _factor(1e-162, 1e162) == 1e4
        assert _factor(1e162, 1e-162) == 1e-4
        assert _factor(2.0, -190.0) == 1.0

    def test_few_are_measured_and_the_nearest_first(self):
        """Each takes a part of the budget of all: of six bills, four have a formula."""
        rng = np.random.default_rng(0)
        df = bills()[["months", "price"]]
        for i in range(6):
            paid = df["months"] * df["price"] * rng.normal(1.0, 0.02, N)
            df[f"paid {i}"] = paid.round(2)
        model = TabGAN(None, random_state=0).fit(df)
        assert 1 <= len(formulas_of(model)) <= MOST_NEAR_FORMULAS


class TestRows:
    def test_a_rows_cell_is_that_of_that_row_alone(self, model):
        """To the last bit: a cell that another row could change is no count."""
        encoder, df = model._fitted.encoder, bills()
        codes, places = encoder.transform(df), places_of_rows(encoder, df)
        generator = without_places(model)._fitted.generator
        tallies = tallies_of(generator, encoder, torch.Generator().manual_seed(0))
        (tally,) = (each for each in tallies if isinstance(each.places, NearFormula))
        whole = tally.cells(codes, places)
        assert ((whole == -1) == df["paid"].isna()).all()
        assert whole.max() < 2 * SIDE <= SHAPE[0] * SHAPE[1]
        some = np.random.default_rng(0).permutation(N)[:500]
        np.testing.assert_array_equal(places_of_rows(encoder, df.iloc[some]), places[some])
        np.testing.assert_array_equal(tally.cells(codes[some], places[some]), whole[some])
        for row in some[:40]:
            assert tally.cells(codes[[row]], places[[row]]) == whole[row]

    def test_a_place_grows_with_the_value(self, model):
        encoder, df = model._fitted.encoder, bills().dropna().drop_duplicates("paid")
        df = df.sort_values("paid")
        codes, places = encoder.transform(df)[:, 2], places_of_rows(encoder, df)[:, 2]
        assert (np.diff(codes + places.astype(np.float64)) > -1e-6).all()


class TestValues:
    def test_values_of_a_cell_are_given_in_the_order_of_places(self, model):
        column = model._fitted.encoder.columns[2]
        rng = np.random.default_rng(0)
        codes = np.repeat(np.arange(1, column.width), 200)
        places = rng.random(len(codes))
        values = column.values_of(codes, np.random.default_rng(1), places)
        drawn = column.encoder.inverse_transform(
            column.cells_of(codes, np.random.default_rng(1), places), np.random.default_rng(1)
        )
        assert sorted(values) == sorted(drawn)
        for code in np.unique(codes):
            own = values[codes == code].to_numpy()
            assert (np.diff(own[np.argsort(places[codes == code])]) >= 0).all()

    def test_a_value_at_the_end_of_its_cell_is_not_one_of_the_next(self, model):
        """Places are of single precision: the next cell begins where the last place of one lies."""
        column = model._fitted.encoder.columns[2]
        codes = np.repeat(np.arange(column.width - 1, 0, -1), 2)
        places = np.tile(np.array([0.0, 1.0], dtype=np.float32), len(codes) // 2)
        values = column.values_of(codes, np.random.default_rng(0), places)
        np.testing.assert_array_equal(column.code_of_cell[column.encoder.transform(values)], codes)


class TestKnots:
    KNOTS = torch.as_tensor(np.stack([np.linspace(0, 1, STEPS + 1), np.full(STEPS + 1, 5.0)]))

    def test_a_number_comes_back(self):
        codes, places = torch.tensor([1, 1, 1, 2]), torch.tensor([0.0, 0.31, 1.0, 0.5])
        numbers = numbers_of(self.KNOTS, codes, places, 1, 2)
        assert numbers.tolist() == pytest.approx([0.0, 0.31, 1.0, 5.0])
        code, place = place_of(self.KNOTS, numbers)
        assert (code + 1).tolist() == [1, 1, 1, 2]
        assert place.tolist() == pytest.approx([0.0, 0.31, 1.0, 0.5])

    def test_numbers_beyond_are_ends_and_missing_ones_are_missing(self):
        code, place = place_of(self.KNOTS, torch.tensor([-3.0, 9.0, torch.nan]).double())
        assert (code[:2].tolist(), place[:2].tolist()) == ([0, 1], [0.0, 1.0])
        assert place[2].isnan()
        assert numbers_of(self.KNOTS, torch.tensor([0, 3]), torch.tensor([0.5, 0.5]), 1, 2).isnan().all()


class TestFallingShares:
    def test_noise_alone_has_none(self):
        rng = np.random.default_rng(0)
        found = [falling_shares(rng.normal(0, 30.0, 2 * SIDE), 30.0) for _ in range(40)]
        assert sum(each is None for each in found) > 25

    def test_distances_come_back(self):
        exact = np.diff(1 / (1 + np.exp(-DISTANCES / 0.02))) * 5_000
        found = falling_shares(exact + np.random.default_rng(0).normal(0, 30.0, 2 * SIDE), 30.0)
        assert np.abs(found - exact / exact.sum()).sum() < 0.25
        assert np.abs(falling_shares(exact, 0.0) - exact / exact.sum()).sum() < 1e-9


class TestState:
    def test_a_file_keeps_it(self, model, tmp_path):
        model.save(tmp_path / "m")
        loaded = TabGAN.load(tmp_path / "m", device="cpu")
        pd.testing.assert_frame_equal(loaded.sample(300), model.sample(300))

    def test_one_of_its_tensors_that_does_not_fit_is_refused(self, model):
        sizes = model._fitted.encoder.sizes
        state = dict(model._fitted.generator.places["2"].state_dict())
        assert torch.equal(NearFormula.of_state(sizes, 2, state).distances, state["distances"])
        wrong = {
            "values": [torch.tensor([0, sizes[2] + 1]), torch.tensor([2, 2]), torch.tensor([1.0, 5.0])],
            "operation": [torch.tensor(8), torch.tensor(-1), torch.tensor([0])],
            "partners": [torch.tensor([0, 2]), torch.tensor([-1, 0]), torch.tensor([0, 1, 1])],
            "ends": [state["ends"] + 99, state["ends"].flip(1), state["ends"][:1]],
            "widths": [state["widths"][1:], -state["widths"] - 1, state["widths"].float()],
            "knots": [
                state["knots"].flip(0),
                state["knots"] * torch.nan,
                state["knots"][:, 1:],
                state["knots"].half(),
            ],
            "first": [state["first"][1:], state["first"].long(), state["first"].bfloat16()],
            "second": [state["second"][1:], torch.full_like(state["second"], torch.inf)],
            "factor": [torch.tensor(torch.nan).double(), torch.ones(1)],
            "distances": [torch.zeros(2 * SIDE), -state["distances"], state["distances"][1:]],
        }
        for name, values in wrong.items():
            for value in values:
                with pytest.raises((ValueError, KeyError, TypeError)):
                    NearFormula.of_state(sizes, 2, state | {name: value})
        with pytest.raises(ValueError, match="belong together"):
            NearFormula.of_state(sizes, 2, state | {"more": state["ends"]})
