"""Plans: they read nothing, cost nothing, and state the noise that a fit then charges."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from tabgan import Categorical, Datetime, Identifier, Numeric, Schema, TabGAN
from tabgan.errors import ConfigError, PlanError, SchemaError
from tabgan.io import DataSource
from tabgan.planning import planner
from tabgan.planning.expectation import expect
from tabgan.planning.fitplan import curve_bars, duration
from tabgan.planning.page import plan_page
from tabgan.planning.rehearsal import rehearse
from tabgan.privacy.doors import mechanisms
from tabgan.privacy.events import PLACES
from tabgan.table.headers import PublicHeader


@pytest.fixture(scope="module")
def plan(people, declared):
    return TabGAN(epsilon=2.0, schema=declared).plan(people, 3_000)


class TestNoRowIsRead:
    def test_of_a_source_whose_parts_raise(self, people):
        def parts():
            raise AssertionError("a row was read")
            yield people

        source = DataSource("people", people.iloc[:0], parts)
        assert TabGAN().plan(source, 20_000, is_brief=True).n_columns == 5

    @pytest.mark.family
    def test_a_frames_cells_do_not_matter(self, people):
        """The header alone goes on: a table without rows, and one of other rows, have the same plan."""
        others = people.iloc[::-1].assign(age=7, plan=None)[:10]
        others = others.astype(people.dtypes)
        plans = [TabGAN().plan(each, 20_000, is_brief=True) for each in (people, people.iloc[:0], others)]
        assert plans[0] == plans[1] == plans[2]

    def test_rows_are_never_counted(self, people):
        with pytest.raises(
            ConfigError, match="n_rows: expected a number of rows, which is never counted here"
        ):
            TabGAN().plan(people)

    def test_no_ledger_is_written(self, people, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        TabGAN().plan(people, 20_000, is_brief=True)
        assert not list(tmp_path.iterdir())


def _noises(entries):
    found = {}
    for entry in entries:
        found.setdefault((entry.what, entry.columns), []).append((entry.noise_multiplier, entry.sensitivity))
    return found


class TestNoise:
    """A plan's lines are those of the fit on the same public facts."""

    @pytest.mark.family(keep=1)
    @pytest.mark.parametrize("is_declared", [True, False])
    def test_is_what_a_fit_then_charges(self, people, declared, is_declared):
        model = TabGAN(epsilon=4.0, schema=declared if is_declared else None, random_state=0)
        expected = model.plan(people, 3_000, is_brief=True)
        charged = model.fit(people).privacy_.entries
        by_name = {}
        for entry in charged:
            by_name.setdefault(entry.what, []).append(entry.noise_stddev)
        certain = [each for each in expected.releases if each.follows_from == "public facts"]
        assert len(certain) >= 3
        for each in certain:
            assert len(by_name[each.what]) == each.releases, each.what
            assert min(by_name[each.what]) == each.noise_low, each.what
            assert max(by_name[each.what]) == each.noise_high, each.what

    @pytest.mark.family
    def test_each_line_of_a_rehearsal_is_that_of_a_fit(self, people, declared):
        """Also of columns one by one, where a fit finds what is assumed."""
        model = TabGAN(epsilon=4.0, schema=declared, random_state=0)
        header = PublicHeader.of_table(people)
        planned = _noises(rehearse(model._request(header.names, False), header, 3_000).releases)
        charged = _noises(model.fit(people).privacy_.entries)
        for key in planned.keys() & charged.keys():
            if key[0] in ("number of rows", "1-way histogram", "dependence score"):
                assert planned[key] == charged[key], key

    def test_tables_of_places_are_no_more_and_no_noisier_than_planned(self):
        """A column may have two: one of the columns that push it, and one of a formula."""
        rng = np.random.default_rng(0)
        months, price = rng.integers(1, 73, 6_000), rng.uniform(20, 120, 6_000).round(2)
        df = pd.DataFrame({"months": months, "price": price})
        df["total"] = (months * price * rng.normal(1, 0.02, 6_000)).round(2)
        bounds = {"months": (1, 72), "price": (20, 120), "total": (15, 9_500)}
        schema = Schema([Numeric(name=n, bounds=b, decimals=2 * (n != "months")) for n, b in bounds.items()])
        model = TabGAN(epsilon=8.0, schema=schema, random_state=0)
        (planned,) = (r for r in model.plan(df, 6_000, is_brief=True).releases if r.what == PLACES)
        charged = [each for each in model.fit(df).privacy_.entries if each.what == PLACES]
        tables = Counter(each.columns for each in charged)
        assert max(tables.values()) == 2
        assert len(charged) <= planned.releases == 5
        assert all(planned.noise_low <= each.noise_stddev <= planned.noise_high for each in charged)

    def test_the_adversary_is_the_plans(self, people, declared, plan):
        fitted = TabGAN(epsilon=2.0, schema=declared)._request(list(people), False).plan
        run = fitted.adversary
        assert (plan.adversary_steps, plan.adversary_noise) == (run.steps, run.noise_multiplier)
        assert f"{run.noise_multiplier:.3g}" in plan.adversary
        assert plan.adversary_share == 0.2

    def test_scales_with_the_rows_of_an_entity(self):
        columns = [
            Categorical(name="sex", categories=("f", "m")),
            Categorical(name="plan", categories=("a", "b")),
        ]
        alone = TabGAN().plan(Schema(columns), 50_000, is_brief=True)
        each = Schema(columns, entity="pid", max_rows=4)
        several = TabGAN().plan(each, 50_000, is_brief=True)
        assert several.releases[0].noise_low == pytest.approx(4 * alone.releases[0].noise_low)
        assert several.unit == "entity (pid), at most 4 rows each"

    @pytest.mark.family
    def test_the_threshold_is_the_mechanisms(self, people):
        model = TabGAN(random_state=0)
        found = model.plan(people, 20_000, is_brief=True)
        header = PublicHeader.of_table(people)
        lines = rehearse(model._request(header.names, False), header, 20_000).releases
        line = next(each for each in lines if each.what.startswith("categories"))
        assert found.threshold == mechanisms.threshold_for(line.noise_stddev, line.delta, 1)
        assert found.surely_kept > found.threshold


class TestAssumedKinds:
    @pytest.mark.family
    def test_columns_of_untyped_text_are_told_apart(self):
        """The kinds that it assumes are arbitrary: figures of such columns would mislead."""
        names = ("age", "town", "income", "plan")
        found = TabGAN(schema=Schema([Categorical(name="sex", categories=("f", "m"))]))
        empty = pd.DataFrame(columns=[*names, "sex"], dtype=object)
        found = found.plan(empty, 20_000, untyped_text=True)
        assert {each.name for each in found.columns if each.is_assumed} == set(names)
        assert dict(found.lines())["worst columns"].split()[0] == "sex"
        assert plan_page(found, found.curve, 1.0, "x").count("open; assumed") == len(names)

    def test_typed_ones_are_known(self, plan):
        assert not any(each.is_assumed for each in plan.columns)


class TestExpectation:
    @pytest.mark.family
    def test_errors_fall_with_epsilon_and_with_rows(self, people, declared):
        def error(epsilon, n_rows):
            return TabGAN(epsilon=epsilon, schema=declared).plan(people, n_rows, is_brief=True).two_way.value

        assert error(1.0, 10_000) > error(3.0, 10_000) > error(3.0, 100_000)

    def test_is_at_least_that_of_a_sample(self, plan):
        assert all(column.error.value >= column.error.sampling > 0 for column in plan.columns)
        assert plan.two_way.low < plan.two_way.value < plan.two_way.high

    def test_tables_of_groups_of_codes_lower_it(self):
        """A fit joins both tables of a pair, so a plan that left one of them out would expect too much."""
        columns = [Numeric(name=name, bounds=(0, 1), decimals=3) for name in ("age", "weight")]
        model, schema = TabGAN(epsilon=3.0, schema=Schema(columns)), Schema(columns)
        header = PublicHeader.of_schema(schema)
        found = rehearse(model._request(header.names, False), header, 5_000)
        pairs = found.measured.pairs
        assert [pair.groups is not None for pair in pairs] == [False, True]
        alone = replace(found, measured=replace(found.measured, pairs=pairs[:1]))
        assert expect(found).two_way.total < expect(alone).two_way.total
        assert expect(found).one_way.total < expect(alone).one_way.total

    @pytest.mark.family
    def test_of_many_rows_is_as_quick_as_of_few(self, people):
        found = TabGAN().plan(people, 10**9, is_brief=True)
        assert found.two_way.value < 0.1
        assert found.seconds > 600

    @pytest.mark.family
    def test_of_a_fit_lies_in_its_interval(self, people, declared):
        """The made-up people are independent, so that a fit does no worse than the upper end."""
        model = TabGAN(epsilon=4.0, schema=declared, random_state=0)
        expected = model.plan(people, len(people), is_brief=True)
        synthetic = model.fit(people).sample(len(people), random_state=0)
        names = ("sex", "plan", "churned")
        shares = [[each[name].value_counts(normalize=True) for name in names] for each in (people, synthetic)]
        measured = np.mean([0.5 * (a - b).abs().sum() for a, b in zip(*shares, strict=True)])
        planned = np.mean([column.error.high for column in expected.columns if column.name in names])
        assert measured < planned


class TestHopeless:
    def test_names_what_would_help(self, people):
        with pytest.raises(PlanError) as caught:
            TabGAN(epsilon=0.05).plan(people, 500)
        message = str(caught.value)
        assert message.startswith("plan: the table has too few rows for epsilon=0.05")
        for words in (
            "Each of these alone would help",
            "epsilon of",
            "rows",
            "No row was read, and nothing is spent.",
        ):
            assert words in message
        epsilon = float(message.split("epsilon of ")[1].split(";")[0])
        TabGAN(epsilon=epsilon).plan(people, 500, is_brief=True)

    @pytest.mark.family
    def test_an_entity_bound_helps(self):
        columns = [Numeric(name=f"x{i}", bounds=(0, 9), decimals=0) for i in range(3)]
        schema = Schema(columns, entity="pid", max_rows=64)
        with pytest.raises(PlanError, match=r"max_rows: \d+, fewer rows of each entity") as caught:
            TabGAN().plan(schema, 3_000)
        bound = int(str(caught.value).split("max_rows: ")[1].split(",")[0])
        TabGAN().plan(schema.model_copy(update={"max_rows": bound}), 3_000, is_brief=True)

    @pytest.mark.family
    def test_fewer_columns_help(self):
        schema = Schema([Numeric(name=f"x{i}", bounds=(0, 9), decimals=0) for i in range(24)])
        with pytest.raises(PlanError, match=r"at most about \d+ columns"):
            TabGAN(epsilon=0.4).plan(schema, 1_200)

    def test_of_a_declared_number_of_rows(self, people):
        """The fit itself refuses such a schema, in its own words."""
        with pytest.raises(PlanError, match="50 rows are too few"):
            TabGAN(schema=Schema(n_rows=50)).plan(people)

    @pytest.mark.family
    def test_the_curve_says_where_a_fit_is(self, people):
        curve = TabGAN(epsilon=5.0).plan(people, 600).curve
        assert curve[0].two_way is None
        assert curve[-1].two_way is not None
        assert curve_bars(curve)[0] == ("0.1", "", "hopeless")


class TestArguments:
    def test_without_privacy_there_is_none(self, people):
        with pytest.raises(ConfigError, match="a fit without privacy adds no noise"):
            TabGAN(epsilon=None).plan(people, 1_000)

    def test_a_schema_without_columns(self):
        with pytest.raises(ConfigError, match="expected a schema with columns, or a source"):
            TabGAN(schema=Schema(n_rows=1_000)).plan()

    def test_a_column_that_is_not_there(self, people):
        with pytest.raises(
            SchemaError, match="target: 'readmitted' is none of the schema's columns.*give the table"
        ):
            TabGAN(schema=Schema(columns=[Numeric(name="age")], target="readmitted")).plan(n_rows=10_000)
        with pytest.raises(SchemaError, match="'ages'"):
            TabGAN(schema=Schema([Numeric(name="ages")])).plan(people, 1_000)

    def test_rows_that_are_no_number(self, people):
        with pytest.raises(ConfigError, match="n_rows"):
            TabGAN().plan(people, "many")

    @pytest.mark.family(keep=2)
    @pytest.mark.parametrize(
        "column",
        [
            Datetime(name="seen"),
            Categorical(name="seen", dtype="Int64"),
            Identifier(name="seen"),
            Numeric(name="seen", dtype="float32"),
        ],
        ids=lambda column: f"{column.kind}-{column.dtype}",
    )
    def test_any_kind_of_column(self, column):
        schema = Schema([Numeric(name="age", bounds=(0, 99), decimals=0), column])
        assert TabGAN(epsilon=5.0, schema=schema).plan(n_rows=20_000, is_brief=True).columns[0].name == "age"

    def test_text_of_a_csv(self, tmp_path):
        path = tmp_path / "people.csv"
        path.write_text("age,sex,city\n1,f,x\n")
        found = TabGAN().plan(path, 20_000, is_brief=True)
        assert {column.kind for column in found.columns} == {"numeric", "categorical"}
        assert any("every second one holds numbers" in said for said in found.assumptions)


class TestForms:
    def test_plain_data(self, plan):
        data = json.loads(json.dumps(plan.to_dict()))
        assert data["format"] == "tabgan-plan"
        assert data["releases"][0]["what"] == "number of rows"
        assert len(data["curve"]) == len(planner.EPSILONS)

    def test_frames(self, plan):
        assert list(plan.to_frame()["what"]) == [each.what for each in plan.releases]
        assert {"name", "error_value", "error_sampling"} <= set(plan.to_frame("columns"))
        assert plan.to_frame("curve")["epsilon"].is_monotonic_increasing

    def test_text(self, plan):
        text = str(plan)
        for words in ("promise", "expected error", "of the budget trains one critic", "No row was read"):
            assert words in text

    def test_in_a_notebook_names_are_escaped(self):
        schema = Schema(
            [Categorical(name="<b>", categories=("x", "y")), Categorical(name="z", categories=("x", "y"))]
        )
        shown = TabGAN().plan(schema, 50_000, is_brief=True)._repr_html_()
        assert "&lt;b&gt;" in shown
        assert "<b>" not in shown

    def test_page(self, plan, tmp_path):
        plan.to_html(tmp_path / "plan.html")
        page = (tmp_path / "plan.html").read_text()
        assert page.count("<svg") == 1
        for words in ("http://", "https://", "<script", "nan"):
            assert words not in page

    def test_a_brief_one_has_no_picture(self, people, tmp_path):
        TabGAN().plan(people, 20_000, is_brief=True).to_html(tmp_path / "plan.html")
        assert "<svg" not in (tmp_path / "plan.html").read_text()

    def test_durations(self):
        assert [duration(each) for each in (5, 600, 7200)] == ["5 s", "10 min", "2.0 h"]


@pytest.mark.family
def test_levers_lower_the_error(people):
    found = TabGAN(epsilon=0.5).plan(people, 5_000)
    assert found.levers
    assert all(lever.two_way.value < found.two_way.value for lever in found.levers)


@pytest.mark.family
def test_columns_that_are_not_modelled_are_not_counted():
    numbers = [Numeric(name=f"x{i}", bounds=(0, 9), decimals=0) for i in range(24)]
    keys = [Identifier(name=f"key{i}") for i in range(6)]
    found = TabGAN(epsilon=0.6).plan(Schema([*keys, *numbers]), 3_000)
    assert [lever.change for lever in found.levers if "columns" in lever.change] == [
        "12 columns instead of 24"
    ]
    refused = []
    for columns in (numbers, [*keys, *numbers]):
        with pytest.raises(PlanError, match=r"at most about \d+ columns") as caught:
            TabGAN(epsilon=0.4).plan(Schema(columns), 1_200)
        refused.append(str(caught.value))
    assert refused[0] == refused[1]


def test_header_has_no_rows(people):
    header = PublicHeader.of_table(people)
    assert len(header.empty()) == 0
    assert header.empty().dtypes.equals(people.dtypes)
    assert header.some(["sex", "age"]).names == ["age", "sex"]
    assert not any(isinstance(value, pd.DataFrame | pd.Series) for value in vars(header).values())
