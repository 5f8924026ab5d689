"""Public words: those that a column has, told from their noisy counts."""

import numpy as np
import pytest

from tabgan.columns.words import FAMILIES, WORDS, are_found, is_whole_set

NOISE = 50.0


def found(**counts: float) -> set[str]:
    """Return the words that are found by these counts, all others being 0."""
    noisy = np.array([counts.get(word, 0.0) for word in WORDS])
    return {word for word, is_found in zip(WORDS, are_found(noisy, NOISE), strict=True) if is_found}


def test_every_word_of_a_set_has_one_place():
    assert len(set(WORDS)) == len(WORDS)
    assert set(WORDS) == {word for family in FAMILIES for word in family}
    assert {"yes", "Yes", "YES", "Very good", "New Hampshire", "NH"} <= set(WORDS)


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        ({"yes": 900, "no": 110}, {"yes", "no"}),
        ({"yes": 900, "no": 70}, {"yes"}),  # noise brings up as much, once in twelve
        ({"yes": 900, "no": 40}, {"yes"}),
        ({"yes": 900, "No": 120}, {"yes"}),  # written in another way
        ({"f": 1_700, "m": 236}, {"f", "m"}),
        ({"F": 1_700, "M": 110, "T": 70}, {"F", "M"}),  # the more frequent one of two explanations
        ({"high": 500, "low": 500, "medium": 100}, {"high", "low"}),  # a pair that is complete
        ({"high": 500, "low": 500, "medium": 170}, {"high", "low", "medium"}),
        ({"Y": 500, "N": 500, "E": 120}, {"Y", "N"}),  # two letters are not an alphabet, nor a compass
        ({"N": 900, "Y": 130, "S": 135}, {"N", "Y"}),  # more tables have a Y beside a N than a S
        ({"N": 900, "S": 120}, {"N"}),
        ({"N": 900, "S": 200}, {"N", "S"}),
        ({"a": 600, "b": 500, "c": 300, "d": 300, "n": 140}, {"a", "b", "c", "d"}),  # wards have no letter N
        ({"a": 600, "b": 500, "c": 300, "d": 300, "e": 140}, {"a", "b", "c", "d", "e"}),
        ({"no": 700, "yes": 400, "refused": 140}, {"no", "yes"}),
        ({"A": 900, "B": 600, "C": 500, "D": 130}, {"A", "B", "C", "D"}),
        ({"H": 300}, {"H"}),  # for certain, though no set is
        ({"mon": 170, "tue": 160, "wed": 160, "thu": 160, "fri": 160}, {"mon", "tue", "wed", "thu", "fri"}),
        ({"no": 170}, set()),
        (
            {"Kenya": 900, "Burkina Faso": 400, "Peru": 300, "Mali": 210},
            {"Kenya", "Burkina Faso", "Peru", "Mali"},
        ),
        ({"Kenya": 900, "Peru": 400, "Mali": 170}, {"Kenya", "Peru"}),  # two names are no list of countries
        (
            {"El-Salvador": 900, "Puerto-Rico": 400, "Peru": 300, "Hong Kong": 180},
            {"El-Salvador", "Puerto-Rico", "Peru"},
        ),
        ({"männlich": 700, "weiblich": 130}, {"männlich", "weiblich"}),
    ],
)
def test_words_are_told_by_those_that_occur_with_them(counts, words):
    assert found(**counts) == words


def test_without_noise_every_word_that_occurs_is_found():
    noisy = np.array([float(word in ("yes", "Q")) for word in WORDS])
    assert np.array(WORDS)[are_found(noisy, 0.0)].tolist() == ["Q", "yes"]


def test_words_need_less_where_most_of_a_set_occur():
    rng = np.random.default_rng(0)
    names = next(family for family in FAMILIES if "Kenya" in family)
    places = [WORDS.index(name) for name in names]
    for occurring, least, most_false in ((180, 120, 8), (10, 0, 2)):
        noisy = rng.normal(0, NOISE, len(WORDS))
        noisy[places[:occurring]] += 2.5 * NOISE
        noisy[places[:3]] += 10 * NOISE
        is_found = are_found(noisy, NOISE)
        false = is_found.sum() - is_found[places[:occurring]].sum()
        assert is_found[places[:occurring]].sum() >= least
        assert false <= most_false


def test_a_column_of_nearly_all_states_keeps_the_rare_ones():
    """Of 40 states, 20 have as many rows as the noise has, and a little more: half of them are found, not a tenth."""
    rng = np.random.default_rng(0)
    states = next(family for family in FAMILIES if "WY" in family)
    rows = np.zeros(len(WORDS))
    rows[[WORDS.index(state) for state in states[:20]]] = 400
    rows[[WORDS.index(state) for state in states[20:40]]] = 60
    lost, false = [], []
    for _ in range(20):
        is_found = are_found(rows + rng.normal(0, NOISE, len(WORDS)), NOISE)
        lost.append(rows[~is_found].sum() / rows.sum())
        false.append((is_found & (rows == 0)).sum())
    assert np.mean(lost) < 0.08
    assert np.mean(false) < 4


@pytest.mark.family
def test_noise_alone_is_hardly_ever_a_word():
    rng = np.random.default_rng(0)
    assert sum(are_found(rng.normal(0, NOISE, len(WORDS)), NOISE).sum() for _ in range(60)) == 0
    yes = np.array([900.0 * (word in ("yes", "no")) for word in WORDS])
    extra = [are_found(yes + rng.normal(0, NOISE, len(WORDS)), NOISE).sum() - 2 for _ in range(60)]
    assert max(extra) <= 1
    assert sum(extra) <= 6


def test_whole_sets_are_told_from_parts_of_them():
    assert is_whole_set(("yes", "no"))
    assert not is_whole_set(("Yes", "no"))
    assert not is_whole_set(("A", "B", "C"))
    assert not is_whole_set((1, 2))


@pytest.mark.family
def test_columns_of_a_few_words_hardly_ever_have_another():
    """Of answers and wards, one column in ten had another word."""
    rng = np.random.default_rng(0)
    columns = [{"N": 900.0, "Y": 200.0}, dict.fromkeys("abcd", 300.0), {"yes": 500.0, "no": 500.0}]
    n_false = n_lost = 0
    for column in columns:
        rows = np.array([column.get(word, 0.0) for word in WORDS])
        for _ in range(100):
            is_found = are_found(rows + rng.normal(0, NOISE, len(WORDS)), NOISE)
            n_false += int(is_found[rows == 0].sum())
            n_lost += int((~is_found)[rows > 0].sum())
    assert n_false <= 6
    assert n_lost <= 15
