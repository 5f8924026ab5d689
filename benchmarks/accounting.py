"""Noise saved by exact joint accounting, and the price of planning each fit after looking.

    python benchmarks/accounting.py

Nothing is drawn and no table is read: the figures follow from the accountant alone. Noise means the noise multiplier.

``joint``: one composition against two halves, at one total ``(epsilon, delta)``. *Halves*: the counts, as one
Gaussian, get ``(epsilon / 2, delta / 2)`` and DP-SGD the rest, each with the least noise that our own accountant
allows, and the two add up by basic composition. *Joint*: the privacy losses of both are composed. ``saved`` is the
reduction of both multipliers by a common factor, which keeps the proportions of the budget. ``saved_counts`` and
``saved_dp_sgd`` are the reductions of each if the joint budget is halved again, by mu**2, as ``adversary_share=0.5``
does. The baseline has no slack of its own, and its two parts are equal, where basic composition loses most.
``saved_at_default_share`` is for the share that a fit gives its adversary by default: there the baseline splits
epsilon and delta unevenly, such that the ratio of its multipliers is the plan's.

``conversion``: one Gaussian at ``(epsilon, delta)``, exactly (Balle & Wang 2018) and by our accountant, against the
way through zCDP. *Simple*: ``epsilon = rho + 2 sqrt(rho log(1 / delta))`` (Bun & Steinke 2016, Proposition 1.3).
*Tight*: the best order of Canonne, Kamath & Steinke (2020), Corollary 13, which zCDP accountants use today. ``saved``
is one minus the ratio of the noise.

``filter``: a default plan of ``(1, 1e-6)``, fitted several times, at a total delta of 1e-5. *PLD* holds if all plans
were fixed in advance. *Filter* is the smallest cap that admits all of them if each plan may depend on the results
before it: Renyi divergences of the one order that the cap fixes. ``price`` is the excess of the filter over PLD's
epsilon. A ledger charges its first fit by PLD, so that a single fit pays nothing. ``in_a_cap`` counts the fits that a
cap admits.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Callable
from pathlib import Path

from environment import environment
from scipy.optimize import minimize_scalar

from tabgan.privacy.accounting import (
    Cost,
    SubsampledGaussian,
    affordable_mu,
    epsilon_of,
    filter_order,
    largest,
)
from tabgan.privacy.plan import make_plan

RESULTS = Path(__file__).parent / "results"

#: Sampling rate and steps of a run of DP-SGD over whole rows, the harder case for an accountant.
RUN = (0.02, 200)

EPSILONS = (0.1, 1.0, 3.0, 10.0)
DELTA = 1e-6

FITS = (1, 2, 4, 8)
FIT_EPSILON, TOTAL_DELTA = 1.0, 1e-5
CAPS = (2.0, 3.0, 5.0, 10.0)


def smallest(is_enough: Callable[[float], bool], low: float, high: float) -> float:
    """Return the smallest sufficient number between the two, approximated from above."""
    return 1.0 / largest(lambda inverse: is_enough(1.0 / inverse), 1.0 / high, 1.0 / low)


def dp_sgd(noise_multiplier: float) -> tuple[SubsampledGaussian, ...]:
    """Return the discriminator's run, at the rate and for the steps of the package."""
    return (SubsampledGaussian(noise_multiplier, *RUN),)


def least_noise(epsilon: float, delta: float) -> float:
    """Return the multiplier of DP-SGD that spends ``(epsilon, delta)`` alone."""
    return smallest(lambda z: epsilon_of(0.0, dp_sgd(z), delta) <= epsilon, 0.2, 500.0)


def joint_factor(counts: float, sgd: float, epsilon: float) -> float:
    """Return the smallest factor of both multipliers at which they are within ``(epsilon, DELTA)`` together."""
    return smallest(
        lambda f: epsilon_of(1.0 / (f * counts), dp_sgd(f * sgd), DELTA) <= epsilon, 0.4, 1.0 + 1e-3
    )


def joint(epsilon: float) -> dict[str, float]:
    """Return the noise of two separate halves and of the joint composition."""
    counts = 1.0 / affordable_mu(epsilon / 2, DELTA / 2)
    sgd = least_noise(epsilon / 2, DELTA / 2)
    factor = joint_factor(counts, sgd, epsilon)
    mu, noise = split_again(epsilon, 0.5)
    return {
        "epsilon": epsilon,
        "delta": DELTA,
        "noise_counts_halves": counts,
        "noise_dp_sgd_halves": sgd,
        "noise_counts_joint": factor * counts,
        "noise_dp_sgd_joint": factor * sgd,
        "saved": 1.0 - factor,
        "saved_counts": 1.0 - 1.0 / (mu * counts),
        "saved_dp_sgd": 1.0 - noise / sgd,
        "saved_at_default_share": saved_at_default_share(epsilon),
    }


def split_again(epsilon: float, share: float) -> tuple[float, float]:
    """Return the counts' mu if DP-SGD gets a share of the joint budget, of mu**2, and the noise that it then needs."""
    mu = affordable_mu(epsilon, DELTA) * math.sqrt(1.0 - share)
    return mu, smallest(lambda noise: epsilon_of(mu, dp_sgd(noise), DELTA) <= epsilon, 0.2, 500.0)


def saved_at_default_share(epsilon: float) -> float:
    """Return the saving of a joint budget over a split of it with the same ratio of multipliers."""
    mu, noise = split_again(epsilon, 0.05)
    ratio = noise * mu

    def is_within(share: float) -> bool:
        """Return true if a share of the budget for DP-SGD leaves it no more noise than the plan's ratio."""
        counts = 1.0 / affordable_mu((1 - share) * epsilon, (1 - share) * DELTA)
        return epsilon_of(0.0, dp_sgd(ratio * counts), share * DELTA) <= share * epsilon

    share = smallest(is_within, 0.02, 0.9)
    counts = 1.0 / affordable_mu((1 - share) * epsilon, (1 - share) * DELTA)
    return 1.0 - 1.0 / (mu * counts)


def simple_rho(epsilon: float, delta: float) -> float:
    """Return the zCDP budget of Bun & Steinke's conversion."""
    root = math.log(1.0 / delta)
    return (math.sqrt(root + epsilon) - math.sqrt(root)) ** 2


def tight_rho(epsilon: float, delta: float) -> float:
    """Return the zCDP budget of Canonne, Kamath & Steinke's conversion."""

    def log_delta(rho: float) -> float:
        def at(order: float) -> float:
            return (
                (order - 1) * (order * rho - epsilon) - math.log(order - 1) + order * math.log1p(-1 / order)
            )

        best = minimize_scalar(lambda x: at(1 + math.exp(x)), bounds=(-5.0, 12.0), method="bounded")
        return float(best.fun)

    return largest(lambda rho: log_delta(rho) <= math.log(delta), 1e-9, 100.0, tolerance=1e-7)


def conversion(epsilon: float) -> dict[str, float]:
    """Return the noise of one exact Gaussian and of both conversions."""
    exact = 1.0 / affordable_mu(epsilon, DELTA)
    simple, tight = (1.0 / math.sqrt(2 * rho(epsilon, DELTA)) for rho in (simple_rho, tight_rho))
    return {
        "epsilon": epsilon,
        "delta": DELTA,
        "noise_exact": exact,
        "noise_zcdp_simple": simple,
        "noise_zcdp_tight": tight,
        "saved_simple": 1.0 - exact / simple,
        "saved_tight": 1.0 - exact / tight,
    }


def filter_price(fits: int) -> dict[str, float]:
    """Return the cost of several fits by both methods."""
    total = costs_of(fits)
    within_pld = total.epsilon(TOTAL_DELTA)
    cap = smallest(
        lambda cap: total.adaptive_epsilon(TOTAL_DELTA, filter_order(cap, TOTAL_DELTA)) <= cap,
        within_pld,
        2.0 * within_pld,
    )
    return {
        "fits": fits,
        "fit_epsilon": FIT_EPSILON,
        "fit_delta": DELTA,
        "delta": TOTAL_DELTA,
        "epsilon_basic": fits * FIT_EPSILON,
        "epsilon_pld": within_pld,
        "epsilon_filter": cap,
        "order": filter_order(cap, TOTAL_DELTA),
        "price": cap / within_pld - 1.0,
    }


def costs_of(fits: int) -> Cost:
    """Return the cost of a number of equal fits together."""
    return sum([make_plan(FIT_EPSILON, DELTA).cost] * fits, Cost())


def in_a_cap(cap: float) -> dict[str, float]:
    """Return the numbers of fits that a cap admits by basic composition, PLD of fixed plans, and the filter."""
    order = filter_order(cap, TOTAL_DELTA)
    roads: dict[str, Callable[[int], float]] = {
        "pld": lambda n: costs_of(n).epsilon(TOTAL_DELTA),
        "filter": lambda n: costs_of(n).adaptive_epsilon(TOTAL_DELTA, order),
    }
    counted = {}
    for name, epsilon in roads.items():
        n = 1
        while epsilon(n + 1) <= cap:
            n += 1
        counted[name] = n
    return {
        "cap": cap,
        "delta": TOTAL_DELTA,
        "basic": min(int(cap / FIT_EPSILON), round(TOTAL_DELTA / DELTA)),
        **counted,
    }


def main() -> None:
    """Measure all three and write the file."""
    argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args()
    start = time.perf_counter()
    figures = {
        "joint": [joint(epsilon) for epsilon in EPSILONS],
        "conversion": [conversion(epsilon) for epsilon in EPSILONS],
        "filter": [filter_price(fits) for fits in FITS],
        "in_a_cap": [in_a_cap(cap) for cap in CAPS],
    }
    result = {
        "question": __doc__.splitlines()[0],
        "command": "python benchmarks/accounting.py",
        "seed": None,
        **environment(),
        "seconds": round(time.perf_counter() - start, 1),
        **{name: [rounded(row) for row in rows] for name, rows in figures.items()},
    }
    path = RESULTS / "accounting.json"
    path.write_text(json.dumps(result, indent=1) + "\n")
    print(path.read_text())


def rounded(row: dict[str, float]) -> dict[str, float]:
    """Return figures to six digits."""
    return {key: float(f"{value:.6g}") if isinstance(value, float) else value for key, value in row.items()}


if __name__ == "__main__":
    main()
