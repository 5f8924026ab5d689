"""The records of a dataset's ledger: its lines, read and checked, and a fit's configuration of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

from tabgan._util import validate
from tabgan._util.files import canonical, parse, read_lines, sha256
from tabgan.errors import ConfigError, LedgerError, PrivacyError
from tabgan.privacy.accounting import Cost, SubsampledGaussian, check_parameters
from tabgan.privacy.events import Release, cost_of, is_number
from tabgan.privacy.unit import PrivacyUnit

FORMAT, VERSION = "tabgan-ledger", 1

#: Version of a table's digest. Version 1 covered the representation: order and dtypes counted.
DIGEST_VERSION = 3

#: The previous hash of the first line.
NO_HASH = "0" * 64

#: The relation between neighbouring tables, in every fit of a ledger.
ADJACENCY = "add_or_remove_one"

#: Outcomes of a fit; a person closes one that will not be resumed.
OUTCOMES = ("done", "failed", "closed")

#: Fields of every record, and further ones of each kind: nothing has a default on load.
_COMMON = {"entry", "kind", "at", "previous", "hash"}
_FURTHER = {
    "ledger": {"format", "version", "ledger", "unit", "neighboring_relation"},
    "cap": {"epsilon", "delta"},
    "fit": {"fit", "epsilon", "delta", "limit", "table"},
    "charge": {"fit", "call", "releases"},
    "end": {"fit", "outcome"},
    "adopted": {"reason"},
}


class LedgerRecord(TypedDict, total=False):
    """A line of a ledger: the keys of every line, and those of its kind."""

    entry: int
    kind: str
    at: str
    previous: str
    hash: str
    format: str
    version: int
    ledger: str
    unit: dict[str, object]
    neighboring_relation: str
    epsilon: float
    delta: float
    fit: str
    limit: dict[str, object]
    table: str
    call: str
    releases: list[dict[str, object]]
    outcome: str
    reason: str


@dataclass(frozen=True)
class Cap:
    """The most that all fits on a dataset may cost together.

    Attributes:
        epsilon: Above 0.
        delta: In (0, 1).
    """

    epsilon: float
    delta: float


@dataclass(frozen=True)
class LedgerConfig:
    """The ledger that a fit adds to, and its cap.

    Args:
        path: Path of the ledger, which the first fit creates. Keep one per dataset, next to the data and backed up.
        epsilon_cap: The most that all fits may cost together; ``None`` keeps the ledger's own cap, if it has one.
        delta_cap: The delta of that total; together with ``epsilon_cap`` or not at all.
        table_may_change: True if a table whose rows differ from those of the ledger's last fit is a newer state of
            the same dataset; fits still add up. ``False`` refuses it.

    Raises:
        ConfigError: an argument is out of its range.
    """

    path: Path
    epsilon_cap: float | None = None
    delta_cap: float | None = None
    table_may_change: bool = False

    def __post_init__(self) -> None:
        if not isinstance(self.path, str | Path) or str(self.path) == "":
            raise ConfigError(f"ledger.path: expected a path, got {validate.shown(self.path)}.")
        object.__setattr__(self, "path", Path(self.path))
        if (self.epsilon_cap is None) != (self.delta_cap is None):
            raise ConfigError("ledger: expected epsilon_cap and delta_cap together, got one of them.")
        if not isinstance(self.table_may_change, bool):
            raise ConfigError(
                f"ledger.table_may_change: expected true or false, got {validate.shown(self.table_may_change)}."
            )
        if self.epsilon_cap is not None:
            object.__setattr__(self, "epsilon_cap", validate.positive("ledger.epsilon_cap", self.epsilon_cap))
            object.__setattr__(
                self, "delta_cap", validate.real_in("ledger.delta_cap", self.delta_cap, 0.0, 1.0)
            )

    @classmethod
    def of(cls, ledger: LedgerConfig | str | Path | None) -> LedgerConfig | None:
        """Return the configuration of a ledger that may be given as a path; ``None`` for none.

        Raises:
            ConfigError: ``ledger`` is anything else.
        """
        return ledger if ledger is None or isinstance(ledger, cls) else cls(ledger)  # type: ignore[arg-type]

    @property
    def cap(self) -> Cap | None:
        """The requested cap; ``None`` for the ledger's own."""
        if self.epsilon_cap is None or self.delta_cap is None:
            return None
        return Cap(self.epsilon_cap, self.delta_cap)


@dataclass(frozen=True)
class FitRecord:
    """A ledger's record of one fit.

    Attributes:
        name: The fit's random name.
        began: Time of its start, in UTC.
        epsilon: The promised epsilon.
        delta: The promised delta.
        limit: The most that it may cost: its plan.
        charges: Call and releases of every charge, in order.
        outcome: ``"done"``, ``"failed"``, ``"closed"`` by hand, or ``None`` while it is open.
    """

    name: str
    began: str
    epsilon: float
    delta: float
    limit: Cost
    charges: tuple[tuple[str, tuple[Release, ...]], ...]
    outcome: str | None

    @property
    def spent(self) -> Cost:
        """Cost of all charges so far."""
        return cost_of(release for _, releases in self.charges for release in releases)

    @property
    def held(self) -> Cost:
        """Cost that counts against a cap: the charges of an ended fit, the whole plan of an open one."""
        return self.spent if self.outcome is not None else self.limit


def is_ledger(path: Path) -> bool:
    """Return true if a file begins like a ledger, complete or not."""
    try:
        head = parse(read_lines(path)[0])
        return isinstance(head, dict) and head.get("format") == FORMAT
    except (OSError, ValueError, IndexError, RecursionError):
        return False


def read_chain(path: Path) -> list[LedgerRecord]:
    """Return the records of a file whose lines form a chain.

    Raises:
        LedgerError: they do not, or are not valid records of a ledger.
    """
    records: list[LedgerRecord] = []
    previous = NO_HASH
    try:
        for number, line in enumerate(read_lines(path)):
            record = parse(line)
            content = {key: value for key, value in record.items() if key != "hash"}
            is_next = record["entry"] == number and record["previous"] == previous
            if not is_next or record["hash"] != sha256(canonical(content)) or canonical(record) != line:
                raise ValueError
            previous = record["hash"]
            records.append(record)
        _check_records(records)
    except LedgerError:
        raise
    except OSError as error:
        raise LedgerError(f"ledger: cannot read {str(path)!r}: {error.strerror}.") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, PrivacyError):
        raise LedgerError(
            f"ledger: {str(path)!r} breaks off after {len(records)} good lines: the next was changed, moved, or does "
            "not belong to a ledger. Restore the file and its guard from a copy."
        ) from None
    return records


def _check_records(records: list[LedgerRecord]) -> None:
    """Raise unless records are valid in this version: an intact chain shows only that nobody changed it later.

    Raises:
        LedgerError: the records are of another version.
        ValueError, KeyError, TypeError, PrivacyError: a record is not valid.
    """
    if not records:
        return
    _check_head(records[0])
    is_open: dict[str, bool] = {}  # by fit: a charge that belongs to no open fit would not count
    for record in records[1:]:
        if set(record) != _COMMON | _FURTHER[record["kind"]]:
            raise KeyError
        if record["kind"] == "cap":
            Cap(
                validate.positive("cap", record["epsilon"]),
                validate.real_in("cap", record["delta"], 0.0, 1.0),
            )
        elif record["kind"] == "fit":
            fit_of(record, ())
            if record["fit"] in is_open or not _are_texts(record["fit"], record["table"]):
                raise ValueError
            is_open[record["fit"]] = True
        elif record["kind"] in ("charge", "end"):
            if not is_open[record["fit"]]:
                raise ValueError
            is_open[record["fit"]] = _goes_on(record)
        elif record["kind"] == "ledger":
            raise ValueError


def _check_head(head: LedgerRecord) -> None:
    if (head["kind"], head["format"]) != ("ledger", FORMAT):
        raise ValueError
    if head["version"] != VERSION:
        raise LedgerError(
            f"ledger: expected version {VERSION} of the format. Use the tabgan that wrote the ledger, or a newer one."
        )
    is_whole = set(head) == _COMMON | _FURTHER["ledger"]
    if not is_whole or head["neighboring_relation"] != ADJACENCY or not _are_texts(head["ledger"]):
        raise ValueError
    PrivacyUnit.from_dict(head["unit"])


def _goes_on(record: LedgerRecord) -> bool:
    """Return true if a fit is still open after one of its lines, which is checked."""
    if record["kind"] == "charge":
        charge_of(record)
        return True
    if record["outcome"] not in OUTCOMES:
        raise ValueError
    return False


def charge_of(record: LedgerRecord) -> tuple[str, tuple[Release, ...]]:
    """Return the call and the releases of a charge."""
    releases = tuple(Release.from_dict(release) for release in record["releases"])
    for release in releases:
        release.check()
    if not _are_texts(record["call"]):
        raise ValueError
    return record["call"], releases


def _are_texts(*values: object) -> bool:
    return all(isinstance(value, str) for value in values)


def fit_of(begun: LedgerRecord, records: Sequence[LedgerRecord]) -> FitRecord:
    """Return the record of the fit that one of the records began."""
    own = [record for record in records if record.get("fit") == begun["fit"]]
    charges = [charge_of(record) for record in own if record["kind"] == "charge"]
    ended = [str(record["outcome"]) for record in own if record["kind"] == "end"]
    return FitRecord(
        name=str(begun["fit"]),
        began=str(begun["at"]),
        epsilon=validate.positive("epsilon", begun["epsilon"]),
        delta=validate.real_in("delta", begun["delta"], 0.0, 1.0),
        limit=_cost_from_dict(begun["limit"]),
        charges=tuple(charges),
        outcome=ended[-1] if ended else None,
    )


def tag_version(table: str) -> int:
    """Return the version of the table's digest in a fit's line: 3 for the prefix ``3:``, 1 for none.

    0 stands for an invalid version.
    """
    version, colon, _ = table.rpartition(":")
    if not colon:
        return 1
    return int(version) if version.isascii() and version.isdigit() and len(version) <= 9 else 0


def cost_to_dict(cost: Cost) -> dict[str, object]:
    """Return a cost as plain data for JSON."""
    runs = [[run.noise_multiplier, run.sample_rate, run.steps] for run in cost.runs]
    return {"mu_squared": cost.mu_squared, "runs": runs, "delta": cost.delta}


def _cost_from_dict(data: dict[str, Any]) -> Cost:
    """Return the cost that :func:`cost_to_dict` wrote.

    Raises:
        ValueError, KeyError, TypeError, PrivacyError: the data is not a valid cost.
    """
    runs = tuple(SubsampledGaussian(*run) for run in data["runs"])
    numbers = [data["mu_squared"], data["delta"], *(value for run in data["runs"] for value in run)]
    if set(data) != {"mu_squared", "runs", "delta"} or not all(map(is_number, numbers)):
        raise ValueError
    cost = Cost(data["mu_squared"], runs, data["delta"])
    if len(runs) > 1 or not data["delta"] < 1:  # a fit has one discriminator
        raise ValueError
    check_parameters(cost.mu, runs)
    return cost
