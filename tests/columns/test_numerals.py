"""Forms in which text writes numbers are told apart, read, and written back."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tabgan.columns import numerals
from tabgan.columns.multiples import PARTS
from tabgan.columns.numerals import form_of, form_of_all, shape_of
from tabgan.errors import SchemaError
from tabgan.schema import Numeric, Schema
from tabgan.table.draft import draft_schema

EXAMPLES = sorted({example for _, example, _ in numerals.forms()})


@pytest.mark.parametrize(
    ("text", "example", "value"),
    [
        ("1,234", "1,234.5", 1234),
        ("12,345,678.25", "1,234.5", 12_345_678.25),
        ("950", "1,234.5", 950),
        ("92,50", "1234,5", 92.5),
        ("1.234,56", "1.234,5", 1234.56),
        ("1\u202f234,5", "1\u202f234,5", 1234.5),
        ("1 234", "1 234.5", 1234),
        ("1'234.50", "1'234.5", 1234.5),
        ("12.5%", "1234.5%", 12.5),
        ("12,5 %", "1234,5 %", 12.5),
        ("$1.00", "$1234.5", 1),
        ("-$1,000.00", "$1,234.5", -1000),
        ("$-5", "$1234.5", -5),
        ("1.00 €", "1234.5 €", 1),
        ("1.234,50\u00a0€", "1.234,5\u00a0€", 1234.5),
        ("7.03E+03", "1.23E+03", 7030),
        ("-1.5E-02", "1.2E+03", -0.015),
        ("−3,5", "1234,5", -3.5),
    ],
)
def test_a_form_reads_what_is_of_it(text, example, value):
    assert form_of(example).read(text) == value
    assert example in {e for shape, e, further in numerals.forms() if shape_of(text) in (shape, *further)}


@pytest.mark.parametrize(
    "text",
    [
        "01002",
        "1E2",
        "1e5",
        "1,2,3",
        "12,34,567",
        "01,5",
        "1.2.3",
        "<1",
        "5+",
        "",
        "$",
        "%",
        "٣,5",
        "1,234,",
        "--5,0",
    ],
)
def test_codes_and_other_text_are_no_numbers_of_a_form(text):
    assert shape_of(text) is None


def test_text_that_is_not_of_the_form_is_no_number():
    form = form_of("1,234.5")
    assert all(
        np.isnan(form.read(text)) for text in ("1.234,5", "12,5", "x", "", "$1", "1,234.5%", "9" * 400)
    )


@given(example=st.sampled_from(EXAMPLES), cents=st.integers(-(10**9), 10**9))
def test_what_is_written_is_read(example, cents):
    form = form_of(example)
    text = form.write(cents / 100, 2)
    expected = float(f"{cents / 100:.{form.mantissa}E}") if form.mantissa else cents / 100
    assert form.read(text) == expected


#: Examples of forms with other signs than a hyphen in front.
SIGNED = [
    *(
        "(1,234.5)",
        "($1,234.5)",
        "$(1,234.5)",
        "(1234.5%)",
        "(1234,5) %",
        "1.234,5-",
        "1.234,5- €",
        "1,234.5 USD-",
    ),
    *(
        "−1234,5",
        "€ −1.234,5",
        "€ -1.234,5",
        "$-1,234.5",
        "+1234.5",
        "+1234.5%",
        "$+1,234.5",
        "±1234,5",
        "$±1234.5",
    ),
]


@pytest.mark.parametrize(
    ("text", "example", "value"),
    [
        ("(1,234.56)", "(1,234.5)", -1234.56),
        ("(818.05)", "1,234.5", -818.05),
        ("1,234-", "1,234.5-", -1234),
        ("−5", "−1234.5", -5),
        ("+5", "+1234.5", 5),
        ("($5.00)", "($1,234.5)", -5),
        ("$(5)", "$1234.5", -5),
        ("5,00- €", "1.234,5- €", -5),
        ("€ -1.234,50", "€ -1.234,5", -1234.5),
        ("EUR 1.234,50", "EUR 1.234,5", 1234.5),
        ("12.00 USD", "1234.5 USD", 12),
        ("+1,5 %", "1234,5 %", 1.5),
    ],
)
def test_signs_are_read_in_every_form(text, example, value):
    assert form_of(example).read(text) == value
    assert shape_of(text) is not None


@given(example=st.sampled_from(EXAMPLES + SIGNED), cents=st.integers(-(10**9), 10**9))
def test_text_comes_back_as_it_was(example, cents):
    form = form_of(example)
    text = form.write(cents / 100, 2)
    assert form.example == example
    assert form.write(form.read(text), 2) == text
    style, decimals = form.written(text)
    if cents and not form.mantissa:
        assert decimals == 2
        assert style == (form.negative if cents < 0 else form.positive)


@pytest.mark.parametrize(
    "text", ["(5", "5)", "(-5)", "-(5)", "5-", "3--", "+-5", "(5)-", "+4915112345678", "5+"]
)
def test_other_signs_are_text(text):
    """2- may be a grade, and many digits after a plus are a telephone number."""
    assert shape_of(text) is None


@pytest.mark.parametrize("example", SIGNED)
def test_a_vote_finds_the_signs(example):
    form = form_of(example)
    plain = replace(form, negative=1, positive=0)
    numbers = np.random.default_rng(0).normal(0, 3_000, 2_000).round(2)
    column = Numeric(name="x", format=plain.example, dtype="object")
    cells = pd.Series([form.write(value, 2) for value in numbers], dtype=object)
    vote = column.precision_counts(cells)
    assert vote.sum() == len(cells)
    noise = np.random.default_rng(1).normal(0, 20, len(vote))
    found = column.with_voted_precision(vote + noise, 90.0, 55.0)
    assert (found.format, found.decimals) == (example, 2)
    declared = Numeric(name="x", format="(1,234.5)", dtype="object")
    assert declared.with_voted_precision(vote + noise, 90.0, 55.0).format == "(1,234.5)"


def test_a_few_signs_do_not_count():
    """Noise never changes how all others are written."""
    column = Numeric(name="x", format="1,234.5", dtype="object")
    vote = column.precision_counts(
        pd.Series([*["1,234.50"] * 500, *["(3.00)"] * 40, *["+3.00"] * 300], dtype=object)
    )
    assert column.with_voted_precision(vote, 90.0, 55.0).format == "1,234.5"
    assert column.with_voted_precision(vote, 0.0, 0.0).format == "(1,234.5)"


@pytest.mark.parametrize(
    "example",
    [
        "1,234",
        "1234",
        "x",
        "1.234.5",
        "+1234.5)",
        "(1234.5",
        "+(1234.5)",
        "1,23E+03",
        " 1234.5",
        "1235.5",
        "1e3",
    ],
)
def test_an_example_of_another_number_is_refused_in_words(example):
    if example == "1,23E+03":
        assert form_of(example).read("7,03E+03") == 7030
        return
    with pytest.raises(SchemaError, match="expected the number 1234.5 as the column writes it"):
        Numeric(name="x", format=example)


def test_a_format_survives_yaml():
    schema = Schema([Numeric(name="x", format="1\u202f234,5 €"), Numeric(name="y", format="$1,234.5")])
    assert Schema.from_yaml(schema.to_yaml()) == schema


@pytest.mark.parametrize(
    ("texts", "example"),
    [
        (["1,234", "950"], "1,234.5"),
        (["1,234", "950", "12,5"], "1234,5"),
        (["1.234,5", "950"], "1.234,5"),
        (["1.234", "950"], None),
        (["12.5%", "7%"], "1234.5%"),
        (["1,234", "unknown"], None),
    ],
)
def test_a_draft_names_the_form(texts, example):
    assert form_of_all(texts) == example
    column = draft_schema(pd.DataFrame({"x": texts * 2}))["x"]
    assert getattr(column, "format", None) == example


def test_unique_prices_are_no_keys():
    assert draft_schema(pd.DataFrame({"x": [f"${n}.50" for n in range(40)]}))["x"].kind == "numeric"


def test_a_column_of_text_is_encoded_and_written_in_its_form():
    column = Numeric(name="x", dtype="object", format="1.234,5 €", bounds=(-2000, 2000), decimals=2)
    series = pd.Series(["1.234,50 €", None, "-0,07 €", "n/k"], dtype=object)
    encoder = column.lattice_encoder(np.array([-200_000, -7, -6, 123_450, 123_451, 200_001]))
    cells = encoder.transform(series)
    assert (cells == 0).tolist() == [False, True, False, True]
    back = encoder.inverse_transform(cells, np.random.default_rng(0))
    assert back.tolist() == ["1.234,50 €", None, "-0,07 €", None]


def test_decimals_are_those_that_are_written():
    column = Numeric(name="x", dtype="object", format="$1,234.5")
    series = pd.Series(["$5.00", "$1,000.00", "$7", "x", None, "$0.1234567"], dtype=object)
    counts = column.precision_counts(series).tolist()
    assert (counts[PARTS.index(1)], counts[PARTS.index(100)], counts[len(PARTS)]) == (1, 2, 1)
    assert sum(counts) == 4
