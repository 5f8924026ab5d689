"""From released columns to codes: as many as the noise leaves room for, and the same totals."""

import numpy as np
import pandas as pd
import pytest

from tabgan.errors import DataError
from tabgan.privacy import coding
from tabgan.privacy.coding import MAX_BINS, MAX_WIDTH, MIN_BINS, code_table, one_way_marginals
from tabgan.privacy.doors.measure import Measurer
from tabgan.privacy.doors.release import release_table
from tabgan.privacy.filter import PrivacyFilter
from tabgan.privacy.plan import make_plan
from tabgan.privacy.released import ReleasedColumn, ReleasedTable, check_seen, pool_rows
from tabgan.schema import Boolean, Categorical, Numeric, Schema
from tabgan.table.coded import code_column


def coded(n_rows, epsilon):
    rng = np.random.default_rng(0)
    df = pd.DataFrame(
        {
            "x": rng.normal(size=n_rows).round(3),
            "word": rng.choice(["a", "b", "c"], n_rows, p=[0.7, 0.299, 0.001]),
            "y": rng.integers(0, 1_000, n_rows),
        }
    )
    plan = make_plan(epsilon, 1e-6)
    ledger = PrivacyFilter(plan)
    released = release_table(df, Schema(), plan, Measurer(ledger))
    encoder = code_table(released, plan, ledger.remaining_mu())
    return df, released, encoder


@pytest.mark.family
def test_more_budget_and_more_rows_give_more_codes():
    widths = [coded(n, e)[2].sizes[0] for n, e in ((4_000, 0.5), (4_000, 5.0), (20_000, 5.0))]
    assert widths == sorted(widths)
    assert widths[0] < widths[-1]
    assert widths[0] >= MIN_BINS
    assert widths[-1] <= MAX_BINS + 8  # heavy cells have codes of their own beside the bins


@pytest.mark.family(keep=1)
@pytest.mark.parametrize(("mu", "bins"), [(0.5, 32), (0.05, 23), (0.02, 14), (0.0005, 4)])
def test_bins_leave_the_noise_of_half_the_pairs_its_share_of_a_table(monkeypatch, mu, bins):
    """By hand: 3 columns are 3 pairs, half of them 1.5; sqrt(1.5 * rows / (sqrt(1.5) / mu)) bins, of 4 to 32."""
    _, released, _ = coded(9_000, None)
    asked = []

    def spy(*args):
        asked.append(args[4:7])
        return code_column(*args)

    monkeypatch.setattr(coding, "code_column", spy)
    code_table(released, make_plan(1.0, 1e-6), mu)
    n_bins, n_categories, noise = asked[0]
    assert (n_bins, n_categories) == (bins, 256)
    assert noise == pytest.approx(2 * 1.5**0.5 / mu)


def test_numbers_whose_range_noise_hides_are_refused_all_at_once():
    """A fit that named one of them at a time would be paid for again for each."""
    unseen = np.array([0, 1])
    whole, apart = Numeric(name="a", dtype="int64"), Numeric(name="b: c", dtype="float64", nullable=False)
    seen = Numeric(name="d", dtype="int64", bounds=(0, 9)).encoder()
    encoders = [each.lattice_encoder(unseen) for each in (whole, apart, Numeric(name="e", dtype="float64"))]
    assert all(each.is_unseen for each in encoders)
    with pytest.raises(DataError) as caught:
        check_seen([*encoders, seen])
    assert str(caught.value) == (
        "Columns 'a', 'b: c': the noise hides where their values lie, and they can hold no missing ones. Declare their "
        "bounds (a: {kind: numeric, bounds: [low, high]}, 'b: c': {kind: numeric, bounds: [low, high]}), "
        "raise epsilon, or drop columns."
    )
    with pytest.raises(DataError, match="^Column 'a': the noise hides where its values lie, and it can"):
        check_seen(encoders[:1])
    check_seen([encoders[2], seen])


def test_one_way_marginals_add_up_to_the_noisy_count_and_are_near_the_truth():
    df, released, encoder = coded(8_000, 2.0)
    codes = encoder.transform(df)
    for position, marginal in enumerate(one_way_marginals(released, encoder)):
        exact = np.bincount(codes[:, position], minlength=encoder.sizes[position])
        assert marginal.counts.sum() == pytest.approx(released.n_rows)
        assert (marginal.counts >= 0).all()
        assert np.abs(marginal.counts - exact).sum() / 2 < 0.08 * len(df)


def test_without_privacy_they_are_exact():
    df, released, encoder = coded(2_000, None)
    codes = encoder.transform(df)
    for position, marginal in enumerate(one_way_marginals(released, encoder)):
        exact = np.bincount(codes[:, position], minlength=encoder.sizes[position])
        assert marginal.counts == pytest.approx(exact)


def test_what_the_values_lack_of_all_rows_is_of_other_values_and_as_noisy_as_all_of_them():
    _, released, encoder = coded(8_000, 0.5)
    position = released.schema.names.index("word")
    column, marginal = released.columns[position], one_way_marginals(released, encoder)[position]
    assert column.encoder.has_other
    assert column.encoder.n_values >= 2
    expected = column.noise_stddev * np.sqrt(1 + column.encoder.n_values)
    assert marginal.noise_stddev[-1] == pytest.approx(expected)


@pytest.mark.family
def test_many_columns_share_the_codes():
    rng = np.random.default_rng(0)
    numbers = {f"x{i}": rng.normal(size=2_000).round(2) for i in range(90)}
    words = {f"w{i}": rng.choice([f"v{k}" for k in range(120)], 2_000) for i in range(10)}
    plan = make_plan(None, 1e-6)
    ledger = PrivacyFilter(plan)
    released = release_table(pd.DataFrame(numbers | words), Schema(), plan, Measurer(ledger))
    sizes = code_table(released, plan, ledger.remaining_mu()).sizes
    assert max(sizes[:90]) <= MAX_WIDTH // 100 + 2
    assert max(sizes[90:]) <= 4 * MAX_WIDTH // 100 + 3
    assert min(sizes[:90]) >= MAX_WIDTH // 100 - 2


@pytest.mark.parametrize(
    ("listed", "n_rows", "hidden"),
    [
        (("A", "X"), 950.0, 50 + 2 * 36.06),  # 50 rows, with a standard deviation of 36
        (("A", "X"), 880.0, -20 + 2 * 36.06),
        (("A", "X"), 1_050.0, 0.0),  # not noise alone: the loss of released shares tells of them
        (("yes", "no"), 950.0, 0.0),  # a set of public words that is whole
    ],
)
def test_categories_that_noise_may_hide(listed, n_rows, hidden):
    column = Categorical(name="grade", categories=listed, dtype="object")
    counts = np.array([0.0, 600.0, 300.0, np.nan])
    table = ReleasedTable(Schema([column]), (ReleasedColumn(column.encoder(), counts, 20.0),), n_rows, 10.0)
    found = table.hidden_rows["grade"]
    assert found.beyond == pytest.approx(hidden, abs=0.1)
    assert (found.missing, found.replaced) == (60.0, 0.0)


def test_missing_cells_that_a_sample_shows_are_not_hidden():
    column = Numeric(name="a", bounds=(0, 1), decimals=0, dtype="float64")
    for n_missing, hidden in ((61.0, 0.0), (59.0, 60.0), (-30.0, 60.0)):
        released = ReleasedColumn(column.encoder(), np.array([n_missing, 400.0, 500.0]), 20.0)
        table = ReleasedTable(Schema([column]), (released,), 1_000.0, hidden={"a": 90.0})
        assert table.hidden_rows["a"] == (90.0, hidden, 0.0)


def test_the_noise_of_the_number_of_rows_is_that_of_all_estimates():
    plan = make_plan(1.0, 1e-6)
    own = plan.noise_stddev("rows", 1)
    column = Boolean(name="a", dtype="bool")
    released = [ReleasedColumn(column.encoder(), np.array([0.0, 500, 500]), own)]
    n_rows, noise = pool_rows(940.0, released, plan)
    assert n_rows == pytest.approx((940 + 1_000 / 3) / (4 / 3))
    assert noise == pytest.approx(own / np.sqrt(4 / 3))
    assert pool_rows(940.0, released, make_plan(None, 1e-6)) == (940.0, 0.0)
