"""The whole of an evaluation, at known extremes."""

from __future__ import annotations

import datetime as dt
import json
import traceback
from importlib.util import find_spec

import numpy as np
import pandas as pd
import pytest

from tabgan.errors import ConfigError, DataError
from tabgan.evaluation import FixedCombinations, evaluate, suite
from tabgan.schema import Boolean, Categorical, Datetime, Identifier, Numeric, Schema

SECRET = "Zanzibar-4711"

#: The steps of an evaluation: functions, and figures that are computed alone.
FUNCTIONS = frozenset(
    name for name in vars(suite) if name.endswith(("_findings", "_metrics")) or name == "attack_steps"
)
STEPS = FUNCTIONS | suite.COMPUTED.keys()


def keep(monkeypatch, step=None):
    """Leave out all steps but one, or all."""
    for other in FUNCTIONS - {step}:
        monkeypatch.setattr(suite, other, lambda *args: ())
    computed = {name: compute for name, compute in suite.COMPUTED.items() if name == step}
    monkeypatch.setattr(suite, "COMPUTED", computed)


#: Figures that there are only with sdmetrics, where it is not installed.
NOT_COMPUTED = () if find_spec("sdmetrics") else ("diagnostic", "shapes", "trends")
NAMES = [
    *("missing_rows", "lost_columns"),
    *("validity", "types", "bounds", "precision", "categories", "missing_policy"),
    *("dtypes", "unique_ids", "rules", "diagnostic"),
    *("shapes", "trends", "tvd1", "tvd2", "tvd3", "correlations", "rare_categories", "c2st", "duplicates"),
    *("tstr", "trtr", "tstr_linear", "trtr_linear", "tstr_subgroups"),
    *("singling_out", "linkability", "inference", "attribute_inference"),
    *("membership_auc", "membership_tpr_1", "membership_tpr_01", "dcr_share", "near_copies", "exact_copies"),
]


def check_near(found, names, abs):
    """Assert that figures are near their references, but for those that need a package that is not installed."""
    for name in set(names) - set(NOT_COMPUTED):
        assert found[name].value == pytest.approx(found[name].reference, abs=abs), name


@pytest.fixture(scope="module")
def copied(make):
    """An evaluation of the real rows themselves."""
    real = make(600, 0)
    return evaluate(real, make(600, 1), real, target="bought")


@pytest.fixture(scope="module")
def fresh(make):
    """An evaluation of the other half of the rows that were held out."""
    others = make(3000, 1)
    return evaluate(make(1500, 0), others[::2], others[1::2], target="bought")


class TestExtremes:
    def test_a_copy_of_the_real_rows_is_flagged(self, copied):
        found = copied
        assert found["exact_copies"].value == 1
        assert found["dcr_share"].value > 0.98
        assert found["exact_copies"].reference < 0.02
        assert found["tvd1"].value == found["tvd2"].value == found["tvd3"].value == 0

    @pytest.mark.family
    def test_fresh_rows_score_as_the_holdout_does(self, fresh):
        found = fresh
        check_near(found, ("tvd1", "tvd2", "tvd3", "shapes"), 0.02)
        check_near(found, ("trends",), 0.06)
        assert found["c2st"].value == pytest.approx(0.5, abs=0.05)
        assert found["dcr_share"].interval.low < 0.52
        assert found["dcr_share"].interval.high > 0.48
        assert found["tstr"].value == pytest.approx(found["tstr"].reference, abs=0.02)
        assert found["tstr"].reference == found["trtr"].value > 0.9
        assert found["validity"].value > 0.99
        assert found["exact_copies"].value < 0.01

    @pytest.mark.family
    def test_shuffled_columns_keep_shapes_and_lose_the_rest(self, make, shuffled):
        real, holdout = make(600, 0), make(600, 1)
        found = evaluate(real, holdout, shuffled(real), target="bought")
        if not NOT_COMPUTED:
            assert found["shapes"].value > 0.98
            assert found["trends"].value < found["trends"].reference - 0.2
        assert found["tvd1"].value < 0.01
        assert found["tvd2"].value > found["tvd2"].reference + 0.05
        assert found["c2st"].value > 0.8
        assert found["tstr"].value < 0.65
        assert found["tstr_linear"].value < found["trtr_linear"].interval.low

    @pytest.mark.family
    def test_shuffled_columns_are_as_valid_and_go_together_no_more(self, make, shuffled):
        real, holdout = make(800, 0), make(800, 1)
        found = evaluate(real, holdout, shuffled(make(800, 2)))
        check_near(found, ("tvd1", "shapes"), 0.02)
        assert found["correlations"].value > 5 * found["correlations"].reference
        assert found["c2st"].interval.low > 0.7
        assert found["validity"].value > 0.99

    @pytest.mark.family
    def test_the_holdouts_other_half_is_near_every_reference(self, fresh):
        found = fresh
        tvds = ("tvd1", "tvd2", "tvd3")
        check_near(found, ("shapes", *tvds, "correlations", "duplicates", "tstr", "diagnostic"), 0.03)
        assert found["c2st"].interval.low < 0.5 < found["c2st"].interval.high
        assert found["tstr_subgroups"].interval.low < 0.03

    def test_a_copy_of_the_real_rows_is_faithful(self, copied):
        found = copied
        assert found["correlations"].value == 0
        assert found["validity"].value == 1
        assert found["diagnostic"].value == (None if NOT_COMPUTED else 1)
        assert found["tstr"].value == pytest.approx(found["trtr"].value, abs=0.01)
        assert all(abs(each.giveaway) < 0.05 for each in found.columns)


class TestResult:
    def test_all_metrics_are_told_and_most_computed(self, make, few_trees):
        found = evaluate(make(200, 0), make(100, 1), make(150, 2), target="bought")
        assert [metric.name for metric in found.metrics] == NAMES
        computed = [metric.name for metric in found.metrics if metric.is_computed]
        assert [name for name in NAMES if name not in (*computed, *NOT_COMPUTED)] == [
            *(
                "unique_ids",
                "rules",
                "rare_categories",
                "membership_tpr_1",
                "membership_tpr_01",
                "near_copies",
            )
        ]
        assert (found.n_real, found.n_holdout, found.n_synthetic) == (200, 100, 150)
        assert [column.name for column in found.columns] == ["age", "income", "town", "bought", "height"]
        assert [column.kind for column in found.columns][:3] == ["numeric", "numeric", "categorical"]
        assert all(0 <= column.tvd <= 1 for column in found.columns)

    @pytest.mark.family
    def test_a_step_alone_finds_what_it_finds_among_all(self, make, few_trees, monkeypatch):
        """The modules of tests of a step leave the others out."""
        tables = make(60, 0), make(60, 1), make(60, 2)
        whole, alone = evaluate(*tables, target="bought"), {}
        for step in sorted(STEPS):
            with monkeypatch.context() as patch:
                keep(patch, step)
                found = evaluate(*tables, target="bought")
            alone |= {metric.name: metric for metric in found.metrics}
            assert found.subgroups in ((), whole.subgroups)
        assert alone == {metric.name: metric for metric in whole.metrics}

    @pytest.mark.family
    def test_plain_data_is_json(self, make, few_trees):
        found = evaluate(make(200, 0), make(100, 1), make(150, 2), target="bought", random_state=np.int64(3))
        data = json.loads(json.dumps(found.to_dict()))
        assert data["random_state"] == 3
        assert data["metrics"][NAMES.index("shapes")]["value"] == found["shapes"].value

    @pytest.mark.family
    def test_same_seed_same_figures(self, make, few_trees):
        tables = make(100, 0), make(100, 1), make(100, 2)
        first, second = (evaluate(*tables, target="bought", random_state=7) for _ in range(2))
        assert first == second
        assert first.to_dict() == second.to_dict()
        for name in ("correlations", "calibration", "projection"):
            assert getattr(first.pictures, name) is not None
        assert first.subgroups
        assert evaluate(*tables, target="bought", random_state=8) != first

    @pytest.mark.family
    def test_the_callers_tables_and_random_state_stay_as_they_are(self, make, few_trees):
        tables = make(100, 0), make(100, 1), make(100, 2)
        copies = [table.copy() for table in tables]
        state = np.random.get_state()[1].copy()  # noqa: NPY002
        evaluate(*tables, target="bought")
        assert (np.random.get_state()[1] == state).all()  # noqa: NPY002
        for table, copy in zip(tables, copies, strict=True):
            pd.testing.assert_frame_equal(table, copy)

    @pytest.mark.family
    def test_order_of_rows_and_columns_does_not_matter_much(self, make, few_trees):
        real, holdout, synthetic = make(200, 0), make(100, 1), make(200, 2)
        mixed = real.sample(frac=1, random_state=1)
        mixed.index = [0] * len(mixed)
        found = evaluate(mixed, holdout, synthetic[synthetic.columns[::-1]], target="bought")
        straight = evaluate(real, holdout, synthetic, target="bought")
        assert found["tvd3"].value == pytest.approx(straight["tvd3"].value, abs=0.05)
        assert found["validity"] == straight["validity"]

    @pytest.mark.family
    def test_progress(self, make, few_trees):
        seen = []
        evaluate(make(60, 0), make(60, 1), make(60, 2), progress=lambda *step: seen.append(step))
        assert {stage for stage, _, _ in seen} == {"evaluate"}
        assert [done for _, done, _ in seen] == list(range(seen[0][2] + 1))

    def test_the_schemas_target_is_the_default(self, make, monkeypatch):
        keep(monkeypatch)
        tables = make(60, 0), make(60, 1), make(60, 2)
        assert evaluate(*tables, schema=Schema(target="bought")).target == "bought"
        assert evaluate(*tables, schema=Schema(target="bought"), target="town").target == "town"


class TestOddTables:
    @pytest.mark.family
    def test_every_type_that_a_column_may_have(self, few_trees):
        def table(seed: int) -> pd.DataFrame:
            rng = np.random.default_rng(seed)
            days = pd.Series(pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 900, 80), unit="D"))
            flags = rng.random(80) < 0.5
            return pd.DataFrame(
                {
                    "nullable": pd.array(np.where(flags, rng.integers(0, 9, 80), None), dtype="Int64"),
                    "single": rng.normal(size=80).astype("float32"),
                    "flag": flags,
                    "maybe": pd.array(np.where(rng.random(80) < 0.1, None, flags), dtype="boolean"),
                    "objects": np.where(rng.random(80) < 0.1, None, flags),
                    "level": pd.Categorical(
                        rng.choice(["low", "high"], 80), ["low", "mid", "high"], ordered=True
                    ),
                    "text": pd.array(rng.choice(["a", "b"], 80), dtype="string"),
                    "zoned": days.dt.tz_localize("Europe/Berlin") + pd.Timedelta("90min"),
                    "date": days.dt.date.mask(rng.random(80) < 0.1, None),
                    "written": days.dt.strftime("%d.%m.%Y").mask(rng.random(80) < 0.1),
                    "constant": 1.0,
                    "empty": np.nan,
                    "nothing": None,
                    "mixed_missing": pd.Series([None, pd.NA, np.nan, "x"] * 20, dtype=object),
                    "key": [f"k{seed}-{i}" for i in range(80)],
                }
            )

        found = evaluate(table(0), table(1), table(2), target="flag")
        kinds = {column.name: column.kind for column in found.columns}
        assert [kinds[name] for name in ("zoned", "date", "written", "key")] == ["datetime"] * 3 + [
            "identifier"
        ]
        reasons = {metric.name: metric.reason for metric in found.metrics if not metric.is_computed}
        few = {"membership_tpr_1", "membership_tpr_01", "near_copies"}
        assert set(reasons) == {"rules", "rare_categories", *NOT_COMPUTED} | few, reasons
        assert found["dtypes"].value == found["unique_ids"].value == 1
        assert found["validity"].value > 0.98
        missing = {column.name: column.missing_real for column in found.columns}
        assert missing["nothing"] == missing["empty"] == 1
        assert missing["mixed_missing"] == 0.75

    ODD = (
        [[1], [2]] * 30,
        [1, "a", None] * 20,
        [np.inf, -np.inf, 0.0] * 20,
        [10**30, 1, 2] * 20,
        [1j] * 60,
        pd.to_timedelta(range(60), unit="D"),
        pd.period_range("2020", periods=60, freq="D"),
        pd.Categorical([5, 6] * 30),
        [dt.date(9999, 12, 31), "2020-13-45", 7] * 20,
        pd.arrays.SparseArray([0, 1] * 30),
    )

    @pytest.mark.family(keep=1)
    @pytest.mark.parametrize(
        ("odd", "column"),
        [
            pytest.param(
                odd,
                column,
                id=f"{type(odd).__name__}{i}-{column}",
                marks=() if i % 3 == j else pytest.mark.slow,
            )
            for i, odd in enumerate(ODD)
            for j, column in enumerate(("age", "town", "day"))
        ],
    )
    def test_other_types_in_the_synthetic_table(self, make, odd, column, few_trees):
        real, holdout, synthetic = (
            make(60, i).assign(day=pd.date_range("2020-01-01", periods=60)) for i in range(3)
        )
        synthetic[column] = odd
        if column == "town" and isinstance(odd, list) and isinstance(odd[0], list):
            with pytest.raises(DataError, match=f"'{column}': holds values that cannot be compared"):
                evaluate(real, holdout, synthetic)
            return
        found = evaluate(real, holdout, synthetic)
        assert found["tvd1"].is_computed
        dtypes = {str(table[column].dtype).replace("str", "object") for table in (real, synthetic)}
        assert found["dtypes"].value < 1 or len(dtypes) == 1

    def test_identifiers_alone(self):
        table = pd.DataFrame({"id": range(50)})
        found = evaluate(table, table, table)
        assert found["unique_ids"].value == 1
        for metric in (*found.group("fidelity"), *found.group("attacks"), *found.group("copies")):
            assert not metric.is_computed
            assert metric.reason
        assert found.columns[0].tvd is None

    def test_one_column_and_few_rows(self):
        table = pd.DataFrame({"x": [1.5, 2.5, 2.5, 4.0]})
        found = evaluate(table, table, table, target="x")
        assert found["tvd1"].value == 0
        for name in ("tvd2", "tvd3", "trends", "c2st", "tstr", "dcr_share", "inference"):
            assert found[name].reason, name

    @pytest.mark.family
    def test_a_schema_of_all_kinds(self, make, few_trees):
        schema = Schema(
            columns=[
                Numeric(name="age", bounds=(18, 89), decimals=0, nullable=False),
                Categorical(name="town", categories=("Ulm", "Bonn", "Kiel")),
                Datetime(
                    name="day", format="%Y-%m-%d", bounds=("2020-01-01", "2021-01-01"), resolution="day"
                ),
                Boolean(name="flag"),
                Identifier(name="key", pattern="P{:03d}"),
            ],
            target="bought",
        )
        tables = [
            make(60, i).assign(
                day="2020-02-03", flag=[True, False] * 30, key=[f"P{k:03d}" for k in range(60)]
            )
            for i in range(3)
        ]
        found = evaluate(*tables, schema=schema)
        assert [c.kind for c in found.columns][-3:] == ["datetime", "boolean", "identifier"]
        assert found["validity"].value > 0.98
        assert found["tstr"].is_computed


class TestWrongTables:
    @pytest.mark.parametrize("which", ["holdout", "synthetic"])
    def test_other_columns(self, make, which):
        tables = {"real": make(30, 0), "holdout": make(30, 1), "synthetic": make(30, 2)}
        tables[which] = tables[which].rename(columns={"age": "years"})
        with pytest.raises(
            DataError, match=f"the {which} table lacks 'age' and has 'years' besides. Give it"
        ):
            evaluate(**tables)

    def test_repeated_names(self, make):
        real = make(30, 0)
        real.columns = ["age", "age", "town", "bought", "height"]
        with pytest.raises(DataError, match="names repeat in the real table: 'age'"):
            evaluate(real, make(30, 1), make(30, 2))

    @pytest.mark.parametrize("synthetic", [pd.DataFrame(), None, [1, 2]])
    def test_not_a_table(self, make, synthetic):
        with pytest.raises(DataError, match="synthetic"):
            evaluate(make(30, 0), make(30, 1), synthetic)

    def test_no_rows(self, make):
        with pytest.raises(DataError, match="rows and columns in the synthetic table"):
            evaluate(make(30, 0), make(30, 1), make(30, 2).head(0))

    def test_names_that_are_no_text(self, make):
        with pytest.raises(DataError, match="column names that are text in the real table"):
            evaluate(make(30, 0).rename(columns={"age": 0}), make(30, 1), make(30, 2))

    def test_a_schema_of_another_table(self, make):
        schema = Schema(columns=[Numeric(name="agee")])
        with pytest.raises(
            DataError, match="'agee' is in the schema, but not in the tables. Did you mean 'age'"
        ):
            evaluate(make(30, 0), make(30, 1), make(30, 2), schema=schema)

    @pytest.mark.parametrize("seed", [-1, 1.5, None, True])
    def test_no_seed(self, make, seed):
        with pytest.raises(ConfigError, match="random_state"):
            evaluate(make(30, 0), make(30, 1), make(30, 2), random_state=seed)


#: Faults of a table, and the answer of an evaluation: an error, or figures.
ODD_TABLES = {
    "a column too few": (lambda df: df.drop(columns="age"), "lacks 'age'|has 'age' besides"),
    "a column too many": (lambda df: df.assign(more=1), "has 'more' besides|lacks 'more'"),
    "a name twice": (
        lambda df: pd.concat([df, df[["age"]]], axis=1),
        "names repeat in the [a-z]+ table: 'age'",
    ),
    "names that are numbers": (
        lambda df: df.set_axis(range(df.shape[1]), axis=1),
        "column names that are text",
    ),
    "no rows": (lambda df: df.head(0), "expected rows and columns in the [a-z]+ table"),
    "no columns": (lambda df: df[[]], "expected rows and columns in the [a-z]+ table"),
    "no table": (lambda df: df.to_numpy(), "expected the [a-z]+ table as a pandas DataFrame, got ndarray"),
    "lists": (lambda df: df.assign(town=[[SECRET]] * len(df)), "'town': (holds|expected)"),
    "mappings": (lambda df: df.assign(town=[{SECRET: 1}] * len(df)), "'town': (holds|expected)"),
    "one row": (lambda df: df.head(1), None),
    "two rows": (lambda df: df.head(2), None),
    "one class": (lambda df: df.assign(bought="yes"), None),
    "no target": (lambda df: df.assign(bought=None), None),
    "numbers missing": (lambda df: df.assign(age=np.nan, income=np.nan, height=np.nan), None),
    "categories missing": (lambda df: df.assign(town=None), None),
    "all missing": (lambda df: df.assign(**dict.fromkeys(df, np.nan)), None),
    "constant": (lambda df: df.assign(age=1, income=2.5, town="Ulm", height=1.7), None),
    "one row many times": (lambda df: df.iloc[[0] * len(df)], None),
    "infinite": (lambda df: df.assign(income=np.inf), None),  # of the real rows it is refused
    "huge": (lambda df: df.assign(income=df["income"] * 1e300), None),
    "tiny": (lambda df: df.assign(income=df["income"] * 1e-310), None),
    "text for numbers": (lambda df: df.assign(age="old"), None),
    "numbers for text": (lambda df: df.assign(town=7), None),
    "new categories": (lambda df: df.assign(town=[f"t{i}" for i in range(len(df))]), None),
}


#: Held-out columns that are not of the real table's kind, so that nothing can be compared.
UNREADABLE = {("infinite", "holdout"), ("text for numbers", "holdout"), ("numbers for text", "real")}


TABLES = ("real", "holdout", "synthetic", "all")


@pytest.mark.parametrize(
    ("odd", "which"),
    [
        # Errors come at once. Of those that take all steps, each odd table stands in one place, in turn.
        pytest.param(
            odd,
            which,
            marks=() if message or i % 12 == j else pytest.mark.family if i % 4 == j else pytest.mark.slow,
        )
        for i, (odd, (_, message)) in enumerate(ODD_TABLES.items())
        for j, which in enumerate(TABLES)
    ],
)
def test_odd_tables_get_an_error_or_answers(make, odd, which, few_trees):
    """In every step: typed errors, or figures and reasons, and never that a computation failed."""
    change, message = ODD_TABLES[odd]
    tables = {name: make(70, i) for i, name in enumerate(("real", "holdout", "synthetic"))}
    for name in tables if which == "all" else [which]:
        tables[name] = change(tables[name])
    options = {"target": "bought", "rules": [FixedCombinations(("town", "bought"))]}
    if odd == "infinite" and which in ("real", "all"):
        message = "'income': values are infinite"
    if (odd, which) in UNREADABLE:
        message = "no cell of column '[a-z]+' in the holdout table can be read"
    if message is not None and not (which == "all" and odd.startswith("a column")):
        with pytest.raises(DataError, match=message) as caught:
            evaluate(**tables, **options)
        assert SECRET not in str(caught.value)
        return
    if which == "all" and odd == "a column too few":
        tables = {name: table.rename(columns={"height": "age"}) for name, table in tables.items()}
    found = evaluate(**tables, **options)
    assert [metric.name for metric in found.metrics] == NAMES
    reasons = {metric.name: metric.reason for metric in found.metrics if metric.reason}
    assert not {name: reason for name, reason in reasons.items() if "failed" in reason}
    json.dumps(found.to_dict(), allow_nan=False)


@pytest.mark.family(keep=1)
@pytest.mark.parametrize(
    ("cell", "column", "which"),
    [
        pytest.param(cell, column, which, marks=() if (i + j) % 3 == which else pytest.mark.slow)
        for i, cell in enumerate([SECRET, [SECRET], {SECRET: SECRET}])
        for j, column in enumerate(["age", "town", "bought"])
        for which in range(3)
    ],
)
def test_no_cell_is_quoted(make, which, column, cell, few_trees):
    """Pitfall 31: not in an error, not in a reason."""
    tables = [make(40, i) for i in range(3)]
    tables[which][column] = tables[which][column].astype(object)
    tables[which].at[3, column] = cell
    try:
        told = json.dumps(evaluate(*tables, target="bought").to_dict())
    except DataError as error:  # either outcome is right
        told = "".join(traceback.format_exception(error))
    assert SECRET not in told
