"""Entries of the group ``fidelity``: comparisons with real rows, and with statistics released of them."""

from __future__ import annotations

from functools import partial

from tabgan.evaluation.catalog.entry import Entry

#: Largest number of columns passed to SDMetrics: its time grows with the square of their number.
MAX_QUALITY_COLUMNS = 60

#: Largest number of columns whose pairs are compared for associations.
MAX_ASSOCIATED = 100

#: Number of equally large bins of numbers, for distances.
QUANTILES = 20

#: Largest share of the real rows that hold a rare category, and the expected number of rows that counts it. A table
#: expected to hold that many lacks the category with a probability of exp(-5), below 1%.
RARE_SHARE, MIN_EXPECTED = 0.01, 5

_DRAWN = f"If there are more than {MAX_QUALITY_COLUMNS} columns, that many are drawn at random."
_EQUAL = "The reference is the score of equally many holdout rows."
_NEAR = "Close to the reference, which is not 0 because two samples of one table differ, too."
_MOVED = (
    "share of rows that would have to move for the synthetic table to match the real one's {what}, on average"
)
_REPEATED = "Share of synthetic rows that occur more than once in the synthetic table."

#: Tables of counts that are compared, by their number of columns.
_ORDERS = {1: "single columns", 2: "pairs of columns", 3: "triples of columns"}

_entry = partial(Entry, group="fidelity")
_on_rows = partial(_entry, reference="holdout")
_released = partial(_entry, direction="lower", format="distance", reference="chance", editions="shareable")


def _sdmetrics(name: str, label: str, meaning: str, good: str) -> Entry:
    return _on_rows(
        name=name,
        label=label,
        direction="higher",
        format="score",
        meaning=f"Similarity of {meaning}. {_DRAWN} {_EQUAL}",
        good=good,
        told=f"SDMetrics' {label.lower()}",
        source="sdmetrics",
        gate="at_least",
        headline=name,
    )


def _tvd(order: int, what: str) -> Entry:
    return _on_rows(
        name=f"tvd{order}",
        label=f"Total variation distance, {what}",
        direction="lower",
        format="distance",
        meaning=f"{_MOVED.format(what=what).capitalize()}; numbers are binned at the real rows' {QUANTILES}-quantiles, "
        f"missing is a value. {_EQUAL}",
        good=_NEAR,
        told=f"mean total variation distance of {what}",
        gate="at_most",
        headline="pairs TVD" if order == 2 else None,
    )


def _private(order: int, what: str) -> Entry:
    return _released(
        name=f"tvd{order}_private",
        label=f"Distance of {what}",
        meaning=f"Private metric, released with noise for an epsilon of its own: {_MOVED.format(what=what)}. The "
        "interval covers the noise. The reference is the distance by chance of two samples of one table, as large as "
        "these.",
        good=_NEAR,
        told=f"distance of {what} by the model's codes, for `private_metrics_epsilon`",
        source="[privacy.md](privacy.md)",
    )


ENTRIES = (
    _sdmetrics(
        "shapes",
        "Column shapes",
        "single columns, from 0 to 1: SDMetrics' Column Shapes, the mean of 1 minus the Kolmogorov-Smirnov or total "
        "variation distance",
        "As high as the reference; above 0.95 histograms look alike to the eye.",
    ),
    _sdmetrics(
        "trends",
        "Column pair trends",
        "correlations and contingency tables, from 0 to 1: SDMetrics' Column Pair Trends, the mean over the pairs that "
        "are clearly related in the real table",
        "As high as the reference.",
    ),
    *(_tvd(order, what) for order, what in _ORDERS.items()),
    _on_rows(
        name="correlations",
        label="Difference in correlations",
        direction="lower",
        format="distance",
        meaning="Mean error of the synthetic table in the strength of association of two columns, from -1 to 1, over "
        "all pairs: rank correlation of numbers, correlation ratio of numbers and categories, Cramer's V of "
        f"categories. If there are more than {MAX_ASSOCIATED} columns, that many are drawn at random. {_EQUAL}",
        good="Close to the reference. A table of shuffled columns is off by the full strength of real associations.",
        told="mean difference of associations: rank correlation, correlation ratio, Cramér's V without its bias",
        source="Bergsma (2013)",
        range=(0.0, 2.0),
        gate="at_most",
    ),
    _on_rows(
        name="rare_categories",
        label="Rare categories kept",
        direction="higher",
        format="percent",
        meaning="Share of the categories held by at most 1% of the real rows that occur in the synthetic table at all. "
        f"Only categories expected in {MIN_EXPECTED} or more rows of a table of this size are counted. {_EQUAL}",
        good="Close to the reference. Less means that small groups of people are lost; privacy noise affects them "
        "first.",
        told="categories of at most 1% of the rows that still occur",
        gate="at_least",
    ),
    _entry(
        name="c2st",
        label="Detection",
        direction="none",
        format="score",
        meaning="ROC AUC of gradient-boosted trees that tell synthetic rows from equally many holdout rows, on rows "
        "that they were not trained on. The interval is over those rows.",
        good="0.5: they cannot be told apart. 1 means that every row gives itself away; the columns show the cause.",
        told="ROC AUC of boosted trees that tell synthetic rows from holdout rows; for each column, its loss when the "
        "column is shuffled",
        source="Lopez-Paz & Oquab (2017)",
        reference="chance",
        best=0.5,
        verdict="score",
        gate="at_most",
    ),
    _on_rows(
        name="duplicates",
        label="Repeated rows",
        direction="none",
        format="percent",
        meaning=f"{_REPEATED} {_EQUAL}",
        good="Close to the reference: more means that the table lacks variety.",
        told="rows that occur more than once",
        gate="at_most",
    ),
    _released(
        name="tvd1_released",
        label="Distance from the released distributions of columns",
        meaning="Share of synthetic rows that would have to move for a column to have its released, noisy "
        "distribution, on average. The reference is the distance by chance of as many rows drawn from the released "
        "distributions.",
        good="Close to the reference: the table's columns then follow their released distributions.",
        told="distance from the released distributions of columns",
    ),
    *(_private(order, what) for order, what in _ORDERS.items()),
    _entry(
        name="repeated_rows",
        label="Repeated rows",
        direction="none",
        format="percent",
        meaning=_REPEATED,
        good="Near 0 in a table of many columns with many values; more in a narrow table.",
        told="rows that occur more than once",
        editions="shareable",
    ),
)
