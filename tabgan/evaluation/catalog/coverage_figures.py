"""Entries of the group ``coverage``: the rows of the original that a synthetic table cannot show."""

from __future__ import annotations

from functools import partial

from tabgan.evaluation.catalog.entry import Entry

_entry = partial(Entry, group="coverage", direction="lower", format="percent")
_on_rows = partial(_entry, reference="holdout", gate="at_most")

ENTRIES = (
    _on_rows(
        name="missing_rows",
        label="Rows with a value that no synthetic row shows",
        meaning="Share of the real rows that hold, in at least one column, a category that no synthetic row shows, or "
        "any value of a column that is empty or constant in the synthetic table. The reference is the same share for "
        "the holdout rows in the synthetic table's place, at most as many as it has.",
        good="Close to the reference. More means that these people, or this part of them, cannot be studied with the "
        "table.",
        told="rows that hold a category that no synthetic row shows, or a value of a column that is empty or constant "
        "there",
    ),
    _on_rows(
        name="lost_columns",
        label="Columns that are empty or constant",
        meaning="Share of the columns with several values in the real table that have one value or none in the "
        "synthetic table. The reference is the same share for the holdout rows.",
        good="No more than the reference: every column that varies in the real table varies in the synthetic one.",
        told="columns that vary in the real table and are empty or constant in the synthetic one",
    ),
    _entry(
        name="missing_rows_released",
        label="Rows with a value that was not released",
        meaning="Noisy share of the original's rows that hold a value that was not released, in the column with most "
        "of them; follows from released numbers. Shares below 1% are not reported. The share over all columns "
        "together is about this or more, up to the sum of the columns' shares.",
        good="Near 0: the released values then cover nearly all rows.",
        told="noisy share of the rows that hold a value that was not released, in the column with most of them",
        editions="shareable",
    ),
)
