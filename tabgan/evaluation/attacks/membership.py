"""Membership inference: an attack that tells training rows from others.

The attack compares, at each row, the density of the synthetic table with that of the population, estimated from half
of the holdout: a denser synthetic table suggests a training row.

References:
    van Breugel, Sun, Qian & van der Schaar (2023), *Membership Inference Attacks against Synthetic Data through
    Overfitting Detection* (DOMIAS), AISTATS 2023. Departure: densities are of the nearest neighbour, which shows rows
    that were memorised.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq
from scipy.special import ndtri
from scipy.stats import rankdata

from tabgan._util.rng import RandomStreams
from tabgan.evaluation.attacks.anonymity import MAX_SYNTHETIC, MIN_ROWS, require_rows
from tabgan.evaluation.attacks.copies import require_control
from tabgan.evaluation.attacks.neighbors import nearest_distances
from tabgan.evaluation.attacks.risk import attack_figure
from tabgan.evaluation.catalog import entries
from tabgan.evaluation.catalog.attack_figures import RATES
from tabgan.evaluation.metric import LEVEL, Figure, Findings, NotComputed, measure
from tabgan.evaluation.result import Interval, Pictures, Risk, RocCurve
from tabgan.evaluation.tables import Tables, embed, parts_of_units, subsample

#: Largest number of training rows, and of other rows, that the attack has to tell apart.
MAX_MEMBERS = 2_000

#: Largest number of holdout rows that estimate the density of the population.
MAX_REFERENCE = 20_000

#: A distance that counts as 0.
_TINY = 1e-9

_POINTS = 100


class MembershipScores(NamedTuple):
    """Scores of rows, higher for rows that look like training rows.

    Attributes:
        members: ``(rows,)`` scores of training rows.
        others: ``(rows,)`` scores of other rows.
    """

    members: np.ndarray
    others: np.ndarray


def membership_findings(
    tables: Tables, streams: RandomStreams, holdout_units: np.ndarray | None = None
) -> Findings:
    """Return ``membership_auc``, ``membership_tpr_1`` and ``membership_tpr_01``, and the attack's curve.

    ``holdout_units`` are the ``(rows,)`` numbers of the people behind holdout rows, if some have several: a person's
    rows are alike, so that the population would look dense at others whose rows were in it, and at no training row.
    """
    curves: list[RocCurve] = []

    def compute() -> list[Figure | str]:
        scores = _scores(tables, holdout_units, streams.numpy("evaluation.membership"))
        curves.append(membership_curve(scores))
        return [auc_figure(scores), *(tpr_figure(scores, rate) for rate in RATES)]

    metrics = measure(entries("membership_auc", "membership_tpr_1", "membership_tpr_01"), compute)
    return Findings(metrics, pictures=Pictures(membership=curves[0] if curves else None))


def _scores(tables: Tables, units: np.ndarray | None, rng: np.random.Generator) -> MembershipScores:
    require_rows(tables)
    require_control(tables)
    if len(tables.values.holdout) < 2 * MIN_ROWS:
        raise NotComputed(f"the holdout has fewer than {2 * MIN_ROWS} rows")
    points = embed(tables)
    synthetic = subsample(points.synthetic, MAX_SYNTHETIC, rng)
    others, reference = _halves(points.holdout, units, rng)
    n_rows = min(len(points.real), len(others), len(reference), MAX_MEMBERS)
    reference = reference[:MAX_REFERENCE]

    def score(rows: np.ndarray) -> np.ndarray:
        usual, synthetic_ = (nearest_distances(rows, each) for each in (reference, synthetic))
        return np.asarray(np.log(usual + _TINY) - np.log(synthetic_ + _TINY))

    return MembershipScores(score(subsample(points.real, n_rows, rng)), score(others[:n_rows]))


def _halves(
    rows: np.ndarray, units: np.ndarray | None, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return rows in two halves, in any order; all of a person's are in one of them.

    Raises:
        NotComputed: one person has nearly all of them.
    """
    if units is None:
        first, second = np.array_split(rng.permutation(rows), 2)
        return first, second
    order = rng.permutation(len(rows))
    is_first = parts_of_units(units, 2, rng)[order] == 0
    if min(is_first.sum(), (~is_first).sum()) < MIN_ROWS:
        raise NotComputed("too few people are behind the holdout rows")
    return rows[order][is_first], rows[order][~is_first]


def auc_figure(scores: MembershipScores) -> Figure:
    """Return the figure of the ROC AUC; ties count half."""
    m, n = len(scores.members), len(scores.others)
    ranks = rankdata(np.concatenate(scores))[:m]
    auc = float((ranks.sum() - m * (m + 1) / 2) / (m * n))
    interval = auc_interval(auc, m, n)
    # (success - control) / (1 - control), where the control is known to be a half
    low, high = (2 * bound - 1 for bound in (interval.low, interval.high))
    risk = Risk(2 * auc - 1, Interval(low, high, interval.level))
    return Figure(auc, interval, reference=0.5, baseline=0.5, risk=risk)


def auc_interval(auc: float, m: int, n: int, level: float = LEVEL) -> Interval:
    """Return the interval of an ROC AUC of ``m`` and ``n`` rows: all areas consistent with the one found.

    Like Wilson's interval of a share, and unlike the usual one, it has a positive width at 1.

    References:
        Newcombe (2006), *Confidence Intervals for an Effect Size Measure Based on the Mann-Whitney Statistic*, part 2,
        method 5, on the variance of Hanley & McNeil (1982).
    """
    z = float(ndtri(0.5 + level / 2))
    rows = (m + n) / 2 - 1

    def surprise(area: float) -> float:
        spread = area * (1 - area) * (1 + rows * ((1 - area) / (2 - area) + area / (1 + area)))
        return (auc - area) ** 2 - z**2 * spread / (m * n)

    edge = 1e-12  # 0 and 1 themselves have no variance
    low = 0.0 if auc == 0 else float(brentq(surprise, 0.0, min(auc, 1 - edge)))
    high = 1.0 if auc == 1 else float(brentq(surprise, max(auc, edge), 1.0))
    return Interval(low, high, level)


def tpr_figure(scores: MembershipScores, rate: float) -> Figure | str:
    """Return the share of members found while at most ``rate`` of the others are accused, or raise ``NotComputed``.

    The threshold is the highest score that must stay unaccused: rows tied with it are not accused, so that the share of
    others never exceeds the rate.
    """
    n = len(scores.others)
    least = math.ceil(1 / rate)
    if n < least:
        return f"fewer than {least:,} holdout rows are left after half of them served as the reference"
    (found,), (accused,) = _accused(scores, np.array([rate]))
    return attack_figure(int(found), len(scores.members), int(accused), n, rate)


def _accused(scores: MembershipScores, rates: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the numbers of members and others accused if at most a share of the others may be.

    Args:
        scores: Scores of both.
        rates: ``(rates,)`` shares of others that may be accused, in [0, 1].
    """
    members, others = (np.sort(each) for each in scores)
    n = len(others)
    allowed = (rates * n + 1e-9).astype(np.int64)
    thresholds = np.append(others[::-1], -np.inf)[allowed]  # at a rate of 1 everybody is accused
    found, accused = (
        len(each) - np.searchsorted(each, thresholds, side="right") for each in (members, others)
    )
    return found, accused


def membership_curve(scores: MembershipScores) -> RocCurve:
    """Return the curve at up to 200 shares of others, dense at low ones.

    Thresholds are those of :func:`tpr_figure`, and the rates that have figures are points of the curve, so that picture
    and figures agree.
    """
    n = len(scores.others)
    counts = np.concatenate(
        [[0], np.geomspace(1, n, _POINTS).round(), np.linspace(1, n, _POINTS - 1 - len(RATES)).round()]
    )
    shares = np.union1d(counts / n, [rate for rate in RATES if n >= math.ceil(1 / rate)])
    found, _ = _accused(scores, shares)
    return RocCurve(tuple(shares.tolist()), tuple((found / len(scores.members)).tolist()))
