"""DPCTGAN and PATECTGAN as ``smartnoise-synth`` ships them.

    python benchmarks/peers/smartnoise_peer.py --data FOLDER --method PATECTGAN --epsilon 1 --seed 0 --out synth.csv

Everything is left at the synthesizers' defaults except the settings of the table and the comparison: the domain,
epsilon, delta (their own is ``n ** -1.5``) and the seed. Epsilon is the amount that the synthesizer reports.

- **Domain.** The library has no place for declared categories, so its transformers are made here and fitted to the
  public domain instead of the table: no budget goes into bounds. Their kinds are those the library would infer:
  integers whose range is below 150 are ordinal (one-hot), other numbers continuous (scaled to their bounds), text
  categorical.
- **Missing values** are a category of their own. A continuous column gets a flag for them, as the library makes it
  (``nullable``); its decoder takes only an exact 1 for missing, so hardly any come back.
- **Randomness.** The seed fixes NumPy's and PyTorch's streams, as far as the library does not seed them itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import torch
from common import Peer, Task, main
from snsynth import Synthesizer
from snsynth.transform import ChainTransformer, LabelTransformer, MinMaxTransformer, OneHotEncoder
from snsynth.transform.table import TableTransformer

ORDINAL_RANGE = 150  # below it the library infers an ordinal column


def transformer(column: dict[str, Any]) -> ChainTransformer | MinMaxTransformer:
    """Return a column's transformer, fitted to its public domain."""
    nullable = column["missing"]
    is_numeric = "lower" in column
    if is_numeric and (column["decimals"] > 0 or column["upper"] - column["lower"] >= ORDINAL_RANGE):
        made = MinMaxTransformer(lower=column["lower"], upper=column["upper"], nullable=nullable)
        made.fit([column["lower"], column["upper"]])
        return made
    values: list[Any] = (
        list(range(int(column["lower"]), int(column["upper"]) + 1)) if is_numeric else column["categories"]
    )
    made = ChainTransformer([LabelTransformer(nullable=nullable), OneHotEncoder()])
    made.fit([*values, None] if nullable else values)
    return made


def fit(task: Task) -> tuple[Callable[[int], pd.DataFrame], dict[str, Any]]:
    """Fit a synthesizer to the table."""
    if task.epsilon is None:
        raise SystemExit("smartnoise-synth: give an epsilon.")
    np.random.seed(task.seed)  # noqa: NPY002 - the stream that the library draws from
    torch.manual_seed(task.seed)
    columns = TableTransformer([transformer(column) for column in task.domain.values()])
    model = Synthesizer.create(task.method.lower(), epsilon=task.epsilon, delta=task.delta)
    model.fit(task.train[list(task.domain)], transformer=columns)
    return model.sample, {"epsilon_total": task.epsilon}


if __name__ == "__main__":
    main(
        Peer("smartnoise-synth", ("DPCTGAN", "PATECTGAN"), fit, ("torch", "opacus")), __doc__.splitlines()[0]
    )
