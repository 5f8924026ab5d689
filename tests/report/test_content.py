from __future__ import annotations

import math

import pytest

from tabgan.errors import DataError
from tabgan.privacy.events import GAUSSIAN, Release
from tabgan.privacy.spending import group_ledger
from tabgan.report.content import collect, odds


def test_odds_by_hand():
    before, low, high = zip(
        *((row.before, row.at_least, row.at_most) for row in odds(math.log(3))), strict=True
    )
    assert before == (0.1, 0.5, 0.9)
    assert high == pytest.approx((0.3 / 1.2, 0.75, 2.7 / 2.8))
    assert low == pytest.approx((0.1 / 2.8, 0.25, 0.9 / 1.2))


@pytest.mark.parametrize("epsilon", [0.0, 1e-9, 1e6])
def test_odds_stay_between_0_and_1(epsilon):
    for row in odds(epsilon):
        assert 0 <= row.at_least <= row.before <= row.at_most <= 1


class TestLedger:
    def test_groups_and_their_shares(self, zoo):
        histogram, categories, gradients = group_ledger(zoo.privacy.entries)
        assert (len(histogram.releases), histogram.mu_squared) == (2, pytest.approx(0.5))
        assert (categories.mu_squared, categories.delta) == (pytest.approx(1.0), 1e-7)
        assert gradients.mu_squared == pytest.approx(0.01 * 50 * (math.e - 1))
        assert histogram.share + categories.share + gradients.share == pytest.approx(1.0)

    def test_without_noise_there_is_no_share(self):
        entry = Release("release", "1-way histogram", ("age",), GAUSSIAN, 0.0)
        (group,) = group_ledger((entry,))
        assert (group.mu_squared, group.share) == (None, None)


class TestCollect:
    def test_one_card_a_column_in_order(self, data, zoo):
        assert [card.name for card in data.columns] == zoo.schema.names
        assert [card.name for card in data.columns if card.is_target] == ["age"]

    def test_worst_first_identifiers_last(self, data):
        names = [card.name for card in data.worst_first]
        assert (names[0], names[-1]) == ("text", "id")

    def test_no_odds_without_privacy(self, zoo):
        assert zoo.make(zoo.plain).odds == ()

    def test_a_missing_column_is_named(self, zoo):
        tables = [zoo.table(9, seed) for seed in range(3)]
        tables[2] = tables[2].drop(columns="age")
        with pytest.raises(DataError, match="column 'age' in the synthetic table"):
            collect(zoo.evaluation(), *tables, privacy=zoo.privacy, schema=zoo.schema, title="t")
