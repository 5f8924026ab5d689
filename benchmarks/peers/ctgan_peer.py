"""CTGAN as ``ctgan`` ships it, without privacy.

    python benchmarks/peers/ctgan_peer.py --data FOLDER --method CTGAN --epsilon none --seed 0 --out synth.csv

Everything is left at its defaults (300 epochs). It has no privacy, and uses the public domain only to tell discrete
columns from others: it learns categories and ranges from the table.

- **Missing values.** Those of a discrete column are a category of their own. It refuses them in continuous columns:
  there they are filled with the median, a discrete column beside marks them, and sampled rows lose the value again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
from common import Peer, Task, main, numeric_columns
from ctgan import CTGAN

FLAG = "{} is missing"


def fit(task: Task) -> tuple[Callable[[int], pd.DataFrame], dict[str, Any]]:
    """Fit CTGAN to the table."""
    if task.epsilon is not None:
        raise SystemExit("ctgan has no privacy: --epsilon none")
    table = task.train.copy()
    numeric = numeric_columns(task.domain)
    gaps = [name for name in numeric if table[name].isna().any()]
    for name in gaps:
        table[FLAG.format(name)] = table[name].isna().map({True: "yes", False: "no"})
        table[name] = table[name].fillna(table[name].median())
    model = CTGAN()
    model.set_random_state(task.seed)
    model.fit(table, [name for name in table.columns if name not in numeric])

    def sample(n: int) -> pd.DataFrame:
        rows = model.sample(n)
        for name in gaps:
            rows[name] = rows[name].mask(rows[FLAG.format(name)] == "yes")
        return rows[list(task.train.columns)]

    return sample, {"epsilon_total": None}


if __name__ == "__main__":
    main(Peer("ctgan", ("CTGAN",), fit, ("torch", "rdt")), __doc__.splitlines()[0])
