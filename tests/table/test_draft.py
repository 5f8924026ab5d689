from __future__ import annotations

import datetime as dt
import sys

import numpy as np
import pandas as pd
import pytest

from tabgan.errors import DataError
from tabgan.schema import Schema
from tabgan.table.draft import DOMAIN_NOTICE, NOTICE, draft_schema, draft_yaml
from tabgan.table.headings import name_of
from tabgan.table.proposals import propose


def _kind(values, name="x", **options) -> str:
    return draft_schema(pd.DataFrame({name: values}))[name].kind


class TestKinds:
    @pytest.mark.parametrize(
        ("values", "kind"),
        [
            ([1, 2, 2], "numeric"),
            ([1.5, np.nan], "numeric"),
            ([True, False], "boolean"),
            ([True, None], "boolean"),
            (["a", "b", "a"], "categorical"),
            (pd.Categorical([1, 2, 1]), "categorical"),
            (pd.to_datetime(["2024-01-01", None]), "datetime"),
            ([dt.date(2024, 1, 1), None], "datetime"),
            ([dt.datetime(2024, 1, 1, 5)], "datetime"),
            ([None, None], "categorical"),
        ],
    )
    def test_by_values(self, values, kind):
        assert _kind(values) == kind

    @pytest.mark.parametrize(
        ("text", "format_"),
        [
            ("2024-01-31", "%Y-%m-%d"),
            ("2024-01-31 10:20:30", "%Y-%m-%d %H:%M:%S"),
            ("2024-01-31T10:20:30", "%Y-%m-%dT%H:%M:%S"),
            ("31.01.2024", "%d.%m.%Y"),
        ],
    )
    def test_moments_in_text(self, text, format_):
        column = draft_schema(pd.DataFrame({"x": [text, text, None]}))["x"]
        assert (column.kind, column.format) == ("datetime", format_)

    def test_one_other_text_and_it_is_no_moment(self):
        assert _kind(["2024-01-31", "2024-01-31", "unknown"]) == "categorical"


class TestIdentifiers:
    def test_unique_text(self):
        column = draft_schema(pd.DataFrame({"x": [f"k{i * 37}" for i in range(50)]}))["x"]
        assert (column.kind, column.pattern) == ("identifier", "ID{:06d}")

    def test_unique_text_in_a_handful_of_rows_is_none(self):
        assert _kind(["Ulm", "Bonn", "Kiel"]) == "categorical"

    @pytest.mark.parametrize("name", ["id", "customer_id", "ID", "user-key", "nr"])
    def test_unique_integers_that_are_named_like_a_key(self, name):
        assert _kind([5, 3, 9], name) == "identifier"

    @pytest.mark.parametrize("name", ["paid", "grid", "monkey"])
    def test_part_of_a_word_is_no_key(self, name):
        assert _kind([5, 3, 9], name) == "numeric"

    def test_integers_that_count_upwards(self):
        assert _kind(range(100, 150)) == "identifier"
        assert _kind(np.random.default_rng(0).permutation(50)) == "numeric"

    def test_a_key_that_repeats_is_none(self):
        assert _kind([5, 5, 9], "id") == "numeric"


class TestDomain:
    def test_nothing_of_the_rows_stands_in_a_draft(self, people):
        text = draft_yaml(draft_schema(people))
        assert text.startswith(NOTICE)
        for value in ("Ulm", "Zanzibar", "bounds", "nullable:", "decimals:", "categories:"):
            assert value not in text.removeprefix(NOTICE)

    def test_one_row_more_changes_no_draft(self, people):
        more = pd.concat([people, people.tail(1).assign(age=121, town="Elsewhere")])
        assert draft_schema(more) == draft_schema(people)

    def test_with_domain(self, people):
        schema = draft_schema(people, with_domain=True)
        assert schema["age"].bounds == (people["age"].min(), people["age"].max())
        assert schema["income"].decimals == 2
        assert schema["town"].categories == tuple(sorted(people["town"].unique()))
        assert schema.is_complete
        assert draft_yaml(schema, with_domain=True).startswith(NOTICE + DOMAIN_NOTICE)

    def test_with_domain_of_moments(self):
        df = pd.DataFrame(
            {"a": ["2024-01-31", "2023-01-01"], "b": pd.to_datetime(["2024-01-31 10:00", None])}
        )
        schema = draft_schema(df, with_domain=True)
        assert schema["a"].bounds == ("2023-01-01T00:00:00", "2024-01-31T00:00:00")
        assert (schema["a"].resolution, schema["b"].resolution) == ("day", "second")

    @pytest.mark.parametrize("with_domain", [False, True])
    def test_yaml_round_trip(self, people, with_domain):
        df = people.assign(
            no=[True, False] * 100, day="2024-01-31", key=[f"k{i}" for i in range(200)], empty=None
        )
        schema = draft_schema(df, with_domain=with_domain, target="town")
        assert Schema.from_yaml(draft_yaml(schema, with_domain=with_domain)) == schema

    @pytest.mark.parametrize("labels", [[3, 5], [("size", 2), ("size", 3)], ["a", 7]])
    def test_labels_that_are_no_text_become_names(self, labels):
        df = pd.DataFrame({0: [1.5, 2.5, 4.0], 1: ["u", "v", "u"]})
        df.columns = pd.MultiIndex.from_tuples(labels) if isinstance(labels[0], tuple) else labels
        names = [name_of(label) for label in labels]
        assert draft_schema(df).names == propose(df).schema.names == names

    def test_unusable_table(self):
        with pytest.raises(DataError):
            draft_schema(pd.DataFrame({"a": [[1], [2]]}))


class TestTextOfACsv:
    """A draft reads cells as a fit does: 18 and 19."""

    @pytest.mark.parametrize(
        ("cells", "kind", "dtype"),
        [
            (["1", "2", "NA", "2"], "numeric", "Int64"),
            (["1.5", "2"], "numeric", "float64"),
            (["1"] * 19 + ["many"], "numeric", None),
            (["1"] * 3 + ["many"], "categorical", "object"),
            (["true", "False", None], "boolean", "boolean"),
            (["1 days 02:00:00", "P1D"], "duration", "timedelta64[ns]"),
            (["NA", "None"], "categorical", "object"),
            (["01002", "01003"], "categorical", "object"),
            ([f"{i:02d}" for i in range(1, 100)] * 2, "categorical", "object"),
            (["01.11", *[f"{i}.{i}0" for i in range(10, 40)]] * 2, "categorical", "object"),
            (["2020-01-01", "9999-12-31"], "datetime", "object"),
            ([str(i) for i in range(30)], "identifier", "Int64"),
            ([f"{i * i}.25" for i in range(30)], "numeric", "float64"),
            ([f"k{i}" for i in range(30)], "identifier", "object"),
        ],
    )
    def test_kinds(self, cells, kind, dtype):
        df = pd.DataFrame({"x": pd.Series(cells, dtype=object)})
        for with_domain in (False, True):
            schema = draft_schema(df, untyped_text=True, with_domain=with_domain)
            assert (schema["x"].kind, schema["x"].dtype) == (kind, dtype)
            assert Schema.from_yaml(draft_yaml(schema, with_domain=with_domain)) == schema

    def test_with_domain(self):
        df = pd.DataFrame({"n": ["3", "NA", "12"], "t": ["NA", "x", "x"]})
        schema = draft_schema(df, untyped_text=True, with_domain=True)
        assert schema["n"].bounds == (3, 12)
        assert schema["t"].categories == ("NA", "x")


@pytest.mark.parametrize(
    "cells",
    [
        [dt.date(9999, 12, 31), dt.date(2020, 1, 1)],
        [dt.datetime(1, 1, 1)],
        [1e308, -1e308],
        [10**400, 1],
    ],
)
def test_a_domain_that_no_schema_declares_is_left_open(cells):
    df = pd.DataFrame({"x": pd.Series(cells, dtype=object)})
    schema = draft_schema(df, with_domain=True)
    assert Schema.from_yaml(schema.to_yaml()) == schema


def test_the_old_place():
    sys.modules.pop("tabgan.draft", None)
    with pytest.warns(FutureWarning, match=r"tabgan\.table\.draft"):
        import tabgan.draft
    assert tabgan.draft.draft_schema is draft_schema
