"""Entries of the group ``validity``."""

from __future__ import annotations

from functools import partial

from tabgan.evaluation.catalog.entry import Entry

_STORED = " If the schema does not say, the real table's dtypes apply."
_READ_OFF = (
    " Judged by the column's declaration; anything undeclared is read off the real and the holdout rows."
)
_BY_SCHEMA = " Judged by the schema: its declarations, completed by values released with noise."

_entry = partial(
    Entry, group="validity", direction="higher", format="percent", gate="at_least", editions="both"
)
_of_cells = partial(_entry, on_rows=_READ_OFF, on_releases=_BY_SCHEMA)

ENTRIES = (
    _of_cells(
        name="validity",
        label="Valid cells",
        meaning="Share of synthetic cells that are of their column's kind, within its bounds, precision and "
        "categories, and missing only where that is allowed.",
        good="100% if the schema declares everything. If not, a value just outside the range of the rows may be right.",
        told="cells of their column's kind, within bounds, precision and categories, missing only where allowed",
        headline="valid",
    ),
    _of_cells(
        name="types",
        label="Cells of the right kind",
        meaning="Share of the synthetic cells, missing ones and identifiers apart, that are of their column's kind: "
        "numbers in a column of numbers, moments in a column of moments, text where categories are text.",
        good="100%: a program can read every cell of the table.",
        told="cells of their column's kind",
    ),
    _of_cells(
        name="bounds",
        label="Within bounds",
        meaning="Share of synthetic numbers and moments between the smallest and the largest value that their column "
        "may hold.",
        good="100%: no age of 200, no date in the future.",
        told="numbers and moments within bounds",
    ),
    _of_cells(
        name="precision",
        label="Within precision",
        meaning="Share of synthetic numbers with no more decimal places than their column has, and of moments in whole "
        "days or seconds if their column's are.",
        good="100%: no amount with fractions of a cent.",
        told="numbers and moments as precise as their column",
    ),
    _of_cells(
        name="categories",
        label="Known categories",
        meaning="Share of synthetic cells in categorical columns that hold a category allowed in their column.",
        good="100%: no category is made up.",
        told="cells with a category allowed in their column",
    ),
    _of_cells(
        name="missing_policy",
        label="Missing only where allowed",
        meaning="Share of synthetic cells that are present, in columns that must not have missing values.",
        good="100%: every mandatory cell is filled in.",
        told="cells present where none may be missing",
    ),
    _entry(
        name="dtypes",
        label="Columns of the right dtype",
        meaning="Share of columns stored with the schema's dtype: as whole numbers, text, dates and so on.",
        good="100%: code that runs on the real table runs on the synthetic one.",
        told="columns stored as declared",
        on_rows=_STORED,
        on_releases=_BY_SCHEMA,
    ),
    _entry(
        name="unique_ids",
        label="Unique identifiers",
        meaning="Share of rows whose identifier is present and not used by another row; the worst column where there "
        "are several.",
        good="100%: each key identifies one row.",
        told="identifiers present and unique",
    ),
    _entry(
        name="rules",
        label="Rows that keep every rule",
        meaning="Share of synthetic rows that keep every rule, such as a start no later than its end. A row with a "
        "missing value keeps any comparison with it. Rules in the schema of a fit hold in all of its rows; others are "
        "only checked.",
        good="100% if every real row keeps the rules; rows that break one can be dropped before the table is used.",
        told='rows that keep every rule: `Inequality("start", "end")`, `FixedCombinations(("city", "zip"))`; those of '
        "the schema are enforced, others checked",
        needs="rules",
    ),
    Entry(
        name="diagnostic",
        label="SDMetrics diagnostic",
        group="validity",
        direction="higher",
        format="percent",
        meaning="The overall score of the Diagnostic Report of SDMetrics, for comparison with other generators: the "
        "mean of Data Validity (values between the real table's smallest and largest, known categories, unique keys) "
        "and Data Structure (the same columns, with the schema's dtype or else the real table's). The reference is the "
        "score of the holdout rows.",
        good="100%, or the reference if lower: a few holdout rows lie outside the training rows' range, too.",
        told="SDMetrics' diagnostic report",
        source="sdmetrics",
        reference="holdout",
        gate="at_least",
    ),
)
