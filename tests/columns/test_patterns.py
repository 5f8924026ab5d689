"""Patterns of text: their strings, one number each."""

from __future__ import annotations

import re

import numpy as np
import pytest

from tabgan.columns.patterns import Pattern, literal, permuted

#: Patterns, and the number of their different strings.
COUNTED = {
    "N[0-9]{5}[A-Z]": 2_600_000,
    "[A-Z]{1,2}-[0-9]{2}": 70_200,
    "(a|a)": 1,
    "(a|ab)(c|bcd)?": 6,  # not 2 * 3: some are made in two ways
    "[0-9]?[0-9]?": 111,
    "": 1,
    r"\d{2}\.\w": 6_300,
    "x{0,3}(?:y|z){2}": 16,
    "[a-]b": 2,
    "[A-Z]{20}": 26**20,
    r"(\+49 |0)[1-9][0-9]{2,3}/[0-9]{4,7}": 2 * 9 * (100 + 1_000) * 11_110_000,
}


@pytest.mark.parametrize("source", COUNTED)
def test_strings_are_counted_numbered_and_drawn(source):
    pattern, rng = Pattern(source), np.random.default_rng(0)
    assert pattern.n_strings == COUNTED[source]
    n = min(pattern.n_strings, 500)
    numbered = pattern.at(permuted(np.arange(n), pattern.n_strings, 3))
    assert len(set(numbered)) == n
    for text in [*numbered, *pattern.draw(50, rng), *pattern.at(np.array([0, pattern.n_strings - 1]))]:
        assert re.fullmatch(source, text)
        assert pattern.matches(text)
        assert len(text) <= pattern.longest
    assert not pattern.matches("secret")
    assert not pattern.matches(None)


def test_strings_are_drawn_with_equal_chances():
    drawn = Pattern("a|b[0-2]").draw(8_000, np.random.default_rng(0))
    counts = [drawn.count(text) for text in ("a", "b0", "b1", "b2")]
    assert sum(counts) == 8_000
    assert all(abs(count - 2_000) < 4 * 39 for count in counts)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("a*", r"'\*' is unbounded: write a counted repeat such as \{1,8\}"),
        ("a+", r"'\+' is unbounded"),
        ("a.b", r"'\.' stands for itself only as \\\."),
        ("^a$", r"'\^' stands for itself only as \\\^"),
        ("{2}", r"'\{' stands for itself only as \\\{"),
        ("[^a]", "a class that lists its characters"),
        ("[a", r"expected a '\]' for each '\['"),
        ("(a", r"expected a '\)' for each '\('"),
        ("a)", r"expected a '\(' for each '\)'"),
        ("[]", "expected a class with a character"),
        ("[z-a]", "expected a range such as a-z"),
        ("a{3,2}", "the smaller number first"),
        ("a{0}", "the smaller number first"),
        ("a{", r"such as \{5\} or \{2,4\} after '\{'"),
        ("a??", "expected one repeat after a part"),
        ("\\n", "'\\\\n' is not known"),
        ("a\\", "is not known"),
        ("a\tb", "characters that can be printed"),
        ("a{300}", "strings of at most 200 characters"),
        ("((a{99}){99}){99}", "strings of at most 200 characters"),
        ("(" * 60 + ")" * 60, "groups lie too deep"),
        ("a" * 1_001, "at most 1,000 characters"),
    ],
)
def test_others_are_refused_in_words(source, said):
    with pytest.raises(ValueError, match=f"pattern: .*{said}"):
        Pattern(source)


@pytest.mark.parametrize("text", ["", "a.b", "(removed)", "[x]{2}|y?*+^$\\", "ü – €"])
def test_a_literal_has_one_string(text):
    assert Pattern(literal(text)).n_strings == 1
    assert Pattern(literal(text)).matches(text)


@pytest.mark.parametrize("n", [1, 2, 5, 1_000, 4_097])
def test_an_order_has_each_number_once(n):
    first, second = (permuted(np.arange(n), n, seed) for seed in (1, 2))
    assert sorted(first) == list(range(n))
    assert n < 1_000 or (first != second).mean() > 0.9
    assert n < 1_000 or abs(np.corrcoef(np.arange(n), first)[0, 1]) < 0.15


def test_an_order_of_more_numbers_than_fit_into_64_bits():
    numbers = permuted(np.arange(1_000), 26**20, 1)
    assert len(set(numbers.tolist())) == 1_000
    assert max(numbers.tolist()) < 26**20
    assert max(numbers.tolist()) > 2**80
