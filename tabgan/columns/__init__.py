"""Kinds of columns, one per file; a new kind is one file, and one line here."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Union

import numpy as np
import pandas as pd

from tabgan._util.yaml import key_of
from tabgan.columns import occupied
from tabgan.columns.boolean import Boolean
from tabgan.columns.categorical import Categorical
from tabgan.columns.combination import Combination
from tabgan.columns.constant import Constant
from tabgan.columns.datetime import Datetime
from tabgan.columns.duration import Duration
from tabgan.columns.identifier import Identifier
from tabgan.columns.kind import Ballot, Column, position_of
from tabgan.columns.named import says_codes
from tabgan.columns.number_votes import shares_of_marks
from tabgan.columns.numeric import Numeric
from tabgan.columns.people import Pii
from tabgan.columns.place import Place
from tabgan.columns.plaintext import Text
from tabgan.columns.timeofday import Time
from tabgan.columns.values import Dtype, objects, says_missing
from tabgan.columns.vote import Verdict, decide

#: Every kind, in the order in which they are asked what values are: the first that says yes has them.
KINDS: tuple[type[Column], ...] = (
    Boolean,
    Datetime,
    Time,
    Duration,
    Identifier,
    Pii,
    Text,
    Constant,
    Numeric,
    Categorical,
)

#: Those and the kinds of columns that a fit models in the place of declared ones; nobody declares these.
MODELLED_KINDS: tuple[type[Column], ...] = (*KINDS, Place, Combination)

if TYPE_CHECKING:
    AnyColumn = Column
else:
    AnyColumn = Union[MODELLED_KINDS]  # noqa: UP007 - of a tuple

__all__ = [
    "KINDS",
    "MODELLED_KINDS",
    "AnyColumn",
    "Boolean",
    "Categorical",
    "Column",
    "Constant",
    "Datetime",
    "Duration",
    "Identifier",
    "Numeric",
    "Pii",
    "Text",
    "Time",
    "ballots",
    "column_of_dtype",
    "columns_of_votes",
    "vote_counts",
]


@cache
def ballots() -> tuple[tuple[Ballot, ...], tuple[str, ...]]:
    """Return the cells of the vote on the kind of an object column, in the order in which to ask, and their kinds."""
    pairs = [(ballot, str(kind.model_fields["kind"].default)) for kind in KINDS for ballot in kind.ballots()]
    of_all, kinds = zip(*pairs, strict=True)
    return of_all, kinds


def vote_counts(series: pd.Series, untyped_text: bool) -> np.ndarray:
    """Return ``(ballots + 1,)`` counts: each value votes once for its kind, independently of the others.

    Values that cannot be read do not vote. In text that a CSV left as it is, words for a missing value have the last
    cell: they are values of a column of text, and missing in all others.
    """
    known, votes = {}, []
    place = position_of(ballots()[0])
    for value in objects(series):
        if value is None or (untyped_text and says_missing(value) and not str(value).strip()):
            continue
        if untyped_text and says_missing(value):
            votes.append(len(ballots()[0]))
            continue
        asked = value if isinstance(value, str) else type(value)  # of other values, the type alone counts
        if asked not in known:
            known[asked] = place(value, untyped_text)
        votes.append(known[asked])
    return np.bincount(np.array(votes, dtype=np.int64), minlength=len(ballots()[0]) + 1)


def columns_of_votes(
    votes: Mapping[str, np.ndarray], dtypes: Mapping[str, str], noise_stddev: float, untyped_text: bool
) -> dict[str, Verdict]:
    """Return the most probable column of each vote over :func:`ballots`: post-processing of its counts.

    Words for a missing value are missing values of all columns but text. Where nothing else is above the noise,
    they are a column of text. Codes such as postcodes, by the column's name, stay text too.

    Args:
        votes: ``(ballots + 1,)`` counts of each column, noisy ones in a fit; the last one is of words for a missing
            value.
        dtypes: The table's dtype of each column.
        noise_stddev: Standard deviation of the counts.
        untyped_text: True if text may stand for other values.
    """
    of_all, kinds = ballots()
    labels = [ballot.label for ballot in of_all]
    words = {name for name, vote in votes.items() if _are_words(vote, labels, noise_stddev)}
    votes = {name: vote[:-1] for name, vote in votes.items()}
    for kind in KINDS:
        votes = {name: kind.settled(labels, vote, noise_stddev) for name, vote in votes.items()}
    codes = {name for name in votes if says_codes(str(name))}
    verdicts = decide(of_all, kinds, votes, dtypes, noise_stddev, untyped_text, codes)
    text = next(ballot for ballot in of_all if ballot.reads is None and ballot.is_fallback)
    for name, verdict in verdicts.items():
        verdicts[name] = _with_marks(name, verdict, shares_of_marks(labels, votes[name], noise_stddev))
    for name in words:
        column = text.column(name, dtypes[name])
        verdicts[name] = verdicts[name]._replace(column=column, is_clear=True)
    return verdicts


def _with_marks(name: str, verdict: Verdict, shares: np.ndarray) -> Verdict:
    """Return the verdict on a column of numbers that text may have marks beside, with the shares of those that have."""
    column = verdict.column
    if not isinstance(column, Numeric) or not (column.format is None or column.can_have_marks):
        return verdict
    line = f"{key_of(name)}: {{kind: numeric, format: '{column.format or '1234.5'}', marks: {{ND: 0}}}}"
    if column.format is None or not shares.any():
        return verdict._replace(marks_line=line)
    limits, flagged = shares.tolist()
    return verdict._replace(column=column.with_(marks={}), limits=limits, flagged=flagged, marks_line=line)


def _are_words(vote: np.ndarray, labels: list[str], noise_stddev: float) -> bool:
    """Return true if words for a missing value are above the noise, nothing else is, and no numeral may be there."""
    least = occupied.SURELY * noise_stddev
    is_alone = bool(vote[-1] > least and vote[:-1].max() <= least)
    return is_alone and vote[labels.index("numerals")] <= occupied.PERHAPS * noise_stddev


def column_of_dtype(dtype: Dtype, name: str) -> Column | None:
    """Return the open column that a dtype stands for, ``None`` if only the values can tell."""
    for kind in KINDS:
        if kind.has_dtype(dtype):
            return kind(name=name, dtype=str(dtype))
    return None
