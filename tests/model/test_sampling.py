"""From codes to rows: as many as asked for, under conditions, lazily, and the same ones for the same seed."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
import torch

from tabgan import Categorical, Datetime, Identifier, Numeric, Schema
from tabgan._util.tensors import draw_codes
from tabgan.errors import ConditionError, ConfigError, DataError, NotFittedError, SchemaError
from tabgan.model.generator import Generator
from tabgan.model.sampling import BATCH_SIZE, MIN_CANDIDATES, MOST_CANDIDATES, CodeSampler, resampled
from tabgan.synthesizer import TabGAN


def _rng(seed=0):
    return torch.Generator().manual_seed(seed)


def _masks(*sizes):
    return [np.ones(size, dtype=bool) for size in sizes]


def test_candidates_repeat_only_as_often_as_they_weigh():
    even = resampled(torch.zeros(400, dtype=torch.float64), 100, _rng())
    assert len(set(even.tolist())) == 100
    assert even.tolist() != sorted(even.tolist())
    heavy = torch.tensor([5.0, 2.5, 1.5, 1.0, 0.0], dtype=torch.float64).log()
    counts = np.array([np.bincount(resampled(heavy, 8, _rng(seed)), minlength=5) for seed in range(400)])
    expected = np.array([4, 2, 1.2, 0.8, 0])
    assert ((counts >= np.floor(expected)) & (counts <= np.ceil(expected))).all()
    np.testing.assert_allclose(counts.mean(axis=0), expected, atol=0.1)


class ToyGenerator:
    """Three columns of a known joint distribution, in the generator's terms."""

    device = torch.device("cpu")
    first = torch.tensor([0.7, 0.3])
    second = torch.tensor([[0.8, 0.1, 0.1], [0.1, 0.1, 0.8]])  # given the first
    third = torch.tensor([[0.5, 0.5], [0.9, 0.1], [0.1, 0.9]])  # given the second

    def logits(self, codes, position):
        if position == 0:
            return self.first.log().expand(len(codes), 2)
        before = codes[:, position - 1]
        return (self.second if position == 1 else self.third)[before].log()

    placed = ()
    sizes = (2, 3, 2)

    def parents(self, position):
        return [position - 1] if position else []

    def draw_column(self, logits, codes, places, position, rng):
        return draw_codes(logits, rng)

    def log_drawn(self, logits, codes, places, position):
        return torch.log_softmax(logits.double(), 1).gather(1, codes[:, position, None]).squeeze(1)

    def joint(self):
        return (self.first[:, None, None] * self.second[:, :, None] * self.third[None]).numpy()


def _draw(n, fixed=None, batch_size=BATCH_SIZE, seed=0, masks=None):
    sampler = CodeSampler(ToyGenerator(), masks or _masks(2, 3, 2))
    return list(sampler.batches(n, _rng(seed), fixed, batch_size))


def _shares(codes):
    counts = np.zeros((2, 3, 2))
    np.add.at(counts, tuple(np.asarray(codes, dtype=int).T), 1)
    return counts / len(codes)


class TestRowsThatAreAlike:
    """Further rows that share columns with given ones, and are drawn given these in all others."""

    @pytest.mark.parametrize("positions", [[0], [0, 1], [], [2], [0, 2], [0, 1, 2]])
    def test_each_has_the_distribution_of_the_first(self, positions):
        sampler = CodeSampler(ToyGenerator(), _masks(2, 3, 2))
        first = sampler.raw_rows(30_000, _rng())
        (codes, _), is_met = sampler.alike(first, positions, _rng(1))
        assert is_met.all()
        assert torch.equal(codes[:, positions], first[0][:, positions])
        np.testing.assert_allclose(_shares(codes), ToyGenerator().joint(), atol=0.015)
        if positions == [0]:
            both = np.stack([first[0][:, 2], codes[:, 2]])
            assert np.corrcoef(both)[0, 1] > 0.02

    @pytest.mark.parametrize(("positions", "fixed"), [([0], {2: 1}), ([0], {1: 2}), ([1], {0: 1, 2: 0})])
    def test_meet_conditions_on_the_columns_that_are_drawn(self, positions, fixed):
        sampler = CodeSampler(ToyGenerator(), _masks(2, 3, 2))
        first = sampler.raw_rows(20_000, _rng(), fixed)
        (codes, _), is_met = sampler.alike(first, positions, _rng(1), fixed)
        assert is_met.all()
        assert all((codes[:, position] == code).all() for position, code in fixed.items())
        joint = ToyGenerator().joint()
        for position, code in fixed.items():
            joint = np.where(
                np.arange(joint.shape[position]) == code, joint.swapaxes(position, 2), 0.0
            ).swapaxes(position, 2)
        np.testing.assert_allclose(_shares(codes), joint / joint.sum(), atol=0.02)

    def test_without_rows(self):
        sampler = CodeSampler(ToyGenerator(), _masks(2, 3, 2))
        for positions in ([0], [2]):
            (codes, _), is_met = sampler.alike(sampler.raw_rows(0, _rng()), positions, _rng())
            assert codes.shape == (0, 3)
            assert is_met.shape == (0,)

    def test_pooled_codes_stay_as_they_were_drawn(self):
        """Codes that were not released are replaced where shown: further rows follow the one that was drawn."""
        sampler = CodeSampler(ToyGenerator(), _masks(2, 3, 2), {1: np.array([3.0, 1.0, 0.0])})
        first = sampler.raw_rows(20_000, _rng())
        raw = first[0].clone()
        shown, _ = sampler.shown(first, _rng(1))
        assert torch.equal(first[0], raw)
        assert (raw[:, 1] == 2).any()
        assert not (shown[:, 1] == 2).any()
        (codes, _), _ = sampler.alike(first, [0, 1], _rng(2))
        is_pooled = codes[:, 1] == 2
        assert codes[is_pooled, 2].float().mean() == pytest.approx(0.9, abs=0.02)


class TestCodes:
    @pytest.mark.parametrize(
        ("n", "sizes"), [(0, []), (1, [1]), (10, [10]), (11, [10, 1]), (30, [10, 10, 10])]
    )
    @pytest.mark.parametrize("fixed", [None, {1: 2}])
    def test_exactly_so_many(self, n, sizes, fixed):
        batches = _draw(n, fixed, batch_size=10)
        assert [len(batch) for batch in batches] == sizes
        assert all(batch.shape[1] == 3 for batch in batches)

    def test_follow_the_generator(self):
        np.testing.assert_allclose(_shares(np.concatenate(_draw(40_000))), ToyGenerator().joint(), atol=0.012)

    def test_are_those_of_the_generators_own_draws(self):
        generator = Generator([3, 2, 4])
        with torch.no_grad():
            generator.direct.copy_(torch.randn(9, 9, generator=_rng(3)))
        codes = next(CodeSampler(generator, _masks(3, 2, 4)).batches(100, _rng()))
        np.testing.assert_array_equal(codes, generator.draw(100, _rng()).numpy())

    @pytest.mark.parametrize("fixed", [None, {0: 1}])
    def test_pooled_cells_are_replaced_when_the_row_is_whole(self, fixed):
        """Columns after a pooled code follow it; ruled out when its column is drawn, it would bend them all."""
        joint = ToyGenerator().joint()[slice(None) if fixed is None else slice(1, 2)]
        joint = joint / joint.sum()
        sampler = CodeSampler(ToyGenerator(), _masks(2, 3, 2), {1: np.array([3.0, 1.0, 0.0])})
        codes = np.concatenate(list(sampler.batches(40_000, _rng(), fixed)))
        shares = _shares(codes)[slice(None) if fixed is None else slice(1, 2)]
        assert shares[:, 2].sum() == 0
        np.testing.assert_allclose(shares.sum(axis=(0, 1)), joint.sum(axis=(0, 1)), atol=0.012)
        kept = joint.sum(axis=(0, 2))
        expected = kept[:2] + kept[2] * np.array([0.75, 0.25])
        np.testing.assert_allclose(shares.sum(axis=(0, 2))[:2], expected, atol=0.012)
        ruled_out = [mask.copy() for mask in _masks(2, 3, 2)]
        ruled_out[1][2] = False
        control = _shares(
            np.concatenate(list(CodeSampler(ToyGenerator(), ruled_out).batches(40_000, _rng())))
        )
        assert abs(control.sum(axis=(0, 1)) - ToyGenerator().joint().sum(axis=(0, 1))).max() > 0.1

    @pytest.mark.family(keep=2)
    @pytest.mark.parametrize("fixed", [{0: 1}, {1: 0}, {1: 2}, {2: 1}, {0: 1, 2: 0}, {0: 0, 1: 0, 2: 0}])
    def test_under_conditions_follow_the_conditional_distribution(self, fixed):
        joint = ToyGenerator().joint()
        index = tuple(fixed.get(axis, slice(None)) for axis in range(3))
        expected = np.zeros_like(joint)
        expected[index] = joint[index] / joint[index].sum()
        codes = np.concatenate(_draw(20_000, fixed))
        for position, code in fixed.items():
            assert (codes[:, position] == code).all()
        np.testing.assert_allclose(_shares(codes), expected, atol=0.025)

    @pytest.mark.family
    def test_few_rows_under_a_rare_condition_follow_it_too(self):
        """Rows come from a pool of candidates, so that one row asked for is not the first that would do."""
        codes = np.concatenate([_draw(1, {2: 0}, seed=seed)[0] for seed in range(400)])
        share = ToyGenerator().joint()[1, :, 0].sum() / ToyGenerator().joint()[:, :, 0].sum()
        assert MIN_CANDIDATES >= 1000
        assert abs((codes[:, 0] == 1).mean() - share) < 4 * np.sqrt(share * (1 - share) / 400)

    @pytest.mark.family
    def test_what_a_rare_code_goes_with_is_drawn_often_enough(self):
        """A last column that nearly names the rows that it may have: few candidates carry all the weight."""

        class Rare(ToyGenerator):
            first = torch.tensor([0.98, 0.02])
            second = torch.tensor([[0.4, 0.3, 0.3], [0.3, 0.3, 0.4]])

            def logits(self, codes, position):
                if position < 2:
                    return super().logits(codes, position)
                has_it = codes[:, :1].float()
                return torch.log(torch.cat([1.0001 - has_it, has_it + 0.0001], 1))

        drawn = []
        sampler = CodeSampler(Rare(), _masks(2, 3, 2))
        candidates = sampler._candidates
        sampler._candidates = lambda n, *rest: drawn.append(n) or candidates(n, *rest)
        (codes,) = sampler.batches(10_000, _rng(), {2: 1})
        assert (codes[:, 0] == 1).mean() > 0.98
        most = MOST_CANDIDATES * 10_000  # 2 in 100 would have needed 50 times as many
        assert most <= sum(drawn) < most + BATCH_SIZE
        drawn.clear()
        next(sampler.batches(4_000, _rng(), {1: 1}))
        assert sum(drawn) == 8 * 4_000

    @pytest.mark.family(keep=1)
    @pytest.mark.parametrize(
        "fixed",
        [
            {1: np.array([0.5, 0.0, 0.25])},
            {0: np.array([1.0, 0.2]), 2: np.array([0.0, 0.7])},
            {0: 1, 1: lambda before: np.array([[1.0, 0.5, 0.0], [0.1, 0.0, 0.9]])[before[:, 0]]},
        ],
    )
    def test_chances_by_code_weight_the_joint_distribution(self, fixed):
        joint = ToyGenerator().joint()
        for position, chances in fixed.items():
            if isinstance(chances, int):
                joint[1 - chances] = 0.0
            elif callable(chances):
                joint *= chances(np.array([[0], [1]]))[:, :, None]
            else:
                joint *= chances.reshape([-1 if axis == position else 1 for axis in range(3)])
        np.testing.assert_allclose(
            _shares(np.concatenate(_draw(20_000, fixed))), joint / joint.sum(), atol=0.02
        )

    def test_a_condition_that_practically_never_holds_ends_in_words(self):
        class Never(ToyGenerator):
            third = torch.tensor([[0.5, 0.5], [0.9, 0.1], [1.0, 1e-12]])

        sampler = CodeSampler(Never(), _masks(2, 3, 2), names=["a", "b", "c"])
        with pytest.raises(
            ConditionError, match="column 'c': what is asked for practically never occurs"
        ) as caught:
            next(sampler.batches(5, _rng(), {1: 2, 2: 1}))
        assert caught.value.share == pytest.approx(1e-12, rel=0.01)
        assert "that meet those on other columns" in str(caught.value)
        assert isinstance(caught.value, DataError)
        assert len(next(sampler.batches(5, _rng(), {2: 1}))) == 5
        masks = _masks(2, 3, 2)
        masks[0][1] = False
        with pytest.raises(ConditionError, match="column '0': .* in about 0e"):
            _draw(5, {0: 1}, masks=masks)

    @pytest.mark.family(keep=2)
    @pytest.mark.parametrize(
        "known", [[-1, -1, -1], [1, -1, -1], [-1, -1, 0], [0, 2, -1], [1, 1, 1], [-1, 0, 1]]
    )
    def test_given_codes_are_completed_by_the_conditional_distribution(self, known):
        joint = ToyGenerator().joint()
        index = tuple(slice(None) if code < 0 else slice(code, code + 1) for code in known)
        expected = np.zeros_like(joint)
        expected[index] = joint[index] / joint[index].sum()
        rows = np.array([known, [-1, -1, -1]] * 4_000)
        codes, _ = CodeSampler(ToyGenerator(), _masks(2, 3, 2)).completed(rows, _rng())
        np.testing.assert_allclose(_shares(codes[::2]), expected, atol=0.04)
        np.testing.assert_allclose(_shares(codes[1::2]), joint, atol=0.04)

    def test_codes_that_may_not_be_drawn_are_not(self):
        masks = _masks(2, 3, 2)
        masks[1][0] = False
        free, conditional = _draw(5000, masks=masks)[0], _draw(5000, {2: 1}, masks=masks)[0]
        assert set(free[:, 1]) == set(conditional[:, 1]) == {1, 2}

    def test_one_seed_the_same_rows(self):
        for fixed in (None, {1: 2}):
            first, again, other = (np.concatenate(_draw(50, fixed, seed=seed)) for seed in (0, 0, 1))
            np.testing.assert_array_equal(first, again)
            assert not np.array_equal(first, other)

    def test_are_drawn_when_asked_for(self):
        batches = CodeSampler(ToyGenerator(), _masks(2, 3, 2)).batches(10**15, _rng(), None, 10)
        assert len(next(batches)) == 10


@pytest.fixture(scope="module")
def model():
    """Return a model of a table in which the second column nearly copies the first."""
    rng = np.random.default_rng(0)
    first = rng.choice(["x", "y"], 4000, p=[0.6, 0.4])
    second = np.where(rng.random(4000) < 0.9, np.where(first == "x", 1.0, 2.0), np.nan)
    df = pd.DataFrame(
        {
            "key": np.arange(4000),
            "a": first,
            "b": second,
            "day": np.datetime64("2024-01-01", "s") + rng.integers(0, 5, 4000).astype("timedelta64[D]"),
            "n": rng.integers(0, 10, 4000),
        }
    )
    schema = Schema(
        [
            Identifier(name="key", start=1),
            Categorical(name="a", categories=("x", "y", "never")),
            Datetime(name="day", bounds=("2024-01-01", "2024-01-05"), resolution="day"),
            Numeric(name="n", bounds=(0, 9), decimals=0, out_of_range="error"),
        ]
    )
    return TabGAN(epsilon=None, schema=schema, adversary_share=0, random_state=0).fit(df)


class TestNumberOfRows:
    @pytest.mark.family(keep=4)
    @pytest.mark.parametrize("n", [0, 1, 7, BATCH_SIZE, BATCH_SIZE + 1])
    @pytest.mark.parametrize("conditions", [None, {"a": "x"}])
    def test_is_exact(self, model, n, conditions):
        sample = model.sample(n, conditions=conditions)
        assert len(sample) == n
        assert list(sample.columns) == ["key", "a", "b", "day", "n"]
        assert sample.index.equals(pd.RangeIndex(n))

    def test_no_rows_have_the_dtypes(self, model):
        pd.testing.assert_series_equal(model.sample(0).dtypes, model.sample(5).dtypes)
        pd.testing.assert_series_equal(model.sample(0, conditions={"a": "x"}).dtypes, model.sample(5).dtypes)

    @pytest.mark.parametrize("n", [-1, 2.5, "5", True, np.nan])
    def test_that_are_none(self, model, n):
        with pytest.raises(ConfigError, match="n: expected an integer of at least 0"):
            model.sample(n)

    def test_without_any(self, model):
        with pytest.raises(ConfigError, match=r"n: expected a number of rows, got None. Give n, or frac=1.0"):
            model.sample(None)

    @pytest.mark.parametrize("batch_size", [0, -5, 1.5])
    def test_batches_that_are_none(self, model, batch_size):
        with pytest.raises(ConfigError, match="batch_size: expected an integer of at least 1"):
            model.sample_batches(10, batch_size)


class TestConditions:
    @pytest.mark.parametrize(
        ("name", "value", "expected"),
        [
            ("a", "y", "y"),
            ("b", 1, 1.0),
            ("b", 2.0, 2.0),
            ("n", 3, 3),
            ("n", np.int64(3), 3),
            ("day", "2024-01-02", pd.Timestamp("2024-01-02")),
            ("day", pd.Timestamp("2024-01-02"), pd.Timestamp("2024-01-02")),
        ],
    )
    def test_are_met_by_every_row(self, model, name, value, expected):
        sample = model.sample(50, conditions={name: value})
        assert (sample[name] == expected).all()
        assert sample[name].dtype == model.sample(1)[name].dtype

    @pytest.mark.parametrize("missing", [None, np.nan, pd.NA, pd.NaT])
    def test_for_missing(self, model, missing):
        sample = model.sample(50, conditions={"b": missing})
        assert sample["b"].isna().all()
        assert sample["b"].dtype == "float64"

    def test_several(self, model):
        sample = model.sample(40, conditions={"n": 3, "a": "x", "b": 1})
        assert len(sample[["a", "b", "n"]].drop_duplicates()) == 1
        assert sample["day"].nunique() > 1
        assert sample["key"].is_unique

    def test_the_other_columns_follow(self, model):
        for value, partner in (("x", 1.0), ("y", 2.0)):
            sample = model.sample(2000, conditions={"a": value})
            assert (sample["b"].dropna() == partner).mean() > 0.85
        assert (model.sample(2000, conditions={"b": 2.0})["a"] == "y").mean() > 0.85

    def test_without_any_are_like_none_at_all(self, model):
        pd.testing.assert_frame_equal(model.sample(20, conditions={}), model.sample(20))

    def test_unknown_column(self, model):
        with pytest.raises(SchemaError, match="conditions: no column 'dya'. Did you mean 'day'"):
            model.sample(1, conditions={"dya": 1})

    def test_identifier(self, model):
        with pytest.raises(DataError, match="conditions: column 'key' is an identifier"):
            model.sample(1, conditions={"key": 5})

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("a", "never seen"),
            ("a", 1),
            ("n", 10),
            ("n", 2.5),
            ("day", "2025-01-01"),
        ],
    )
    def test_outside_of_the_domain(self, model, name, value):
        with pytest.raises(DataError, match=f"Column '{name}': the value asked for is not in") as caught:
            model.sample(1, conditions={name: value})
        assert "never" not in str(caught.value)
        assert "bounds" not in str(caught.value)

    @pytest.mark.parametrize("name", ["a", "n"])
    def test_missing_cells_that_samples_lack(self, model, name):
        with pytest.raises(
            DataError, match=f"Column '{name}': missing cells were asked for, and samples have none"
        ):
            model.sample(1, conditions={name: None})

    @pytest.mark.parametrize(
        ("name", "value", "expected"),
        [
            ("n", "many", "a number, got str"),
            ("day", "soon", "a moment, got str"),
            ("day", 5 + 2j, "a moment"),
        ],
    )
    def test_of_another_kind(self, model, name, value, expected):
        with pytest.raises(DataError, match=f"Column '{name}': expected {expected}") as caught:
            model.sample(1, conditions={name: value})
        assert "many" not in str(caught.value)
        assert "soon" not in str(caught.value)

    @pytest.mark.parametrize("conditions", [["a"], "a", 5, [("a", "x")]])
    def test_that_are_no_mapping(self, model, conditions):
        with pytest.raises(ConfigError, match="conditions: expected a mapping from column names to values"):
            model.sample(1, conditions=conditions)


class TestBatches:
    def test_together_are_the_rows(self, model):
        batches = list(model.sample_batches(25, 10))
        assert [len(batch) for batch in batches] == [10, 10, 5]
        whole = pd.concat(batches, ignore_index=True)
        assert whole["key"].tolist() == list(range(1, 26))
        pd.testing.assert_series_equal(whole.dtypes, model.sample(1).dtypes)

    def test_are_made_when_asked_for(self, model):
        first = list(itertools.islice(model.sample_batches(10**15, 10), 3))
        assert [len(batch) for batch in first] == [10, 10, 10]

    def test_what_cannot_be_met_is_refused_at_once(self, model):
        with pytest.raises(SchemaError, match="no column"):
            model.sample_batches(10, conditions={"zzz": 1})

    def test_no_rows_are_one_empty_batch(self, model):
        assert [len(batch) for batch in model.sample_batches(0)] == [0]


class TestRandomState:
    def test_the_same_rows_again(self, model):
        for conditions in (None, {"a": "y"}):
            first = model.sample(100, conditions=conditions, random_state=5)
            pd.testing.assert_frame_equal(first, model.sample(100, conditions=conditions, random_state=5))

    def test_the_models_own_where_none_is_given(self, model):
        pd.testing.assert_frame_equal(model.sample(100), model.sample(100, random_state=0))

    def test_others_give_others(self, model):
        assert not model.sample(100, random_state=5).equals(model.sample(100, random_state=6))

    def test_global_generators_are_left_alone(self, model):
        before = torch.get_rng_state(), np.random.get_state()[1].tolist()  # noqa: NPY002
        model.sample(10)
        assert torch.equal(torch.get_rng_state(), before[0])
        assert np.random.get_state()[1].tolist() == before[1]  # noqa: NPY002

    @pytest.mark.parametrize("random_state", [-1, "x", 1.5])
    def test_that_are_none(self, model, random_state):
        with pytest.raises(ConfigError, match="random_state: expected None or a non-negative integer"):
            model.sample(1, random_state=random_state)


def test_before_fit():
    for call in (TabGAN().sample, TabGAN().sample_batches):
        with pytest.raises(NotFittedError, match="TabGAN: not fitted yet. Call fit, or load a model"):
            call(5)


def test_a_column_that_never_varies_stays_in_its_domain():
    """The value that nobody has gets a small probability, and must not come out as missing."""
    df = pd.DataFrame({"flag": np.ones(500, dtype=bool), "n": np.arange(500) % 3})
    model = TabGAN(epsilon=None, adversary_share=0, random_state=0).fit(df)
    sample = model.sample(40_000)
    assert sample["flag"].dtype == bool
    assert sample["flag"].mean() > 0.99


def test_a_column_without_values_gets_none():
    df = pd.DataFrame({"a": np.full(500, np.nan), "n": np.arange(500) % 3})
    for epsilon in (None, 5.0):
        model = TabGAN(epsilon=epsilon, adversary_share=0, random_state=0).fit(df)
        assert model.sample(5000)["a"].isna().all()


def test_a_second_sample_under_the_models_seed_is_said_to_repeat_the_first(caplog):
    df = pd.DataFrame({"a": ["x", "y"] * 500})
    model = TabGAN(epsilon=5.0, adversary_share=0, random_state=0).fit(df)
    model.sample(5)
    model.sample(5, random_state=1)
    assert "same rows" not in caplog.text
    model.sample(5)
    model.sample(5)
    assert caplog.text.count("begins with the same rows") == 1
