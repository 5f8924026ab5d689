"""Public words of many tables: answers, sexes, days, states, countries, grades.

They are public, so each can have a cell of a histogram of open categories, whether or not a row has it. Its noisy
count is released without a threshold, and tells a word of 120 rows where a threshold would ask for 300. Every function
here is post-processing of public facts or released counts; none sees a row.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import resources

import numpy as np

from tabgan.columns.occupied import LIKELY, SEEN, SURELY, least_clear

#: Noise standard deviations that a word needs at least whose set the column has: among words that no row has, noise
#: passes it once in forty.
DOUBTFUL = 2.0

#: Expected share of the words found in a set that noise brings up, at most. Where that allows for one word, no word
#: needs ``DOUBTFUL``.
FALSE = 0.05

#: Mean length of words that hardly occur by chance, and how many of these tell their set.
_LONG, _TELLING = 4, 3


def _families() -> list[tuple[str, ...]]:
    """Return the sets of words in each way to write them; ``words.txt`` says which these are."""
    text = (
        resources.files("tabgan.columns")
        .joinpath("words.txt")
        .read_text(encoding="utf-8")
        .replace("\\\n", "")
    )
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return sorted({tuple(map(form, line.split("/"))) for line in lines for form in _forms(line)})


def _forms(line: str) -> tuple[Callable[[str], str], ...]:
    if line == line.lower():
        return (str, str.capitalize, str.title, str.upper)
    return (str, str.lower, str.upper, lambda word: word.replace(" ", "-"))


def _needed(family: tuple[str, ...]) -> int:
    """Return the number of words that identify a set: three if they are long, more if they are letters."""
    most = _TELLING if sum(map(len, family)) >= _LONG * len(family) else len(family)
    return min(math.ceil(math.sqrt(len(family)) / 2), most)


#: Sets of words in each way to write them.
FAMILIES = _families()

#: Every word once, sorted.
WORDS = tuple(sorted(set().union(*FAMILIES)))

_PLACES = {word: place for place, word in enumerate(WORDS)}
_MEMBERS = [np.array([_PLACES[word] for word in family]) for family in FAMILIES]
_NEEDED = [_needed(family) for family in FAMILIES]
_WHOLE = frozenset(map(frozenset, FAMILIES))


@dataclass(frozen=True)
class _Seen:
    """A set of words that a column has.

    Attributes:
        members: ``(size,)`` places of its words in :data:`WORDS`.
        likely: Places of those that are likely.
        most: The count of the most frequent of the others.
        least: Noise standard deviations above which at most a part ``FALSE`` of its words are expected to be noise.
        n_above: Number of its words above that.
    """

    members: np.ndarray
    likely: frozenset[int]
    most: float
    least: float
    n_above: int

    def needs(self, others: Sequence[_Seen]) -> float:
        """Return the height, in noise standard deviations, above which a word of the set counts.

        ``DOUBTFUL``, and as many as noise alone would bring up among as many words, or fewer where most of these occur:
        a column of nearly all states has the rare ones, too, and without them its other counts would seem to add up.
        More where another set explains the likely words as well: more of them, none but them, or a word beside them
        that is more frequent. In a large set that nothing else distinguishes from another, noise would bring up some.
        """
        doubtful = 0.0 if FALSE * self.n_above >= 1 else DOUBTFUL
        least = max(doubtful, min(self.least, _of_noise(len(self.members))))
        for other in others:
            if self.likely < other.likely:
                return SURELY
            if self.likely == other.likely and (
                len(other.members) == len(other.likely) or other.most > self.most
            ):
                least = max(least, LIKELY if _of_noise(len(self.members)) < LIKELY else SURELY)
        return least


def is_word(value: object) -> bool:
    """Return true for a public word."""
    return isinstance(value, str) and value in _PLACES


def is_whole_set(values: Sequence[object]) -> bool:
    """Return true if values are the words of one of the sets, all of them and no others."""
    return frozenset(values) in _WHOLE


def are_found(counts: np.ndarray, noise_stddev: float) -> np.ndarray:
    """Return ``(words,)`` true for the words that a column has according to their noisy counts.

    A single word counts if it certainly stands out. A set of words counts if they stand above the noise even without
    the most frequent of them: of a pair either word is enough, but two letters are not an alphabet. Of long words, such
    as countries, three are enough.

    Args:
        counts: ``(words,)`` noisy counts of :data:`WORDS`.
        noise_stddev: Of each.
    """
    if not noise_stddev:
        return counts > 0
    seen = []
    for members, needed in zip(_MEMBERS, _NEEDED, strict=True):
        own, size = counts[members], len(members)
        rest = np.sort(own)[: size + 1 - needed]
        if max(rest[-1], rest.sum() / math.sqrt(len(rest))) > SEEN * noise_stddev:
            is_likely = own > max(LIKELY, _of_noise(size)) * noise_stddev
            most = float(own[~is_likely].max(initial=-math.inf))
            likely = frozenset(members[is_likely].tolist())
            least = _least(own / noise_stddev)
            seen.append(_Seen(members, likely, most, least, int((own > least * noise_stddev).sum())))
    found = counts > SEEN * noise_stddev
    for each in seen:
        found[each.members] |= counts[each.members] > each.needs(seen) * noise_stddev
    return found


def _least(heights: np.ndarray) -> float:
    """Return the height, in noise standard deviations, above which at most a part ``FALSE`` of a set's words are noise.

    Words that no row has are as often below zero as above, so twice those below tell how many there are: Storey,
    Taylor & Siegmund (2004), *Strong Control, Conservative Point Estimation and Simultaneous Conservative Consistency
    of False Discovery Rates*.
    """
    n_absent = min(2 * (int((heights < 0).sum()) + 1), len(heights))
    return least_clear(heights, FALSE * len(heights) / n_absent)


def stand_out(counts: np.ndarray, noise_stddev: float) -> np.ndarray:
    """Return ``(numbers,)`` true for public numbers that a column has, at most a part ``FALSE`` of them by noise."""
    least = least_clear(counts / noise_stddev, FALSE) if noise_stddev and len(counts) else 0.0
    return np.asarray(counts > least * noise_stddev)


def _of_noise(size: int) -> float:
    """Return the approximate largest of ``size`` draws of noise, in its standard deviations."""
    return math.sqrt(2 * math.log(size))
