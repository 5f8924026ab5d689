"""Entries of the group ``validity``."""

from __future__ import annotations

from functools import partial

from tabgan.evaluation.catalog.entry import Entry

_STORED = " Where the schema does not say, they are to be stored as in the real table."
_READ_OFF = (
    " Judged by what was declared of a column; what was not is read off the real rows, held-out ones too."
)
_BY_SCHEMA = (
    " Judged by the schema: what was declared, and where it was completed, what was released with noise."
)

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
        good="100% where the schema declares all. Where it does not, a value just outside of what the rows hold may be "
        "right.",
        told="cells of their column's kind, within bounds, precision, categories, missing only where allowed",
        headline="valid",
    ),
    _of_cells(
        name="types",
        label="Cells of the right kind",
        meaning="Share of synthetic cells, of those that are not missing, that are what their column holds: numbers in "
        "a column of numbers, moments in a column of moments, text where categories are text. Identifiers are left "
        "out.",
        good="100%: a program that reads the table finds nothing that it cannot read.",
        told="cells of their column's kind",
    ),
    _of_cells(
        name="bounds",
        label="Within bounds",
        meaning="Share of synthetic numbers and moments that are neither below the smallest nor above the largest "
        "value that their column may hold.",
        good="100%: no age of 200, no date in the future.",
        told="numbers and moments within bounds",
    ),
    _of_cells(
        name="precision",
        label="Within precision",
        meaning="Share of synthetic numbers with no more decimal places than their column has, and of moments that are "
        "whole days or seconds where their column's are.",
        good="100%: no amount with fractions of a cent.",
        told="numbers and moments as precise as their column",
    ),
    _of_cells(
        name="categories",
        label="Known categories",
        meaning="Share of synthetic cells in columns of categories that hold one of the categories that their column "
        "may hold.",
        good="100%: no category is made up.",
        told="categories that the column may hold",
    ),
    _of_cells(
        name="missing_policy",
        label="Missing only where allowed",
        meaning="Share of synthetic cells that are present, in columns that must not have missing values.",
        good="100%: what has to be filled in is filled in.",
        told="cells present where none may be missing",
    ),
    _entry(
        name="dtypes",
        label="Columns of the right dtype",
        meaning="Share of columns that are stored as the schema says: as whole numbers, text, dates and so on.",
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
        good="100%: a key names one row.",
        told="identifiers present and unique",
    ),
    _entry(
        name="rules",
        label="Rows that keep every rule",
        meaning="Share of synthetic rows that keep every rule that was given, such as a start that is not after its "
        "end. A row in which a compared value is missing keeps the comparison. Rules are only checked: the sampler "
        "does not enforce them.",
        good="100% where every real row keeps the rules; rows that break one can be dropped before the table is used.",
        told='rows that keep every rule: `Inequality("start", "end")`, `FixedCombinations(("city", "zip"))`; checked, '
        "not enforced",
        needs="rules",
    ),
    Entry(
        name="diagnostic",
        label="SDMetrics diagnostic",
        group="validity",
        direction="higher",
        format="percent",
        meaning="The overall score of the Diagnostic Report of SDMetrics, a library that others report too: the mean "
        "of Data Validity (values between the real table's smallest and largest, categories that it has, unique keys) "
        "and Data Structure (the same columns, stored as the schema says or else as in the real table). The reference "
        "is what the held-out real rows score.",
        good="100%, or the reference where that is lower: a few real rows that were held out lie outside of the "
        "others' range too.",
        told="SDMetrics' diagnostic report",
        source="sdmetrics",
        reference="holdout",
        gate="at_least",
    ),
)
