"""Audits of a sound installation, and of ones whose noise is off or too small.

python benchmarks/audit.py [--runs 5]
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from environment import environment
from opacus.optimizers import DPOptimizerFastGradientClipping

from tabgan.audit import AuditResult, audit
from tabgan.privacy.doors import mechanisms

PATH = Path(__file__).parent / "results" / "audit.json"

#: Audited settings: the defaults of a fit, and some that expose more to an audit.
SETTINGS: tuple[dict[str, Any], ...] = (
    {"epsilon": 1.0},
    {"epsilon": 8.0},
    {"epsilon": 8.0, "adversary_share": 0.5},
    {"epsilon": 8.0, "adversary_share": 0.5, "max_rows": 3},
)


@contextmanager
def as_it_is() -> Iterator[None]:
    """Change nothing."""
    yield


@contextmanager
def counts_with(factor: float) -> Iterator[None]:
    """Draw the noise of counts at a scale other than the charged one."""
    sound = mechanisms.noisy_vector
    mechanisms.noisy_vector = lambda values, stddev: sound(values, factor * stddev)
    try:
        yield
    finally:
        mechanisms.noisy_vector = sound


@contextmanager
def gradients_without_noise() -> Iterator[None]:
    """Leave the noise of DP-SGD out."""

    def quiet(self: Any) -> None:
        for parameter in self.params:
            parameter.grad = parameter.summed_grad.view_as(parameter)

    sound = DPOptimizerFastGradientClipping.add_noise
    DPOptimizerFastGradientClipping.add_noise = quiet
    try:
        yield
    finally:
        DPOptimizerFastGradientClipping.add_noise = sound


#: Ways to break a mechanism, each a negative control.
BREAKS: dict[str, Callable[[], Any]] = {
    "as it is": as_it_is,
    "counts: two thirds of the noise": lambda: counts_with(2 / 3),
    "counts: no noise": lambda: counts_with(0.0),
    "gradients: no noise": gradients_without_noise,
}


def summary(results: list[AuditResult]) -> dict[str, Any]:
    """Return median, minimum and maximum of each bound, and the failed checks."""
    bounds = {}
    for position, kind in enumerate(found.kind for found in results[0].canaries):
        values = [r.canaries[position].bound.epsilon_lower_bound for r in results]
        expected = results[0].canaries[position].expected
        bounds[kind] = {
            "epsilon_lower_bound_median_min_max": [
                round(float(f(values)), 3) for f in (np.median, np.min, np.max)
            ],
            "of_a_sound_mechanism_median_5_95_percent": [
                round(value, 3) for value in (expected.median, expected.low, expected.high)
            ],
        }
    failed = [check.name for result in results for check in result.checks if not check.has_passed]
    return {
        "passed": sum(result.has_passed for result in results),
        "of": len(results),
        "failed_checks": {name: failed.count(name) for name in sorted(set(failed))},
        "over_the_stated_epsilon": sum(r.epsilon_lower_bound > r.epsilon for r in results),
        "bounds": bounds,
        "seconds_median": round(float(np.median([result.seconds for result in results])), 1),
    }


def main() -> None:
    """Audit every setting, sound and broken, a few times and write the file."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=5)
    n_runs = parser.parse_args().runs
    rows = []
    for setting in SETTINGS:
        for name, broken in BREAKS.items():
            if name != "as it is" and "max_rows" in setting:
                continue
            with broken():
                results = [audit(**setting) for _ in range(n_runs if name == "as it is" else 2)]
            rows.append({**setting, "mechanisms": name, **summary(results)})
            print(json.dumps(rows[-1]))
    result = {
        "question": __doc__.splitlines()[0],
        "command": f"python benchmarks/audit.py --runs {n_runs}",
        "n_canaries": 5_000,
        "confidence": 0.95,
        **environment(),
        "rows": rows,
    }
    PATH.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
