"""Drafts that say why, and announce losses."""

from __future__ import annotations

import datetime as dt
import hashlib
import uuid

import numpy as np
import pandas as pd
import pytest

from tabgan import TabGAN
from tabgan.errors import SchemaError
from tabgan.rules import FixedCombinations, Inequality, Near, Same
from tabgan.schema import Identifier, Schema
from tabgan.table.proposals import FROM_ROWS, losses_in, propose

N = 120


def _visits(name="patient_id"):
    rng = np.random.default_rng(0)
    of_row = np.repeat(np.arange(60), rng.integers(1, 5, 60))
    df = pd.DataFrame({name: [f"P{i:03d}" for i in of_row]})
    return df.assign(
        sex=rng.choice(["f", "m"], 60)[of_row],
        birth=pd.Timestamp("1950-01-01") + pd.to_timedelta(rng.integers(0, 9_000, 60)[of_row], unit="D"),
        weight=rng.integers(50, 99, len(df)),
        site="A",
    )


class TestRowsOfAKey:
    def test_columns_that_are_the_same_in_them_become_a_rule(self):
        drafted = propose(_visits())
        assert [each.rule for each in drafted.rules] == [Same(("sex", "birth"), "patient_id")]
        text = drafted.to_yaml()
        why = f"one value in all rows of a key; {FROM_ROWS}: remove the # if it is publicly known"
        assert f"# {why}\n# - same: [sex, birth]\n#   within: patient_id\n" in text
        assert not Schema.from_yaml(text).rules
        confirmed = (
            text.replace("# rules:", "rules:").replace("# - same", "- same").replace("#   within", "  within")
        )
        assert Schema.from_yaml(confirmed).rules == (Same(("sex", "birth"), "patient_id"),)

    def test_none_if_they_differ_or_few_keys_could_tell(self):
        df = _visits()
        df.loc[df.index[-1], "sex"] = "x"
        df.loc[df["patient_id"].duplicated(keep=False).to_numpy().nonzero()[0][0], "birth"] = pd.Timestamp(0)
        assert not propose(df).rules
        rare = _visits().assign(sex="f", birth=pd.Timestamp(0))
        rare.loc[rare["patient_id"] == "P001", "sex"] = "m"
        assert not propose(rare).rules

    def test_an_unsaid_rule_is_told_by_a_check(self):
        key = Identifier(name="patient_id", pattern="P{:03d}", recurrence=True)
        (line,) = losses_in(_visits()[["patient_id", "sex", "birth", "weight"]], Schema([key]))
        assert "rows that share a key are no more related than others" in line
        assert line.endswith("Remedy: a rule, {same: [sex, birth], within: patient_id}")
        declared = Schema([key], rules=[Same(("sex", "birth"), "patient_id")])
        assert not list(losses_in(_visits().drop(columns="site"), declared))


class TestMomentsThatLieClose:
    @staticmethod
    def stays(days, least=0):
        rng = np.random.default_rng(0)
        admit = pd.Timestamp("2021-01-01") + pd.to_timedelta(rng.integers(0, 1_000, N), unit="D")
        left = admit + pd.to_timedelta(rng.integers(least, days, N), unit="D")
        return pd.DataFrame({"left": left, "ward": rng.choice(list("ab"), N), "admit": admit})

    def test_become_rules_that_somebody_has_to_confirm(self):
        drafted = propose(self.stays(9))
        assert [each.rule for each in drafted.rules] == [Near("left", "admit"), Inequality("admit", "left")]
        assert not drafted.schema.rules
        assert "# - {column: left, near: admit}\n" in drafted.to_yaml()

    def test_in_a_csv_too(self):
        df = self.stays(9).astype(str)
        drafted = propose(df, untyped_text=True)
        assert [each.rule for each in drafted.rules] == [Near("left", "admit"), Inequality("admit", "left")]

    def test_without_an_order_that_some_row_breaks(self):
        assert [each.rule for each in propose(self.stays(9, -2)).rules] == [Near("left", "admit")]

    def test_others_do_not(self):
        assert not propose(self.stays(400)).rules
        assert not propose(self.stays(9).iloc[:40]).rules


class TestCodesAndLabels:
    @staticmethod
    def towns(n_rows=400):
        town = np.random.default_rng(0).integers(0, 20, n_rows)
        code = np.random.default_rng(1).permutation(20)[town]
        return pd.DataFrame(
            {
                "county": [f"county {i // 4}" for i in town],
                "code": [f"T{i}" for i in code],
                "town": [f"town {i}" for i in town],
                "sex": np.random.default_rng(2).choice(["f", "m"], n_rows),
            }
        )

    def test_become_a_rule(self):
        drafted = propose(self.towns())
        assert [each.rule for each in drafted.rules] == [FixedCombinations(("code", "town", "county"))]
        assert "# - columns: [code, town, county]\n" in drafted.to_yaml()

    def test_unless_a_row_breaks_it_or_values_are_rare(self):
        df = self.towns()
        assert not propose(df.iloc[:80]).rules
        df.loc[0, "county"] = "x"
        assert [each.rule for each in propose(df).rules] == [FixedCombinations(("code", "town"))]


def _text(*cells):
    return pd.Series([cells[i % len(cells)] for i in range(N)], dtype=object)


def _unique(form="k{:03d}-{:02d}"):
    return pd.Series([form.format(i * 7 % 1_000, i % 17) for i in range(N)], dtype=object)


UUID = "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"


def _digest(i):
    return hashlib.sha256(str(i).encode()).hexdigest()


def _as_uuid(i):
    return str(uuid.UUID(_digest(i)[:32], version=4))


def _hashes(form):
    return pd.Series([form(i) for i in range(N)], dtype=object)


@pytest.mark.family(keep=12)
@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("email", {"kind": "pii", "provider": "email"}),
        ("customer_EMail", {"kind": "pii", "provider": "email"}),
        ("E-mail address", {"kind": "pii", "provider": "email"}),
        ("homePhone", {"kind": "pii", "provider": "phone_number"}),
        ("first_name", {"kind": "pii", "provider": "first_name"}),
        ("Nachname", {"kind": "pii", "provider": "last_name"}),
        ("IBAN", {"kind": "pii", "provider": "iban"}),
        ("street address", {"kind": "pii", "provider": "street_address"}),
        ("zip", {"kind": "text"}),
        ("postCode", {"kind": "text"}),
        ("license_plate", {"kind": "text"}),
        ("Prénom", {"kind": "pii", "provider": "first_name"}),
        ("numéro de téléphone", {"kind": "pii", "provider": "phone_number"}),
        ("Straße", {"kind": "pii", "provider": "street_address"}),
        ("pre\u0301nom", {"kind": "pii", "provider": "first_name"}),
        ("Postleitzahl", {"kind": "text"}),
    ],
)
@pytest.mark.parametrize("cells", [_text("01089", "04711"), _unique()])
def test_by_name_alone(name, kind, cells):
    draft = propose(pd.DataFrame({name: cells, "x": range(N)}), untyped_text=True)
    column = draft.schema[name]
    assert {key: getattr(column, key) for key in kind} == kind
    assert FROM_ROWS not in draft.reasons[name].why


@pytest.mark.parametrize(
    "name", ["emailed", "mailbox_size", "phones_sold", "zipper", "named", "country", "address_type"]
)
def test_part_of_a_word_is_no_name(name):
    assert propose(pd.DataFrame({name: _text("a", "b")})).schema[name].kind == "categorical"


def test_numbers_are_not_made_up_by_their_name():
    df = pd.DataFrame({"phone": np.arange(N) % 7, "zip": np.arange(N) % 9 / 2})
    assert [column.kind for column in propose(df).schema] == ["numeric", "numeric"]


@pytest.mark.parametrize(
    ("name", "cells", "kind", "fields"),
    [
        ("name", _unique("Ann{} Beer{}"), "pii", {"provider": "name"}),
        ("name", _text("north", "south"), "categorical", {}),
        ("remark", _unique(), "text", {"placeholder": "(removed)"}),
        ("remark", _text("ok", "late"), "categorical", {}),
        ("x", _unique("a sentence of some length, number {} and {}"), "text", {"placeholder": "(removed)"}),
        ("ticket", _unique(), "text", {"unique": True, "pattern": None}),
        ("ticket_id", _unique(), "identifier", {"pattern": "ID{:06d}"}),
        ("uuid", _unique(), "identifier", {}),
        ("transaction", _hashes(_as_uuid), "identifier", {"pattern": UUID, "recurrence": None}),
        ("txn_id", _hashes(_as_uuid), "identifier", {"pattern": UUID}),
        (
            "customer",
            _hashes(lambda i: _digest(i // 3)[:16]),
            "identifier",
            {"pattern": "[0-9a-f]{16}", "recurrence": True},
        ),
        ("who", _hashes(_digest), "identifier", {"pattern": "[0-9a-f]{64}"}),
        ("who", _hashes(lambda i: _digest(i)[:32].upper()), "identifier", {"pattern": "[0-9A-F]{32}"}),
        ("city", _hashes(lambda i: _digest(i % 3)), "categorical", {}),  # of few values
        (
            "link",
            _hashes(lambda i: f"https://example.org/{_digest(i)}"),
            "text",
            {"unique": True, "placeholder": None},
        ),
    ],
)
def test_by_cells(name, cells, kind, fields):
    draft = propose(pd.DataFrame({name: cells}))
    assert draft.schema[name].kind == kind
    assert {key: getattr(draft.schema[name], key) for key in fields} == fields
    assert draft.reasons[name].why.endswith(FROM_ROWS)


def test_by_dtype():
    df = pd.DataFrame({"age": np.arange(N) % 50, "day": pd.Timestamp("2020-01-01")})
    assert {reason.why for reason in propose(df).reasons.values()} == {
        "numeric: by its dtype",
        "datetime: by its dtype",
    }


@pytest.mark.parametrize(
    ("form", "pattern"),
    [
        ("P{:06d}", "P[0-9]{6}"),
        ("17-{:04d}/a", "[0-9]{2}-[0-9]{4}/a"),
        ("{:05d}", "[0-9]{5}"),
        ("ID{:06d}", "ID{:06d}"),
    ],
)
def test_the_form_of_keys_is_read_with_the_domain_alone(form, pattern):
    keys = pd.Series([form.format(i) for i in range(N)], dtype=object)
    df = pd.DataFrame({"person_id": keys})
    draft, whole = propose(df), propose(df, with_domain=True)
    assert draft.schema["person_id"].pattern == "ID{:06d}"
    assert ("another form" in draft.reasons["person_id"].loss) == (form != "ID{:06d}")
    assert whole.schema["person_id"].pattern == pattern
    assert not whole.reasons["person_id"].loss


def test_keys_of_several_forms_have_a_pattern_with_all():
    keys = pd.Series([f"A-{i:04d}" if i % 2 else f"{i:05d}" for i in range(N)], dtype=object)
    draft = propose(pd.DataFrame({"person_id": keys}), with_domain=True)
    assert draft.schema["person_id"].pattern == "([0-9]{5}|[A-Z]-[0-9]{4})"


def test_codes_by_their_name_have_categories_with_the_domain():
    df = pd.DataFrame({"status": np.arange(N) % 3})
    assert propose(df).schema["status"].categories is None
    assert propose(df, with_domain=True).schema["status"].categories == (0, 1, 2)


class TestLosses:
    @pytest.mark.parametrize(
        ("series", "said"),
        [
            (_text(*map(str, "abcdefghijkl")), "values that fewer than 50 rows have.*unreleased: "),
            (_text("a", "b"), None),
            (pd.Series([None] * N, dtype=object), "holds no value.*drop the column"),
            (
                _text("2020-01-01", "9999-12-31"),
                r"outside of the years 1900 to 2100.*bounds: \[first, last\]",
            ),
            (_text("2020-01-01", "2021-12-31"), None),
            (_text(dt.date(2020, 1, 1), dt.date(1066, 1, 1)), "outside of the years 1900 to 2100"),
            (pd.Series(range(N)) % 3, None),
        ],
    )
    def test_announced(self, series, said):
        draft = propose(pd.DataFrame({"a": series}))
        loss = draft.reasons["a"].loss
        assert (loss == "") if said is None else pd.Series([loss]).str.contains(said).all()
        assert ("# LOSS: " in draft.to_yaml()) == (said is not None)

    def test_a_check_tells_of_declared_and_of_open_columns(self):
        df = pd.DataFrame(
            {"key": np.arange(N) // 2, "town": _text(*"abcdefghijkl"), "form": _unique("{}-{}")}
        )
        schema = Schema.from_yaml("columns: {key: {kind: identifier}, form: {kind: text}}")
        found = list(losses_in(df, schema))
        assert [line.split(":")[0] for line in found] == ["key", "town", "form"]
        assert "recurrence: true" in found[0]
        assert "have a form that fewer than 50 rows have" in found[2]
        declared = Schema.from_yaml(
            "columns: {key: {kind: identifier, recurrence: true}, form: {kind: text, pattern: 'a'}, town: {kind: text, "
            "placeholder: x}}"
        )
        assert not list(losses_in(df, declared))

    def test_a_csv_is_read_first(self):
        df = pd.DataFrame({"day": _text("31.12.2020", "31.12.1500"), "n": _text("1", "2")})
        found = list(losses_in(df, Schema.from_yaml("columns: {n: {kind: numeric}}"), untyped_text=True))
        assert [line.split(":")[0] for line in found] == ["day"]


class TestTheMark:
    DF = pd.DataFrame(
        {
            "town": _text("Ulm", "Bonn"),
            "mail": _unique(),
            "note": _unique("it was {} times {} o'clock, so what"),
        }
    )

    @pytest.mark.parametrize("with_domain", [False, True])
    def test_round_trip(self, with_domain):
        draft = propose(self.DF, with_domain=with_domain, target="town")
        assert Schema.from_yaml(draft.to_yaml()) == draft.schema
        assert draft.schema.target == "town"
        assert (draft.schema.drafted == "from rows") == with_domain
        assert ("Ulm" in draft.to_yaml()) == with_domain
        assert "k007" not in draft.to_yaml()  # a name speaks for it: nothing is copied

    def test_no_fit_takes_it_before_it_is_confirmed(self):
        schema = propose(self.DF, with_domain=True).schema
        for marked in (schema, schema.with_targets(["town"]), schema.replace(schema.columns)):
            with pytest.raises(
                SchemaError, match=r"drafted: from rows.*remove the key drafted.*nothing is spent"
            ):
                TabGAN(schema=marked).fit(self.DF)
        schema.confirmed().check_confirmed()
        assert schema.confirmed().columns == schema.columns

    def test_another_mark_is_refused(self):
        with pytest.raises(SchemaError, match="schema: drafted: expected 'from rows'"):
            Schema(drafted="yes")


def test_long_lists_and_odd_names_stay_readable():
    names = ["a: b", "#x", "no", "é😀", "x" * 80]
    df = pd.DataFrame({name: _text(*(f"{'long ' * 20}{name} {i}" for i in range(9))) for name in names})
    draft = propose(df, with_domain=True)
    assert Schema.from_yaml(draft.to_yaml()) == draft.schema


def test_keys_stay_keys():
    df = pd.DataFrame({"id": range(N), "x": np.arange(N) % 3})
    assert propose(df).schema["id"] == Identifier(name="id", dtype="int64")


@pytest.mark.parametrize(
    ("name", "cells", "kind", "fields"),
    [
        ("subject_id", np.arange(N) // 3, "identifier", {"recurrence": True, "dtype": "int64"}),
        ("subject_id", _text(*(f"s{i}" for i in range(40))), "identifier", {"recurrence": True}),
        ("test_id", _text("a", "b"), "categorical", {}),
        ("room_id", np.arange(N) % 5, "numeric", {}),
        ("card_number", 4_000_000_000_000_000 + np.arange(N) // 3 * 7919, "identifier", {"recurrence": True}),
        ("HHID", _text(*(f"H{i}" for i in range(40))), "identifier", {"recurrence": True}),
        ("Versichertennr", _text(*(f"V{i}" for i in range(40))), "identifier", {"recurrence": True}),
        ("Kundennummer", _text("a", "b"), "categorical", {}),
        ("patient", np.arange(N) // 3, "identifier", {"recurrence": True, "dtype": "int64"}),
        ("Kunde", _text(*(f"K{i}" for i in range(40))), "identifier", {"recurrence": True}),
        ("subject", np.arange(N) // 3, "identifier", {"recurrence": True}),
        ("subject", _text(*(f"about matter {i}" for i in range(N // 2))), "text", {}),
        ("member", np.arange(N) % 5, "numeric", {}),
        ("days_per_patient", np.arange(N) // 3, "numeric", {}),
        ("member", _text("casual", "member"), "categorical", {}),
        ("status", np.arange(N) % 3, "categorical", {"dtype": "int64"}),
        ("policePrecinct", np.arange(N) % 5, "categorical", {}),
        ("statusquo", np.arange(N) % 3, "numeric", {}),
        ("licence_number", pd.concat([_unique(), _unique().head(4)]), "text", {"unique": False}),
    ],
)
def test_keys_that_repeat_and_numbered_codes(name, cells, kind, fields):
    column = propose(pd.DataFrame({name: cells})).schema[name]
    assert {key: getattr(column, key) for key in fields} | {"kind": column.kind} == fields | {"kind": kind}
    text = pd.DataFrame({name: pd.Series(cells).map(str)})
    assert propose(text, untyped_text=True).schema[name].kind == kind


@pytest.mark.parametrize(
    ("names", "pairs"),
    [
        (("Latitude", "Longitude"), [("Latitude", "Longitude")]),
        (("lng", "x", "lat"), [("lat", "lng")]),
        (
            ("pickup_latitude", "pickup_longitude", "dropoffLat", "dropoffLon"),
            [("pickup_latitude", "pickup_longitude"), ("dropoffLat", "dropoffLon")],
        ),
        (("start_lat", "end_lon"), []),
        (("flat", "flon"), []),
    ],
)
def test_places_are_proposed_by_their_names(names, pairs):
    df = pd.DataFrame({name: [1.5, 2.25, 3.0] for name in names})
    found = propose(df)
    assert [place.geo for place in found.schema.geo] == pairs
    assert Schema.from_yaml(found.to_yaml()).geo == found.schema.geo
    assert ("# places: by their names" in found.to_yaml()) == bool(pairs)


def test_what_cannot_be_a_place_is_not_proposed():
    df = pd.DataFrame({"lat": [46.1, 47.2], "lon": ["a", "b"]})
    assert propose(df).schema.geo == ()
    numbers = df.assign(lon=[-179.123456, 179.123456])
    assert len(propose(numbers).schema.geo) == 1
    assert propose(numbers, target="lat").schema.geo == ()
    assert propose(numbers, with_domain=True).schema.geo == ()  # 359 degrees of six decimals
