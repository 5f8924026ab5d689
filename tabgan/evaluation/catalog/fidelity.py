"""Entries of the group ``fidelity``: against real rows, and against what was released of them."""

from __future__ import annotations

from functools import partial

from tabgan.evaluation.catalog.entry import Entry

#: Columns that SDMetrics is given, at most: its time grows with the square of their number.
MAX_QUALITY_COLUMNS = 60

#: Columns that pairs are taken of for associations, at most.
MAX_ASSOCIATED = 100

#: Parts of equal size that numbers are cut into for distances.
QUANTILES = 20

#: Share of the real rows up to which a category is rare, and rows that should hold it all the same. A table of
#: that share lacks such a category with a probability of exp(-5), below 1%.
RARE_SHARE, MIN_EXPECTED = 0.01, 5

_DRAWN = f"Of more than {MAX_QUALITY_COLUMNS} columns, so many are drawn."
_EQUAL = "The reference is what equally many held-out real rows score."
_NEAR = "Close to the reference, which is not 0 because samples of one table differ too."
_PRIVATE = (
    "Private metric, released with noise for an epsilon of its own: share of rows that would have to move for the "
    "synthetic table to have the real one's {what}, on average. The interval is of the noise. The reference is what "
    "two samples of one table, as large as these, show by chance."
)

_entry = partial(Entry, group="fidelity")
_on_rows = partial(_entry, reference="holdout")
_released = partial(_entry, direction="lower", format="distance", reference="chance", editions="shareable")


def _tvd(order: int, what: str, headline: str | None = None) -> Entry:
    return _on_rows(
        name=f"tvd{order}",
        label=f"Total variation distance, {what}",
        direction="lower",
        format="distance",
        meaning=f"Share of rows that would have to move for the synthetic table to have the real one's {what}, on "
        f"average; numbers are cut at the real rows' {QUANTILES}-quantiles, missing is a value. {_EQUAL}",
        good=_NEAR,
        told=f"mean total variation distance of {what}",
        gate="at_most",
        headline=headline,
    )


def _private(order: int, what: str) -> Entry:
    return _released(
        name=f"tvd{order}_private",
        label=f"Distance of {what}",
        meaning=_PRIVATE.format(what=what),
        good=_NEAR,
        told=f"distance of {what} by the model's codes, for `private_metrics_epsilon`",
        source="[privacy.md](privacy.md)",
    )


ENTRIES = (
    _on_rows(
        name="shapes",
        label="Column shapes",
        direction="higher",
        format="score",
        meaning="How alike single columns are, from 0 to 1: SDMetrics' Column Shapes, the mean of 1 less the "
        f"Kolmogorov-Smirnov or total variation distance. {_DRAWN} {_EQUAL}",
        good="As high as the reference; above 0.95 histograms look alike to the eye.",
        told="SDMetrics' column shapes",
        source="sdmetrics",
        gate="at_least",
        headline="shapes",
    ),
    _on_rows(
        name="trends",
        label="Column pair trends",
        direction="higher",
        format="score",
        meaning="How alike correlations and contingency tables are, from 0 to 1: SDMetrics' Column Pair Trends, the "
        f"mean over the pairs that are clearly related in the real table. {_DRAWN} {_EQUAL}",
        good="As high as the reference.",
        told="SDMetrics' column pair trends",
        source="sdmetrics",
        gate="at_least",
        headline="trends",
    ),
    _tvd(1, "single columns"),
    _tvd(2, "pairs of columns", headline="pairs TVD"),
    _tvd(3, "triples of columns"),
    _on_rows(
        name="correlations",
        label="Difference of correlations",
        direction="lower",
        format="distance",
        meaning="How far the strength with which two columns go together, from -1 to 1, is off in the synthetic table, "
        "on average over all pairs: rank correlation of numbers, correlation ratio of numbers and categories, "
        f"Cramer's V of categories. Of more than {MAX_ASSOCIATED} columns, so many are drawn. The reference is what "
        "equally many held-out real rows score.",
        good="Close to the reference. A table of shuffled columns is off by as much as the real columns go together.",
        told="mean difference of associations: rank correlation, correlation ratio, Cramér's V without its bias",
        source="Bergsma (2013)",
        range=(0.0, 2.0),
        gate="at_most",
    ),
    _on_rows(
        name="rare_categories",
        label="Rare categories that are kept",
        direction="higher",
        format="percent",
        meaning="Of the categories that at most 1% of the real rows hold, share that occur in the synthetic table at "
        f"all. Only categories that {MIN_EXPECTED} rows or more of so large a table should hold are counted. {_EQUAL}",
        good="Close to the reference. Less means that small groups of people are lost; noise for privacy costs them "
        "first.",
        told="categories of at most 1% of the rows that are still there",
        gate="at_least",
    ),
    _entry(
        name="c2st",
        label="Detection",
        direction="none",
        format="score",
        meaning="How well a model tells synthetic rows from equally many held-out real ones: ROC AUC of "
        "gradient-boosted trees on rows that they have not learnt from. The interval is over those rows.",
        good="0.5: they cannot be told apart. 1 means that every row gives itself away; the columns say by what.",
        told="ROC AUC of boosted trees that tell synthetic from held-out rows; columns by what their shuffling costs "
        "it",
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
        meaning=f"Share of synthetic rows that occur more than once in the synthetic table. {_EQUAL}",
        good="Close to the reference: more means that the table lacks variety.",
        told="rows that occur more than once",
        gate="at_most",
    ),
    _released(
        name="tvd1_released",
        label="Distance from the released distributions of columns",
        meaning="Share of synthetic rows that would have to move for a column to have the distribution that was "
        "released of it with noise, on average. The reference is what as many rows drawn from the released "
        "distributions show by chance.",
        good="Close to the reference: the table then says of single columns what was released of them.",
        told="distance from the released distributions of columns",
    ),
    _private(1, "single columns"),
    _private(2, "pairs of columns"),
    _private(3, "triples of columns"),
    _entry(
        name="repeated_rows",
        label="Repeated rows",
        direction="none",
        format="percent",
        meaning="Share of synthetic rows that occur more than once in the synthetic table.",
        good="Few where rows have many columns with many values; many where the table is narrow.",
        told="rows that occur more than once",
        editions="shareable",
    ),
)
