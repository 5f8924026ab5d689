"""The decision of a noisy vote: the column that each object column of a table becomes.

Everything here is post-processing of released counts; nothing sees a row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np

from tabgan.columns.kind import Ballot, Column

#: The most cells that a column may lose beside those that it reads: it is numeric where nine in ten are numbers.
MOST_LOST = 1 / 9

#: Costs, in nats, of explaining a cell's count by rows instead of noise: of a further form that the column reads, of
#: text that it loses (markers such as ``n/k``), of another form that it loses, and of numerals, or another form, that
#: text keeps.
_READ, _LOST_TEXT, _LOST_FORM, _NUMERALS_KEPT, _FORM_KEPT = 5.0, 1.0, 20.0, 6.0, 25.0

#: Cost of a written form of which no value that only it has is seen: 950 and 1,234 are no decimals.
_ABSENT = 10.0

#: Posterior probability above which a decision counts as clear.
_CLEAR = 0.9

#: Least noise, in rows, for counts without any.
_LEAST_NOISE = 0.5

#: Times that the frequency of each form among the columns is estimated anew.
_ROUNDS = 8


class Verdict(NamedTuple):
    """The result of one column's vote.

    Attributes:
        column: The open column.
        is_clear: False if the noise leaves the kind open; then ``column`` is numbers or text, and the likelier of both.
        line: The line of a schema that says the likeliest other kind.
    """

    column: Column
    is_clear: bool
    line: str


@dataclass(frozen=True)
class _Outcomes:
    """The columns that a vote may lead to, each with the first ballot that makes it.

    Attributes:
        firsts: Those ballots.
        kinds: ``(outcomes,)`` names of their kinds.
        costs: ``(outcomes, ballots)`` costs of each ballot's count.
        is_main: ``(outcomes, ballots)`` true for the ballots that make the column.
        is_own: ``(outcomes, ballots)`` true for the ballots of which the column keeps the values.
        is_kin: ``(outcomes, ballots)`` true for the ballots of its kind.
        weights: ``(outcomes,)`` columns that it weighs as before a vote.
        is_fallback: ``(outcomes,)`` true for the two that an unclear vote may lead to.
    """

    firsts: tuple[Ballot, ...]
    kinds: np.ndarray
    costs: np.ndarray
    is_main: np.ndarray
    is_own: np.ndarray
    is_kin: np.ndarray
    weights: np.ndarray
    is_fallback: np.ndarray


def decide(
    ballots: Sequence[Ballot],
    votes: Mapping[str, np.ndarray],
    dtypes: Mapping[str, str],
    noise_stddev: float,
    untyped_text: bool,
) -> dict[str, Verdict]:
    """Return the most probable column of each vote.

    A form explains the counts of the ballots that it reads, and those that it loses: at most as many as it reads of
    its own kind, and one in nine of another. Text explains every count, at a price. So the best form keeps the most
    cells, and among equals the simplest one wins.

    The forms' frequencies among the columns weigh in where a vote is unclear. They are estimated from the same votes
    (empirical Bayes): the sum of the columns' noisy counts has the noise that one release for the whole table would
    have at the same price, so the table informs each column at no further cost.

    Args:
        ballots: All ballots, in their order.
        votes: ``(ballots,)`` noisy counts of each column.
        dtypes: The table's dtype of each column.
        noise_stddev: Standard deviation of the counts.
        untyped_text: True if text may stand for other values.
    """
    if not votes:
        return {}
    outcomes = _outcomes(tuple(ballots), untyped_text)
    noise = max(noise_stddev, _LEAST_NOISE)
    scores = np.stack([_scores(outcomes, vote / noise) for vote in votes.values()])
    verdicts = {}
    for name, chances in zip(votes, _posterior(scores, outcomes.weights), strict=True):
        best = int(np.argmax(chances))
        is_clear = bool(chances[outcomes.kinds == outcomes.kinds[best]].sum() > _CLEAR)
        if not is_clear:
            best = int(np.argmax(np.where(outcomes.is_fallback, chances, -1.0)))
        others = np.where(outcomes.kinds == outcomes.kinds[best], -1.0, chances)
        line = f"{name}: {{kind: {outcomes.kinds[int(np.argmax(others))]}}}"
        verdicts[name] = Verdict(outcomes.firsts[best].column(name, dtypes[name]), is_clear, line)
    return verdicts


@cache
def _outcomes(ballots: tuple[Ballot, ...], untyped_text: bool) -> _Outcomes:
    """Return the columns that ballots stand for, each once, without those that no text can lead to."""
    made = [ballot.column("", "object") for ballot in ballots]
    firsts = [i for i, column in enumerate(made) if column not in made[:i]]
    firsts = [i for i in firsts if untyped_text or not ballots[i].is_untyped]
    is_text = np.array([ballot.reads is None for ballot in ballots])
    lost = np.where(is_text, _LOST_TEXT, _LOST_FORM)
    kept = np.array([_NUMERALS_KEPT if ballot.is_fallback else _FORM_KEPT for ballot in ballots])
    costs, mains_of, own, kin, weights = [], [], [], [], []
    for first in firsts:
        is_main = np.array([column == made[first] for column in made])
        mains = [ballot for ballot, is_one in zip(ballots, is_main, strict=True) if is_one]
        labels = {label for ballot in mains for label in ballot.reads or ()}
        is_read = np.array([ballot.label in labels for ballot in ballots])
        of_form = np.where(is_read, _READ, lost)
        costs.append(np.where(is_main, 0.0, kept if is_text[first] else of_form))
        mains_of.append(is_main)
        own.append(is_main | is_read | is_text[first])
        kin.append([column.kind == made[first].kind for column in made])
        weights.append(max(ballot.weight for ballot in mains))
    return _Outcomes(
        tuple(ballots[first] for first in firsts),
        np.array([made[first].kind for first in firsts]),
        np.stack(costs),
        np.stack(mains_of),
        np.stack(own),
        np.array(kin),
        np.array(weights),
        np.array([ballots[first].is_fallback for first in firsts]),
    )


def _scores(outcomes: _Outcomes, vote: np.ndarray) -> np.ndarray:
    """Return ``(outcomes,)`` logarithms of the likelihood of a vote in units of its noise, less costs."""
    energy = np.maximum(vote, 0.0) ** 2 / 2
    gains = energy - outcomes.costs
    own = (gains > 0) & outcomes.is_own
    lost = (gains > 0) & ~outcomes.is_own
    gain = (gains * lost).sum(axis=1)
    for is_lost, most in ((lost & outcomes.is_kin, 1.0), (lost & ~outcomes.is_kin, MOST_LOST)):
        too_many = np.maximum((vote * is_lost).sum(axis=1) - most * (vote * own).sum(axis=1), 0.0)
        n_cells = is_lost.sum(axis=1) + most**2 * own.sum(axis=1)
        gain -= too_many**2 / np.maximum(
            2 * n_cells, 1e-9
        )  # the distance from the nearest counts that are allowed
    shown = (energy * outcomes.is_main).max(axis=1)
    absent = np.where(outcomes.is_fallback, 0.0, np.maximum(_ABSENT - shown, 0.0))
    return np.asarray((gains * own).sum(axis=1) + np.maximum(gain, 0.0) - absent)


def _posterior(scores: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return ``(columns, outcomes)`` probabilities, with the outcomes' frequencies estimated from the other columns.

    A column's own vote has no part in them, or a form that noise favours would confirm itself.
    """
    chances = np.zeros_like(scores)
    for _ in range(_ROUNDS):
        logs = np.log(weights + chances.sum(axis=0) - chances) + scores
        chances = np.exp(logs - logs.max(axis=1, keepdims=True))
        chances /= chances.sum(axis=1, keepdims=True)
    return np.asarray(chances)
