"""MST and AIM as ``dpmm`` ships them.

    python benchmarks/peers/dpmm_peer.py --data FOLDER --method AIM --epsilon 1 --seed 0 --out synth.csv

Everything is left at the pipelines' defaults except the settings of the table and the comparison: the domain,
epsilon, delta (the pipelines' own is 1e-5) and the seed.

- **Domain.** Categories and bounds are declared; if both bounds are, no budget goes into finding them. Decimals cannot
  be declared: columns of integers come back as integers, all others with the full digits of a float.
- **Bins.** By default PrivTree cuts the numeric columns, and its ``proc_epsilon`` of 0.1 is spent on top of
  epsilon: ``epsilon_total`` records the sum.
- **Missing values** are left to the pipelines: a column that has some gets a second one that marks them, and is
  filled with the value of one row of the private table, which no epsilon accounts for.
- **Randomness.** The seed fixes selection and sampling. The noise comes from OpenDP, which takes no seed.
- **Size.** The pipelines set no limit on the size of AIM's model (``max_model_size``; the mechanism's own default
  is 80 MB). Method ``AIM-80`` sets that limit, for tables on which AIM does not finish otherwise.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
from common import Peer, Task, main
from dpmm.pipelines import AIMPipeline, MSTPipeline

BINNING_EPSILON = 0.1  # the pipelines' default, named here to be recorded


def fit(task: Task) -> tuple[Callable[[int], pd.DataFrame], dict[str, Any]]:
    """Fit a pipeline to the table."""
    if task.epsilon is None:
        raise SystemExit("dpmm's fit without privacy returns no model: give an epsilon.")
    kind = MSTPipeline if task.method == "MST" else AIMPipeline
    limit = {"max_model_size": 80} if task.method == "AIM-80" else {}
    model = kind(epsilon=task.epsilon, delta=task.delta, proc_epsilon=BINNING_EPSILON, **limit)
    declared = ("lower", "upper", "categories")
    domain = {
        name: {key: column[key] for key in declared if key in column} for name, column in task.domain.items()
    }
    model.fit(task.train, domain, random_state=task.seed)
    notes = {
        "epsilon_total": round(task.epsilon + BINNING_EPSILON, 6),
        "cells": {name: int(size) for name, size in model.proc.bin_domain.items()},
        "model_size_mb": round(float(model.model_size), 3),
    }
    return lambda n: model.generate(n_records=n, random_state=task.seed), notes


if __name__ == "__main__":
    main(Peer("dpmm", ("MST", "AIM", "AIM-80"), fit, ("opendp", "scipy")), __doc__.splitlines()[0])
