"""Lines of a ledger make sense: a chain of hashes only tells that nobody changed them."""

import copy
import hashlib
import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tabgan.errors import ConfigError, LedgerError
from tabgan.privacy.accounting import Cost, SubsampledGaussian
from tabgan.privacy.ledger.records import Cap, LedgerConfig, _cost_from_dict, cost_to_dict, fit_of, read_chain

RELEASE = {
    "door": "release",
    "what": "1-way histogram",
    "columns": ["age"],
    "mechanism": "discrete Gaussian",
    "noise_multiplier": 10.0,
    "delta": 0.0,
    "sample_rate": 1.0,
    "steps": 1,
    "sensitivity": 1.0,
}

HEAD, CAP, FIT, CHARGE, END = (
    {
        "kind": "ledger",
        "format": "tabgan-ledger",
        "version": 1,
        "ledger": "a1",
        "unit": {"entity": None, "max_rows": 1},
        "neighboring_relation": "add_or_remove_one",
    },
    {"kind": "cap", "epsilon": 3.0, "delta": 1e-5},
    {
        "kind": "fit",
        "fit": "f1",
        "epsilon": 1.0,
        "delta": 1e-6,
        "limit": {"mu_squared": 0.04, "runs": [[5.0, 0.02, 20]], "delta": 1e-7},
        "table": "ab",
    },
    {"kind": "charge", "fit": "f1", "call": "1 a", "releases": [RELEASE]},
    {"kind": "end", "fit": "f1", "outcome": "done"},
)
RECORDS = [HEAD, CAP, FIT, CHARGE, END]


def chain(path: Path, records) -> Path:
    """Write records as a ledger's lines, with hashes that are right."""
    lines, previous = [], "0" * 64
    for entry, record in enumerate(records):
        full = {"at": "2026-01-01T00:00:00+00:00", "entry": entry, "previous": previous, **record}
        text = json.dumps(full, sort_keys=True, separators=(",", ":"))
        full["hash"] = previous = hashlib.sha256(text.encode()).hexdigest()
        lines.append(json.dumps(full, sort_keys=True, separators=(",", ":")) + "\n")
    path.write_text("".join(lines))
    return path


def test_a_chain_that_makes_sense_is_read(tmp_path):
    records = read_chain(chain(tmp_path / "l", RECORDS))
    fit = fit_of(records[2], records)
    assert (fit.name, fit.epsilon, fit.delta, fit.outcome) == ("f1", 1.0, 1e-6, "done")
    assert fit.limit == Cost(0.04, (SubsampledGaussian(5.0, 0.02, 20),), 1e-7)
    assert fit.spent == fit.held == Cost(0.01)
    assert [call for call, _ in fit.charges] == ["1 a"]


def test_until_it_ends_a_fit_holds_its_whole_plan(tmp_path):
    records = read_chain(chain(tmp_path / "l", RECORDS[:-1]))
    fit = fit_of(records[2], records)
    assert fit.outcome is None
    assert fit.held == fit.limit != fit.spent


def test_an_empty_file_and_a_torn_first_line_hold_no_records(tmp_path):
    path = tmp_path / "l"
    path.write_text("")
    assert read_chain(path) == []
    path.write_text('{"at":"2026')
    assert read_chain(path) == []


def test_what_is_not_there_cannot_be_read(tmp_path):
    with pytest.raises(LedgerError, match="cannot read .*: No such file"):
        read_chain(tmp_path / "l")


@pytest.mark.parametrize("position", range(len(RECORDS)))
def test_no_field_has_a_default_on_load(tmp_path, position):
    """Pitfall 24."""
    for field in RECORDS[position]:
        records = copy.deepcopy(RECORDS)
        del records[position][field]
        with pytest.raises(LedgerError, match="breaks off after 5 good lines"):
            read_chain(chain(tmp_path / "l", records))
    records = copy.deepcopy(RECORDS)
    records[position]["note"] = "unknown"
    with pytest.raises(LedgerError):
        read_chain(chain(tmp_path / "l", records))


@pytest.mark.parametrize("field", RELEASE)
def test_no_field_of_a_release_has_a_default_on_load(tmp_path, field):
    """Pitfall 24."""
    records = copy.deepcopy(RECORDS)
    del records[3]["releases"][0][field]
    with pytest.raises(LedgerError):
        read_chain(chain(tmp_path / "l", records))


NONSENSE = [
    (0, {"format": "another"}),
    (0, {"ledger": 7}),
    (0, {"unit": {"entity": None, "max_rows": 0}}),
    (0, {"unit": {"entity": None, "max_rows": 3}}),
    (0, {"neighboring_relation": "replace_one"}),
    (0, {"kind": "cap"}),
    (1, {"kind": "ledger"}),
    (1, {"kind": "none that is known"}),
    (1, {"kind": ["cap"]}),
    (1, {"epsilon": 0.0}),
    (1, {"epsilon": -1.0}),
    (1, {"epsilon": "3"}),
    (1, {"epsilon": True}),
    (1, {"epsilon": None}),
    (1, {"delta": 1.0}),
    (1, {"delta": 0.0}),
    (2, {"fit": 7}),
    (2, {"table": 7}),
    (2, {"epsilon": -1.0}),
    (2, {"delta": 2.0}),
    (2, {"limit": None}),
    (2, {"limit": {"mu_squared": -0.04, "runs": [], "delta": 0.0}}),
    (2, {"limit": {"mu_squared": 0.04, "runs": [], "delta": -1e-7}}),
    (2, {"limit": {"mu_squared": 0.04, "runs": []}}),
    (2, {"limit": {"mu_squared": 0.04, "runs": [[5.0, 0.02]], "delta": 0.0}}),
    (2, {"limit": {"mu_squared": 0.04, "runs": [[0.0, 0.02, 20]], "delta": 0.0}}),
    (2, {"limit": {"mu_squared": 0.04, "runs": [[5.0, 1.5, 20]], "delta": 0.0}}),
    (2, {"limit": {"mu_squared": 0.04, "runs": [[5.0, 0.02, 2.5]], "delta": 0.0}}),
    (2, {"limit": {"mu_squared": 0.04, "runs": [[5.0, 0.02, 0]], "delta": 0.0}}),
    (3, {"fit": "one that never began"}),
    (3, {"call": 1}),
    (3, {"releases": "none"}),
    (3, {"releases": [RELEASE | {"noise_multiplier": 0.0}]}),
    (3, {"releases": [RELEASE | {"noise_multiplier": -10.0}]}),
    (3, {"releases": [RELEASE | {"noise_multiplier": "10"}]}),
    (3, {"releases": [RELEASE | {"mechanism": "none"}]}),
    (3, {"releases": [RELEASE | {"delta": 0.1}]}),
    (3, {"releases": [RELEASE | {"steps": 3}]}),
    (3, {"releases": [RELEASE | {"sample_rate": 0.5}]}),
    (4, {"fit": "one that never began"}),
    (4, {"outcome": "won"}),
    (4, {"outcome": None}),
]


@pytest.mark.parametrize(("position", "changed"), NONSENSE)
def test_a_chain_of_nonsense_is_refused(tmp_path, position, changed):
    records = copy.deepcopy(RECORDS)
    records[position] |= changed
    with pytest.raises(LedgerError):
        read_chain(chain(tmp_path / "l", records))


@pytest.mark.parametrize(
    "order",
    [
        [HEAD, CAP, CHARGE, FIT],  # charged before it began, and so not counted
        [HEAD, CAP, FIT, END, CHARGE],
        [HEAD, CAP, FIT, END, END],
        [HEAD, CAP, FIT, CHARGE, FIT],
        [CAP, FIT],
    ],
)
def test_records_in_an_order_that_cannot_be_are_refused(tmp_path, order):
    with pytest.raises(LedgerError):
        read_chain(chain(tmp_path / "l", order))


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_what_is_no_number_is_refused(tmp_path, number):
    path = chain(tmp_path / "l", RECORDS)
    path.write_text(path.read_text().replace('"noise_multiplier":10.0', f'"noise_multiplier":{number}'))
    with pytest.raises(LedgerError, match="after 3 good lines"):
        read_chain(path)


def test_lines_are_refused_that_are_not_written_as_ours_are(tmp_path):
    """Spaces, another order of keys, or a key twice would leave the hash as it is."""
    path = chain(tmp_path / "l", RECORDS)
    for old, new in [('"kind":"cap"', '"kind": "cap"'), ('"kind":"cap"', '"kind":"fit","kind":"cap"')]:
        text = path.read_text()
        path.write_text(text.replace(old, new))
        with pytest.raises(LedgerError, match="after 1 good lines"):
            read_chain(path)
        path.write_text(text)
    read_chain(path)


@pytest.mark.parametrize("version", [0, 2, "1", None])
def test_another_version_is_named_as_such(tmp_path, version):
    with pytest.raises(LedgerError, match="expected version 1 of the format"):
        read_chain(chain(tmp_path / "l", [HEAD | {"version": version}, *RECORDS[1:]]))


COSTS = st.builds(
    Cost,
    st.floats(0, 100),
    st.lists(
        st.builds(SubsampledGaussian, st.floats(1, 100), st.floats(0.001, 1), st.integers(1, 999)),
        max_size=1,  # a fit has one discriminator
    ).map(tuple),
    st.floats(0, 0.5),
)


@given(cost=COSTS)
def test_a_cost_survives_json(cost):
    assert _cost_from_dict(json.loads(json.dumps(cost_to_dict(cost)))) == cost


class TestConfig:
    def test_text_is_a_path(self):
        config = LedgerConfig("some/ledger.jsonl", 3, 1e-5)
        assert config.path == Path("some/ledger.jsonl")
        assert config.cap == Cap(3.0, 1e-5)
        assert LedgerConfig("l").cap is None

    @pytest.mark.parametrize("epsilon", [math.nan, math.inf, -math.inf, -1.0, 0.0, "3", True])
    def test_a_cap_is_a_finite_number_above_zero(self, epsilon):
        with pytest.raises(ConfigError, match=r"ledger\.epsilon_cap: expected a number"):
            LedgerConfig("l", epsilon, 1e-5)

    @pytest.mark.parametrize("delta", [math.nan, math.inf, -1e-5, 0.0, 1.0, "0", False])
    def test_its_delta_lies_between_zero_and_one(self, delta):
        with pytest.raises(ConfigError, match=r"ledger\.delta_cap: expected a number"):
            LedgerConfig("l", 3.0, delta)

    @pytest.mark.parametrize("cap", [(3.0, None), (None, 1e-5)])
    def test_epsilon_and_delta_come_together(self, cap):
        with pytest.raises(ConfigError, match="epsilon_cap and delta_cap together"):
            LedgerConfig("l", *cap)

    @pytest.mark.parametrize("path", ["", None, 7, b"l"])
    def test_a_path_is_needed(self, path):
        with pytest.raises(ConfigError, match=r"ledger\.path: expected a path"):
            LedgerConfig(path)

    @pytest.mark.parametrize("may_change", [1, None, "no"])
    def test_whether_the_table_may_change_is_yes_or_no(self, may_change):
        with pytest.raises(ConfigError, match=r"ledger\.table_may_change: expected true or false"):
            LedgerConfig("l", table_may_change=may_change)
