"""Public words of many tables: answers, sexes, days, states, countries, grades.

They are public, so each can have a cell of a histogram of open categories, whether or not a row has it. Its noisy
count is released without a threshold, and tells a word of 120 rows where a threshold would ask for 300. Every function
here is post-processing of public facts or released counts; none sees a row.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from importlib import resources
from typing import Any

import numpy as np

from tabgan.columns.occupied import LIKELY, least_clear

#: Expected share of the words found that noise brings up, at most; of few words, the expected number. And the
#: least probability of a word among many.
FALSE, FEW_FALSE, LEAST = 0.05, 0.1, 0.5

#: Probability that a column has a word of none of its sets; a column without a set is as likely as one with a set.
STRAY = 1e-4

#: Shares of a set's words that columns have, each as likely as the others, and that of a pair.
_SHARES, _OF_PAIR = (0.02, 0.1, 0.3, 0.6, 0.85, 0.98), 0.8

#: Ends of ranges, in noise standard deviations, in which a set's counts may lie, evenly over orders of magnitude: up to
#: all rows, or, in sets of more than ``_LARGE`` words, also close together.
_WIDE, _CLOSE, _LARGE = (1.0, math.inf), ((1.0, 10.0), (1.5, 3.0), (3.0, 6.0)), 12

#: Heights between which the likelihood ratio of a word is looked up. Above, it has a closed form.
_MOST_HEIGHT, _STEPS = 16.0, 480

#: The end of a set that goes on with other words: it is never whole.
_OPEN = "/..."


def _families() -> tuple[dict[tuple[str, ...], float], frozenset[frozenset[str]]]:
    """Return the sets of words in each way to write them, with how often tables have them; and those that are whole.

    ``words.txt`` says which these are.
    """
    text = (
        resources.files("tabgan.columns")
        .joinpath("words.txt")
        .read_text(encoding="utf-8")
        .replace("\\\n", "")
    )
    found: dict[tuple[str, ...], float] = {}
    whole: set[frozenset[str]] = set()
    for line in (line for line in text.splitlines() if line and not line.startswith("#")):
        number, words = re.fullmatch(r"(?:(\d+) )?(.+)", line).groups(default="1")  # type: ignore[union-attr]
        words, is_open = words.removesuffix(_OPEN), words.endswith(_OPEN)
        families = {tuple(sorted(map(form, words.split("/")))) for form in _forms(words)}
        for family in families:
            found[family] = max(found.get(family, 0.0), int(number) / len(families))
        whole |= set() if is_open else set(map(frozenset, families))
    return dict(sorted(found.items())), frozenset(whole)


def _forms(line: str) -> tuple[Callable[[str], str], ...]:
    if line == line.lower():
        return (str, str.capitalize, str.title, str.upper)
    return (str, str.lower, str.upper, lambda word: word.replace(" ", "-"))


_WEIGHTS, _WHOLE = _families()

#: Sets of words in each way to write them.
FAMILIES = list(_WEIGHTS)

#: Every word once, sorted.
WORDS = tuple(sorted(set().union(*FAMILIES)))

_PLACES = {word: place for place, word in enumerate(WORDS)}
_SIZES = np.array([len(family) for family in FAMILIES])

#: The words of all sets in turn, the set of each, and the start of each set.
_MEMBERS = np.array([_PLACES[word] for family in FAMILIES for word in family])
_SETS = np.repeat(np.arange(len(FAMILIES)), _SIZES)
_STARTS = np.cumsum(_SIZES) - _SIZES
_LOG_WEIGHTS = np.log(np.array(list(_WEIGHTS.values())) / sum(_WEIGHTS.values()))


def is_word(value: object) -> bool:
    """Return true for a public word."""
    return isinstance(value, str) and value in _PLACES


def is_whole_set(values: Sequence[object]) -> bool:
    """Return true if values are the words of one of the sets, all of them and no others."""
    return frozenset(values) in _WHOLE


def are_found(counts: np.ndarray, noise_stddev: float) -> np.ndarray:
    """Return ``(words,)`` true for the words that a column has according to their noisy counts.

    The most probable ones, as long as at most a part ``FALSE`` of them, or ``FEW_FALSE`` words, are expected to be
    noise. Of a pair that many tables have, such as ``N`` and ``Y``, one word beside the other needs two standard
    deviations of noise; another letter beside both, five.

    Args:
        counts: ``(words,)`` noisy counts of :data:`WORDS`.
        noise_stddev: Of each.

    References:
        Mueller, Parmigiani & Rice (2007), *FDR and Bayesian Multiple Comparisons Rules*.
    """
    if not noise_stddev:
        return counts > 0
    probable = _probabilities(counts / noise_stddev)
    order = np.argsort(-probable, kind="stable")
    n_false, n_found = np.cumsum(1.0 - probable[order]), np.arange(1, len(order) + 1)
    is_good = (n_false <= np.maximum(FALSE * n_found, FEW_FALSE)) & (probable[order] >= LEAST)
    found = np.zeros(len(counts), dtype=bool)
    found[order[: int(np.argmin(np.append(is_good, False)))]] = True
    return found


def _probabilities(heights: np.ndarray) -> np.ndarray:
    """Return ``(words,)`` the probability that a column has each word with more rows than a noise standard deviation.

    Every set of words explains the heights in some ways: by the share of its words that the column has, and the spread
    of their counts. All other words are strays. A word's probability is its mean over the explanations, by how well
    they explain all words together and by how often tables have such a set: sets that share a word are told apart by
    their other words.

    Args:
        heights: ``(words,)`` noisy counts in noise standard deviations.
    """
    most = max(float(heights[heights > LIKELY].sum()), LIKELY)
    wide = _log_ratios(heights, *_WIDE) - math.log(math.log(most))
    is_large = (_SIZES > _LARGE)[_SETS]
    spreads = [wide[_MEMBERS]]
    for low, high in _CLOSE:
        close = _log_ratios(heights, low, high) - math.log(math.log(high / low))
        spreads.append(np.where(is_large, close[_MEMBERS], spreads[0]))
    is_stray = np.logaddexp(math.log1p(-STRAY), math.log(STRAY) + wide)
    stray = np.exp(math.log(STRAY) + wide - is_stray)
    evidence, present = [], []
    for share, ratios in itertools.product(_SHARES, spreads):
        log_share = np.log(np.where(_SIZES == 2, _OF_PAIR, np.maximum(share, 1.0 / _SIZES)))[_SETS]
        either = np.logaddexp(np.log1p(-np.exp(log_share)), log_share + ratios)
        evidence.append(np.add.reduceat(either - is_stray[_MEMBERS], _STARTS) + _LOG_WEIGHTS)
        present.append(np.exp(log_share + ratios - either) - stray[_MEMBERS])
    ways = np.array(evidence) - math.log(len(evidence))
    weights = np.exp(ways - max(float(ways.max()), 0.0))
    total = weights.sum() + math.exp(min(-float(ways.max()), 0.0))
    own = (weights[:, _SETS] * np.array(present)).sum(axis=0) / total
    return np.asarray(stray + np.bincount(_MEMBERS, weights=own, minlength=len(heights)))


def _log_ratios(heights: np.ndarray, low: float, high: float) -> np.ndarray:
    """Return logarithms of the integrals of ``exp(height * u - u**2 / 2) / u`` from ``low`` to ``high``.

    Less that of the logarithm of ``high / low``, each is the log-likelihood ratio of a word with a count in that range
    to one that no row has.

    Args:
        heights: Noisy counts in noise standard deviations.
        low: In noise standard deviations.
        high: Likewise; may be infinite.
    """
    known, ratios = _table(low, high)
    above = np.maximum(heights, _MOST_HEIGHT)
    beyond = _high(above) - _high(_MOST_HEIGHT) if math.isinf(high) else high * (above - _MOST_HEIGHT)
    return np.asarray(np.interp(heights, known, ratios) + beyond)


def _high(height: Any) -> Any:
    """Return the logarithm of an integral without a limit, less a constant, for heights far above 1."""
    return height**2 / 2 - np.log(height)


@lru_cache(maxsize=8)
def _table(low: float, high: float) -> tuple[np.ndarray, np.ndarray]:
    """Return heights, and the integrals of :func:`_log_ratios` at each."""
    heights = np.linspace(-_MOST_HEIGHT, _MOST_HEIGHT, _STEPS + 1)
    counts = np.linspace(low, min(high, 2 * _MOST_HEIGHT), 2_000)
    values = np.exp(heights[:, None] * counts - counts**2 / 2) / counts
    return heights, np.log(values.sum(axis=1) * (counts[1] - counts[0]))


def stand_out(counts: np.ndarray, noise_stddev: float) -> np.ndarray:
    """Return ``(numbers,)`` true for public numbers that a column has, at most a part ``FALSE`` of them by noise."""
    least = least_clear(counts / noise_stddev, FALSE) if noise_stddev and len(counts) else 0.0
    return np.asarray(counts > least * noise_stddev)
