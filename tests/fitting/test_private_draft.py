"""Drafts that are found under differential privacy: charged, released, and taken by a fit as they are."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tabgan import LedgerConfig, Schema, TabGAN
from tabgan.errors import BudgetExceededError, CheckpointError, ConfigError, DataError, SchemaError
from tabgan.fitting import private_draft
from tabgan.fitting.private_draft import check_cap, infer_privately
from tabgan.privacy.ledger.file import LedgerFile
from tabgan.table.proposals import FROM_ROWS, named_columns

N = 1_500


def made_up(seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "age": rng.integers(18, 90, N),
            "town": pd.Series(rng.choice(["Ulm", "Bonn", "Kiel"], N), dtype=object),
            "ticket": pd.Series([f"T{i * 7919 % 10_000:04d}-{i % 10}" for i in range(N)], dtype=object),
            "customer_id": np.repeat(np.arange(N // 3), 3) * 7 + 1_000,
            "case_id": pd.Series([f"P{i * 7919 % 1_000_000:06d}" for i in range(N)], dtype=object),
            "ward_key": pd.Series([f"ab-{i // 2:04d}" for i in range(N)], dtype=object),
            "status": rng.integers(0, 3, N),
            "email": pd.Series([f"a{i}@b.c" for i in range(N)], dtype=object),
            "remark": pd.Series([f"{'so ' * (i % 90)}what {i}?" for i in range(N)], dtype=object),
            "one": pd.Series(["x"] * (N - 1) + ["y"], dtype=object),
        }
    )


@pytest.fixture(autouse=True)
def no_sync(monkeypatch):
    monkeypatch.setattr("os.fsync", lambda handle: None)


@pytest.fixture(scope="module")
def ledger(tmp_path_factory):
    return tmp_path_factory.mktemp("draft") / "ledger.jsonl"


@pytest.fixture(scope="module")
def draft(ledger):
    return infer_privately(made_up(), 20.0, ledger=ledger, targets=["town"])


class TestTheDraft:
    @pytest.mark.parametrize(
        ("name", "fields"),
        [
            ("age", {"kind": "numeric", "decimals": 0}),
            ("town", {"kind": "categorical", "categories": ("Bonn", "Kiel", "Ulm")}),
            ("ticket", {"kind": "text", "unique": True, "templates": ("[A-Z][0-9]{4}-[0-9]",)}),
            ("customer_id", {"kind": "identifier"}),
            ("case_id", {"kind": "identifier", "pattern": "[A-Z][0-9]{6}", "recurrence": None}),
            ("ward_key", {"kind": "identifier", "pattern": "[a-z]{2}-[0-9]{4}", "recurrence": True}),
            ("status", {"kind": "categorical", "categories": (0, 1, 2)}),
            ("email", {"kind": "pii", "provider": "email"}),
            ("remark", {"kind": "text", "placeholder": "(removed)"}),
        ],
    )
    def test_kinds_and_domains(self, draft, name, fields):
        assert {key: getattr(draft.schema[name], key) for key in fields} == fields

    def test_ranges_are_those_of_the_rows_about(self, draft):
        low, high = draft.schema["age"].bounds
        assert abs(low - 18) <= 2
        assert abs(high - 89) <= 2

    def test_keys_have_as_many_rows_as_in_the_table(self, draft):
        shares = draft.schema["customer_id"].recurrence
        assert abs(shares[2] - 1) < 0.1

    def test_what_noise_hides_is_left_open_and_told(self, draft):
        assert draft.schema["one"].categories is None
        assert "one value alone stands out" in draft.reasons["one"].loss

    def test_its_yaml_is_itself_and_says_where_it_is_from(self, draft):
        text = draft.to_yaml()
        assert text.startswith("# A draft, found under differential privacy at epsilon 20, delta 1e-06: ")
        assert Schema.from_yaml(text) == draft.schema
        assert draft.schema.target == "town"
        assert FROM_ROWS not in text
        assert "WITHOUT" not in text

    def test_it_is_one_entry_of_the_ledger(self, draft, ledger):
        (entry,) = LedgerFile(ledger).fits
        assert entry.outcome == "done"
        assert draft.privacy.epsilon_spent <= 20.0
        assert draft.privacy.entries == tuple(each for _, charged in entry.charges for each in charged)

    @pytest.mark.family
    def test_a_fit_takes_it_as_it_is_and_looks_for_nothing_again(self, draft, ledger):
        model = TabGAN(epsilon=20.0, schema=draft.schema, adversary_share=0, random_state=0)
        model.fit(made_up(), ledger=ledger)
        spent = {entry.what for entry in model.privacy_.entries if entry.columns != ("ward_key",)}
        assert not spent & {"kind of the values", "range", "decimals or resolution", "rows that share a key"}
        assert len(LedgerFile(ledger).fits) == 2
        told = {name for name, reason in draft.reasons.items() if reason.loss}
        assert {loss.column for loss in model.losses_} <= told


class TestTheBudget:
    def test_a_cap_refuses_before_a_row_is_read(self, tmp_path, monkeypatch):
        config = LedgerConfig(tmp_path / "ledger.jsonl", epsilon_cap=0.5, delta_cap=1e-5)
        monkeypatch.setattr(private_draft, "release_table", pytest.fail)
        for ask in (
            lambda: infer_privately(made_up(), 1.0, ledger=config),
            lambda: check_cap(1.0, 1e-6, config),
        ):
            with pytest.raises(BudgetExceededError, match="No row was read"):
                ask()
        assert not (tmp_path / "ledger.jsonl").exists()

    @pytest.mark.parametrize(
        ("arguments", "error", "said"),
        [
            ({"epsilon": None}, ConfigError, "epsilon: expected"),
            ({"epsilon": 0}, ConfigError, "epsilon: expected"),
            ({"delta": 2}, ConfigError, "delta: expected"),
            ({"ledger": None}, ConfigError, "ledger: expected the dataset's ledger"),
            ({"entity": "age"}, SchemaError, "entity: expected entity and max_rows together"),
            ({"entity": "aeg", "max_rows": 2}, SchemaError, "Did you mean 'age'"),
            ({"targets": ["twon"]}, SchemaError, "Did you mean 'town'"),
        ],
    )
    def test_arguments_are_refused_before_anything_is_charged(self, tmp_path, arguments, error, said):
        given = {"epsilon": 1.0, "ledger": tmp_path / "ledger.jsonl"} | arguments
        with pytest.raises(error, match=said):
            infer_privately(made_up(), **given)
        assert not list(tmp_path.iterdir())

    def test_a_table_that_is_too_small_leaves_its_charge(self, tmp_path):
        with pytest.raises(DataError, match=r"too few rows.*Already spent"):
            infer_privately(made_up().head(20), 1.0, ledger=tmp_path / "ledger.jsonl")
        (entry,) = LedgerFile(tmp_path / "ledger.jsonl").fits
        assert entry.outcome == "failed"
        assert entry.charges

    def test_entities_scale_the_noise(self, tmp_path):
        found = infer_privately(
            made_up()[["customer_id", "town", "status"]],
            20.0,
            ledger=tmp_path / "ledger.jsonl",
            entity="customer_id",
            max_rows=3,
        )
        assert (found.schema.entity, found.schema.max_rows) == ("customer_id", 3)
        assert found.privacy.unit.max_rows == 3
        assert abs(found.schema["customer_id"].recurrence[2] - 1) < 0.1


def test_an_interrupted_draft_resumes_and_spends_nothing_twice(tmp_path, monkeypatch):
    df = made_up()[["age", "town", "ticket"]]
    places = {"ledger": tmp_path / "ledger.jsonl", "checkpoint": tmp_path / "kept"}
    with monkeypatch.context() as patch:
        patch.setattr(private_draft, "measure_table", lambda *args, **kwargs: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            infer_privately(df, 20.0, **places)
    before = LedgerFile(places["ledger"]).fits[0]
    assert before.charges
    assert before.outcome is None
    with pytest.raises(CheckpointError):  # a fit is something else
        TabGAN(epsilon=20.0, adversary_share=0).fit(df, **places)
    draft = infer_privately(df, 20.0, **places)
    (after,) = LedgerFile(places["ledger"]).fits
    assert after.charges[: len(before.charges)] == before.charges
    assert after.outcome == "done"
    again = infer_privately(df, 20.0, **places)
    assert again.to_yaml() == draft.to_yaml()
    assert len(LedgerFile(places["ledger"]).fits) == 1


def test_names_and_dtypes_alone_are_public():
    """No cell decides on anything before it is released."""
    first, second = made_up(0), made_up(1).iloc[:3]
    second[["town", "ticket", "email"]] = None
    for untyped_text in (False, True):
        found = [named_columns(df, untyped_text=untyped_text) for df in (first, second)]
        assert found[0] == found[1]
    assert named_columns(first).names == ["status"]
    assert named_columns(first, untyped_text=True).names == ["status", "email"]


def related(seed: int = 0) -> pd.DataFrame:
    """Return a table with a sum, an order, parts of a date, and a code that determines a label and a group."""
    rng = np.random.default_rng(seed)
    n = 2_000
    code, day = rng.integers(0, 9, n), rng.integers(0, 700, n)
    casual, registered = rng.integers(0, 40, n), rng.integers(0, 90, n)
    seen = pd.Timestamp("2020-01-01") + pd.to_timedelta(day, unit="D")
    return pd.DataFrame(
        {
            "code": pd.Series([f"c{i}" for i in code], dtype=object),
            "label": pd.Series(np.array(list("ABCDEFGHI"), dtype=object)[code]),
            "group": code // 3,
            "seen": seen,
            "seen year": seen.year,
            "ended": seen + pd.to_timedelta(rng.integers(0, 60, n), unit="D"),
            "hour": code,
            "minute": day % 60,
            "dep_time": code * 100 + day % 60,
            "casual": casual,
            "registered": registered,
            "total": casual + registered,
            "low": casual % 13,
            "high": casual % 13 + rng.integers(0, 9, n),
            "other": rng.integers(0, 13, n),
        }
    )


@pytest.fixture(scope="module")
def with_rules(tmp_path_factory):
    return infer_privately(related(), 300.0, ledger=tmp_path_factory.mktemp("rules") / "ledger.jsonl")


class TestRules:
    def test_those_with_strong_evidence_are_declared(self, with_rules):
        said = [rule.to_dict() for rule in with_rules.schema.rules]
        assert {"column": "total", "equals": "casual + registered"} in said
        assert {"column": "seen year", "equals": "year(seen)"} in said
        assert {"low": "low", "high": "high"} in said
        assert {"low": "seen", "high": "ended"} in said
        assert {"column": "dep_time", "equals": "hour * 100 + minute"} in said
        (merged,) = [rule["columns"] for rule in said if "columns" in rule]
        assert set(merged) >= {"code", "label", "group"}
        assert not [rule for rule in said if "other" in rule.values()]

    def test_rare_combinations_are_told_of(self, with_rules):
        assert "too rare together" in with_rules.reasons["label"].loss
        assert not with_rules.reasons["low"].loss

    def test_its_yaml_says_the_evidence_and_is_read_again(self, with_rules):
        text = with_rules.to_yaml()
        assert Schema.from_yaml(text) == with_rules.schema
        assert "# about 0.0% of the rows break it" in text

    @pytest.mark.slow
    def test_samples_of_a_fit_keep_them(self, with_rules):
        names = ["casual", "registered", "total", "seen", "seen year", "low", "high"]
        rules = [rule for rule in with_rules.schema.rules if set(rule.sides.values()) <= set(names)]
        assert len(rules) >= 3
        own = with_rules.schema.replace([with_rules.schema[name] for name in names]).with_rules(rules)
        model = TabGAN(epsilon=20.0, schema=own, adversary_share=0, random_state=0)
        sample = model.fit(related()[names]).sample(200, random_state=0)
        assert (sample["total"] == sample["casual"] + sample["registered"]).all()
        assert (sample["seen year"] == sample["seen"].dt.year).all()
        assert (sample["low"] <= sample["high"]).all()

    def test_a_rule_that_many_rows_break_is_not_offered(self, tmp_path):
        df = related()
        broken = np.random.default_rng(1).random(len(df)) < 0.3
        df["total"] = df["total"] + np.where(broken, 1, 0)
        df["label"] = df["label"].where(~broken, "A")
        draft = infer_privately(
            df[["code", "label", "casual", "registered", "total"]], 20.0, ledger=tmp_path / "ledger.jsonl"
        )
        said = [each.rule.to_dict() for each in draft.rules]
        assert not [
            rule for rule in said if rule.get("column") == "total" or "label" in rule.get("columns", ())
        ]


@pytest.mark.family
def test_places_are_proposed_by_their_names_and_taken_by_a_fit(tmp_path):
    rng = np.random.default_rng(0)
    town = rng.integers(0, 3, N)
    df = pd.DataFrame({"lat": np.array([46.1, 46.9, 47.5])[town], "lon": np.array([6.2, 7.4, 9.5])[town]})
    df = (df + rng.normal(0, 0.02, (N, 2))).round(3).assign(town=town == 1, pickup_latitude=df["lat"].round())
    draft = infer_privately(df, 40.0, ledger=tmp_path / "ledger.jsonl")
    (pair,) = draft.schema.geo
    assert pair.geo == ("lat", "lon")
    assert not [rule for rule in draft.rules if {"lat", "lon"} & set(rule.rule.sides.values())]
    text = draft.to_yaml()
    assert Schema.from_yaml(text) == draft.schema
    model = TabGAN(epsilon=40.0, schema=draft.schema, adversary_share=0, random_state=0).fit(df)
    assert ("lat & lon",) in {entry.columns for entry in model.privacy_.entries}
    sample = model.sample(300, random_state=0)
    assert sample["lat"].between(45.5, 48).all()
