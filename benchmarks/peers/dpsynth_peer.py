"""SWIFT and AIM-GDP as google/dpsynth ships them.

    python benchmarks/peers/dpsynth_peer.py --data FOLDER --method SWIFT --epsilon 1 --seed 0 --out synth.csv

It is not on a package index: its checkout, mbi's and dp_accounting's are installed by hand, see
``requirements-dpsynth.txt``. Everything is left at its in-memory API's defaults except the settings of the table and
the comparison.

- **Domain.** Categories and bounds are declared. Numeric columns are cut into 32 quantile bins, which are found under
  privacy from a part of epsilon.
- **Values within a bin** are drawn evenly (``interval_handling="sample"``): its default, the middle of the bin, is
  recognised by any classifier at once.
- **Missing values.** Its categories know none, so that a category of their own stands for them; those of numbers are
  its out-of-domain value.
- **Randomness.** The seed fixes selection, noise and sampling: its noise comes from NumPy's generator.
- **Precision.** mbi asks for float64 (``jax_enable_x64``), which is set.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax

jax.config.update("jax_enable_x64", True)

import dpsynth  # noqa: E402
import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
from common import Peer, Task, main  # noqa: E402
from dpsynth import discrete_mechanisms, domain  # noqa: E402

#: The category that stands for a missing value.
MISSING = "(missing)"

METHODS = {
    "SWIFT": discrete_mechanisms.SWIFTConfig,
    "AIM-GDP": discrete_mechanisms.AIMGDPConfig,
    "MST": discrete_mechanisms.MSTConfig,
}


def attribute(column: dict[str, Any]) -> Any:
    """Return a column's declared domain in the peer's terms."""
    if "categories" in column:
        return domain.CategoricalAttribute([*column["categories"], *([MISSING] if column["missing"] else [])])
    return domain.NumericalAttribute(
        column["lower"],
        column["upper"],
        clip_to_range=not column["missing"],
        dtype="float" if column["missing"] or column["decimals"] else "int",
        interval_handling="sample",
    )


def fit(task: Task) -> tuple[Callable[[int], pd.DataFrame], dict[str, Any]]:
    """Fit a synthesizer to the table; it draws its rows as it is fitted, as many as it measured."""
    if task.epsilon is None:
        raise SystemExit("dpsynth: give an epsilon.")
    has_categories = [name for name, column in task.domain.items() if "categories" in column]
    train = task.train.assign(**{name: task.train[name].fillna(MISSING) for name in has_categories})
    synthesizer = dpsynth.TabularSynthesizer(
        domains={name: attribute(column) for name, column in task.domain.items()},
        discrete_mechanism=METHODS[task.method](),
    )
    calibrated = synthesizer.calibrate(epsilon=task.epsilon, delta=task.delta)
    rows = calibrated(np.random.default_rng(task.seed), train).synthetic_data
    rows = rows.assign(**{name: rows[name].where(rows[name] != MISSING) for name in has_categories})

    def sample(n: int) -> pd.DataFrame:
        return rows.sample(n, replace=n > len(rows), random_state=task.seed, ignore_index=True)

    return sample, {"rows_drawn": len(rows)}


if __name__ == "__main__":
    main(Peer("dpsynth", tuple(METHODS), fit, ("jax", "mbi", "dp-accounting")), __doc__.splitlines()[0])
