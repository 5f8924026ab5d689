"""The decision of a noisy vote: the column that each object column of a table becomes.

Everything here is post-processing of released counts; nothing sees a row.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from tabgan._util.yaml import key_of
from tabgan.columns.kind import Ballot, Column

#: The most cells that a column may lose beside those that it reads: it is numeric where nine in ten are numbers.
MOST_LOST = 1 / 9

#: Costs, in nats, of explaining a cell's count by rows instead of noise: of a further form that the column reads, of
#: text that it loses (markers such as ``n/k``), of another form that it loses, and of numerals, or another form, that
#: text keeps.
_READ, _LOST_TEXT, _LOST_FORM, _NUMERALS_KEPT, _FORM_KEPT = 5.0, 0.5, 20.0, 4.0, 25.0

#: Noise standard deviations above which a cell that a column does not read counts as lost: one of more than a thousand
#: empty ones passes it about once in 40,000 columns.
_SURELY_LOST = 5.5

#: The same for text, such as ``T`` and ``ND`` among numbers, which is one cell and the likeliest one: noise passes it
#: once in 700 columns. And where a column has missing cells that this text may explain: once in 40 of those.
_TEXT_LOST, _TEXT_IN_DOUBT = 3.0, 2.0

#: Cost of a written form without a value that it alone explains: 950 and 1,234 are not decimals.
_ABSENT = 10.0

#: The least gain, in nats, of a written form's own values with which it is considered.
_SEEN = 1.0

#: Gain of text where a column's name, which is public, says that its digits are codes.
_CODES = 20.0

#: Posterior probability above which a decision counts as clear.
_CLEAR = 0.9

#: Least noise, in rows, for counts without any.
_LEAST_NOISE = 0.5

#: Columns of a table, beyond which the frequencies before the vote weigh more.
_WIDE = 10

#: Times that the frequency of each form among the columns is estimated anew.
_ROUNDS = 8


class Verdict(NamedTuple):
    """The result of one column's vote.

    Attributes:
        column: The open column.
        is_clear: False if the noise leaves the kind open; then ``column`` is the likelier of numbers and text.
        line: The line of a schema that declares the likeliest other kind.
        lost: Noisy share of the values that the column cannot read, which come back missing; 0 where noise may be all.
        limits: The same of limits such as ``<0.6``, which it reads.
        flagged: The same of numbers with a sign beside them, such as ``1.2*``, which is left out.
        marks_line: The line of a schema by which other text of a column of numbers is read; ``""`` for none.
        doubtful: Noisy share of text that the column cannot read, where noise may be all.
    """

    column: Column
    is_clear: bool
    line: str
    lost: float = 0.0
    limits: float = 0.0
    flagged: float = 0.0
    marks_line: str = ""
    doubtful: float = 0.0


def decide(
    ballots: Sequence[Ballot],
    kinds: Sequence[str],
    votes: Mapping[str, np.ndarray],
    dtypes: Mapping[str, str],
    noise_stddev: float,
    untyped_text: bool,
    codes: Collection[str] = (),
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
        kinds: Name of each one's kind.
        votes: ``(ballots,)`` noisy counts of each column.
        dtypes: The table's dtype of each column.
        noise_stddev: Standard deviation of the counts.
        untyped_text: True if text may stand for other values.
        codes: Names of columns whose names say that their digits are not numbers.
    """
    if not votes:
        return {}
    outcomes = [
        i
        for i, ballot in enumerate(ballots)
        if not ballot.same_as and (untyped_text or not ballot.is_untyped)
    ]
    noise, of_kind = max(noise_stddev, _LEAST_NOISE), np.array(kinds)
    forms = _forms(tuple(ballots))
    scores = [_scores(ballots, forms, of_kind, outcomes, vote / noise) for vote in votes.values()]
    is_text = np.array([ballots[i].reads is None and ballots[i].is_fallback for i in outcomes])
    scores = [
        each + _CODES * is_text if name in codes else each for name, each in zip(votes, scores, strict=True)
    ]
    weights = np.array([ballots[i].weight for i in outcomes])
    is_fallback = np.array([ballots[i].is_fallback for i in outcomes])
    of_kind, verdicts = of_kind[outcomes], {}
    for name, chances in zip(votes, _posterior(scores, weights), strict=True):
        best = int(np.argmax(chances))
        is_clear = bool(chances[of_kind == of_kind[best]].sum() > _CLEAR)
        is_clear |= bool(is_fallback[best]) and _reads_nearly_all(forms, outcomes[best], votes[name])
        if not is_clear:
            best = int(np.argmax(np.where(is_fallback, chances, -1.0)))
        other = of_kind[int(np.argmax(np.where(of_kind == of_kind[best], -1.0, chances)))]
        column = ballots[outcomes[best]].column(name, dtypes[name])
        line = f"{key_of(name)}: {{kind: {other}}}"
        lost, doubtful = (
            _lost_share(forms, outcomes[best], votes[name], noise, least)
            for least in (_TEXT_LOST, _TEXT_IN_DOUBT)
        )
        verdicts[name] = Verdict(column, is_clear, line, lost, doubtful=0.0 if lost else doubtful)
    return verdicts


def _reads_nearly_all(forms: _Forms, chosen: int, vote: np.ndarray) -> bool:
    """Return true if no cell that a form of numbers does not read has as many rows, or noise, as the form may lose.

    Then what other columns are does not matter: among 30 columns of text, numerals alone are numbers.
    """
    is_read = forms.reads[chosen] | (forms.made == chosen)
    has_few_others = vote[~is_read].max(initial=0.0) < MOST_LOST * vote[forms.made == chosen].sum()
    return bool(has_few_others and not forms.is_text[chosen])


def _lost_share(
    forms: _Forms, chosen: int, vote: np.ndarray, noise_stddev: float, least_text: float
) -> float:
    """Return the noisy share of a column's values that its form does not read, by the cells that surely hold rows."""
    is_plain = forms.is_text & (forms.made == np.arange(len(vote)))
    least = np.where(is_plain, least_text, _SURELY_LOST)
    rows = np.where(vote > least * noise_stddev, vote, 0.0)
    is_lost = ~(forms.reads[chosen] | (forms.made == chosen))
    return float(rows[is_lost].sum() / max(rows.sum(), 1.0))


class _Forms(NamedTuple):
    """The ballots that belong together.

    Attributes:
        made: ``(ballots,)`` place of the ballot whose column each one votes for.
        reads: ``(ballots, ballots)`` true where the column of the first reads cells of the second.
        is_text: ``(ballots,)`` true for those that read every cell.
        kept: ``(ballots,)`` costs of what text keeps, by the ballot that it is of.
        lost: ``(ballots,)`` costs of what is lost, by the ballot that it is of.
    """

    made: np.ndarray
    reads: np.ndarray
    is_text: np.ndarray
    kept: np.ndarray
    lost: np.ndarray


@lru_cache(maxsize=4)
def _forms(ballots: tuple[Ballot, ...]) -> _Forms:
    places = {ballot.label: place for place, ballot in enumerate(ballots)}
    made = np.array([places[ballot.same_as or ballot.label] for ballot in ballots])
    reads = np.zeros((len(ballots), len(ballots)), dtype=bool)
    for first, ballot in zip(made, ballots, strict=True):
        reads[first] |= ballot.reads is None
        reads[first, [places[label] for label in ballot.reads or () if label in places]] = True
    is_text = np.array([ballot.reads is None for ballot in ballots])
    kept = np.where([ballot.is_fallback for ballot in ballots], _NUMERALS_KEPT, _FORM_KEPT)
    return _Forms(made, reads, is_text, kept, np.where(is_text, _LOST_TEXT, _LOST_FORM))


def _scores(
    ballots: Sequence[Ballot],
    forms: _Forms,
    kinds: np.ndarray,
    outcomes: Sequence[int],
    vote: np.ndarray,
) -> np.ndarray:
    """Return ``(outcomes,)`` logarithms of the likelihood of a vote in units of its noise, less costs.

    It is minus infinity for written forms that the counts do not show.
    """
    energy = np.maximum(vote, 0.0) ** 2 / 2
    shown_of = np.zeros(len(ballots))
    np.maximum.at(shown_of, forms.made, energy)
    scores = np.full(len(outcomes), -np.inf)
    for place, first in enumerate(outcomes):
        shown = float(shown_of[first])
        if ballots[first].is_fallback:
            shown = _ABSENT
        elif shown < _SEEN:
            continue
        is_main, is_read = forms.made == first, forms.reads[first]
        costs = forms.kept if forms.is_text[first] else np.where(is_read, _READ, forms.lost)
        gains = energy - np.where(is_main, 0.0, costs)
        own, stray = (gains > 0) & (is_main | is_read), (gains > 0) & ~(is_main | is_read)
        gain = gains[stray].sum()
        is_kin = kinds == kinds[first]
        for is_lost, most in ((stray & is_kin, 1.0), (stray & ~is_kin, MOST_LOST)):
            too_many = vote[is_lost].sum() - most * vote[own].sum()
            if too_many > 0:  # the distance from the nearest counts that are allowed
                gain -= too_many**2 / (2 * (is_lost.sum() + most**2 * own.sum()))
        scores[place] = gains[own].sum() + max(gain, 0.0) - max(_ABSENT - shown, 0.0)
    return scores


def _posterior(scores: Sequence[np.ndarray], weights: np.ndarray) -> np.ndarray:
    """Return ``(columns, outcomes)`` probabilities, with the outcomes' frequencies estimated from the other columns.

    A column's own vote has no part in them, or a form that noise favours would confirm itself. In wide tables the
    frequencies before the vote weigh more, so that a rare kind stays possible.
    """
    weights = weights * max(1.0, len(scores) / _WIDE)
    logs = np.reshape(scores, (-1, len(weights)))
    chances = np.zeros_like(logs)
    for _ in range(_ROUNDS):
        weighed = np.log(weights + chances.sum(axis=0) - chances) + logs
        chances = np.exp(weighed - weighed.max(axis=1, keepdims=True, initial=-np.inf))
        chances /= chances.sum(axis=1, keepdims=True)
    return np.asarray(chances)
