"""One ledger per dataset: every charge of every fit, in an append-only file.

A line is one JSON record; it holds the SHA-256 of itself and of the line before, so a line that was changed,
moved or removed breaks the chain. A chain does not show that lines at its end are missing: a guard file beside it,
readable only by its owner, holds the number of lines, the last one's hash, and the key of the table's digest.
A charge is on the disk, guard included, before :meth:`LedgerFile.charge` returns, and only then may rows be read.

The file may be shared: its lines depend only on public arguments and released numbers, and the table's digest is keyed.
The guard must not be: anyone with its key can confirm a guess of the whole table.
"""

from __future__ import annotations

import datetime as dt
import hmac
import secrets
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

from filelock import FileLock, Timeout

from tabgan._util.files import (
    append_line,
    atomic_path,
    canonical,
    drop_torn_line,
    parse,
    sealed,
    sha256,
    sweep,
    unsealed,
)
from tabgan._util.printed import at_most
from tabgan.errors import BudgetExceededError, ConfigError, LedgerError, PrivacyError
from tabgan.privacy.accounting import Cost, epsilon_of_conversion, filter_order
from tabgan.privacy.events import Release, RunningCost
from tabgan.privacy.filter import LedgerPlace
from tabgan.privacy.ledger.records import (
    ADJACENCY,
    DIGEST_VERSION,
    FORMAT,
    NO_HASH,
    VERSION,
    Cap,
    FitRecord,
    LedgerConfig,
    LedgerRecord,
    charge_of,
    cost_to_dict,
    fit_of,
    is_ledger,
    read_chain,
    tag_version,
)
from tabgan.privacy.plan import Plan
from tabgan.privacy.unit import PrivacyUnit

#: Advice in error messages for a ledger without a copy.
_ADOPT = "Without one, remove the guard and accept the lines as they are with `tabgan ledger adopt`, which records it."

#: Seconds to wait for another process to write a line.
_PATIENCE = 60.0


class TableDigest(Protocol):
    """A table's digest under a key: :func:`~tabgan.privacy.doors.digest.table_digest` of one table."""

    def __call__(self, key: bytes, version: int = ..., /) -> str: ...


class LedgerFile:
    """A dataset's ledger on the disk.

    **Guarantee.** :meth:`begin` refuses a fit whose plan, added to everything in the file, would exceed the cap; that
    check reads no row. Until the fit ends, its whole plan counts. From the second fit on, totals are composed so that
    they hold even if a fit was planned after seeing earlier fits' results (:meth:`Cost.adaptive_epsilon`, its order
    fixed by the first cap); the first fit's plan cannot depend on any, so the tighter total applies to it.

    Args:
        path: Path of the file.
        has_guard: ``False`` reads a copy of the file without its guard, which stayed in the organisation. The chain
            is checked, but missing lines at its end do not show. Nothing can be added to it.

    Raises:
        LedgerError: lines were changed, removed or cut off, the guard is missing or another ledger's, or a file cannot
            be read.
    """

    def __init__(self, path: Path, *, has_guard: bool = True) -> None:
        self.path = Path(path)
        self.has_guard = has_guard
        self.records: list[LedgerRecord] = []
        self._guard: dict[str, Any] = {}
        self._stamp = (-1, -1)
        self._spent: dict[str, tuple[int, RunningCost]] = {}  # by fit, with the number of lines it covers
        if has_guard:
            self._load_if_any()
            return
        self.records = read_chain(self.path)
        if not self.records:
            raise LedgerError(
                f"ledger: {str(self.path)!r} is empty. Remove it; the first fit makes a new one."
            )

    # -- reading ------------------------------------------------------------------------------------------------

    @property
    def head(self) -> LedgerRecord:
        """The first record: the ledger's name, format and privacy unit."""
        return self.records[0]

    @property
    def unit(self) -> PrivacyUnit:
        """The unit of privacy of all fits."""
        return PrivacyUnit.from_dict(self.head["unit"])

    @property
    def cap(self) -> Cap | None:
        """The cap in force."""
        caps = [record for record in self.records if record["kind"] == "cap"]
        return Cap(caps[-1]["epsilon"], caps[-1]["delta"]) if caps else None

    @property
    def fits(self) -> tuple[FitRecord, ...]:
        """All fits, in the order in which they began."""
        return tuple(fit_of(record, self.records) for record in self.records if record["kind"] == "fit")

    def fit(self, name: str) -> FitRecord | None:
        """Return the ledger's record of a fit; ``None`` if it has none of that name."""
        begun = (record for record in self.records if record["kind"] == "fit" and record["fit"] == name)
        return next((fit_of(record, self.records) for record in begun), None)

    def place(self) -> LedgerPlace:
        """Return the ledger's current end."""
        return LedgerPlace(self.head["ledger"], self.records[-1]["entry"], self.records[-1]["hash"])

    # -- writing ------------------------------------------------------------------------------------------------

    def begin(self, name: str, plan: Plan, config: LedgerConfig, digest: TableDigest) -> None:
        """Record the start of a fit, with the largest cost that it may reach. Creates the file for the first fit.

        A fit that has begun before is checked against its table, and nothing is recorded.

        Args:
            name: The fit's random name.
            plan: The fit's plan, which must be private.
            config: The cap, and the flag for a table that may have changed.
            digest: Function that returns the table's digest under a key. Called only after the cap has admitted the
                fit, and while other processes may write; again, under the lock, if the last line's is of an older
                version.

        Raises:
            BudgetExceededError: the cap would be exceeded.
            LedgerError: the ledger belongs to another dataset or privacy unit, or ``config`` would raise the cap.
        """
        if self.fit(name) is None:
            self.check_cap(plan, config)
        key = self._guard.get("key") or secrets.token_hex(32)
        table = digest(bytes.fromhex(key))
        with self._locked():
            self._load_if_any()
            if self._guard.get("key", key) != key:  # another process has created the ledger meanwhile
                key = self._guard["key"]
                table = digest(bytes.fromhex(key))
            if self.fit(name) is not None:
                self._check_own_table(name, table, digest)
                return
            self._check_unit(plan.unit)
            cap = self._agreed_cap(config)
            self._check_cap(plan, cap)
            self._check_table(table, config, digest)
            self._guard.setdefault("key", key)
            if not self.records:
                self._write_guard()  # a crash before the first line leaves an empty ledger
                self._append("ledger", format=FORMAT, version=VERSION, ledger=secrets.token_hex(8),
                             unit={"entity": plan.unit.entity, "max_rows": plan.unit.max_rows},
                             neighboring_relation=ADJACENCY)  # fmt: skip
            if cap is not None and cap != self.cap:
                self._append("cap", epsilon=cap.epsilon, delta=cap.delta)
            self._append("fit", fit=name, epsilon=plan.epsilon, delta=plan.delta, limit=cost_to_dict(plan.cost),
                         table=self._tag(name, table))  # fmt: skip

    def charge(self, name: str, call: str, releases: Sequence[Release]) -> None:
        """Record a charge of a fit; it is on the disk when this returns.

        Raises:
            PrivacyError: the ledger has no open fit of that name.
        """
        with self._locked():
            self._load()
            limit = self._open_limit(name)
            if not limit.covers(self._spent_by(name).plus(releases).cost):
                raise BudgetExceededError(
                    f"ledger: fit {name} would exceed its own plan. Nothing was released."
                )
            self._append("charge", fit=name, call=call, releases=[release.to_dict() for release in releases])

    def end(self, name: str, outcome: str) -> None:
        """Record the end of a fit; from then on its charges count, and no longer its whole plan."""
        with self._locked():
            self._load()
            self._open_limit(name)
            self._append("end", fit=name, outcome=outcome)

    def set_cap(self, cap: Cap, *, may_end_fits: bool = False) -> None:
        """Set a new cap.

        Args:
            cap: The cap, higher or lower than the one in force.
            may_end_fits: Flag: accept a cap that leaves no room for any further fit.

        Raises:
            LedgerError: there is no ledger yet, or the counted epsilon already reaches the cap.
        """
        with self._locked():
            self._load()
            if not self.records:
                raise LedgerError(f"ledger: {str(self.path)!r} is empty. The first fit starts it.")
            counted = self.counted(cap)
            if counted >= cap.epsilon and not may_end_fits:
                raise LedgerError(
                    f"ledger: epsilon {at_most(counted)} counts in {str(self.path)!r} already, at delta {cap.delta:g}; "
                    f"a cap of {cap.epsilon:g} would refuse every further fit. Set a higher cap, or use "
                    "--force if that is intended (may_end_fits=True)."
                )
            self._append("cap", epsilon=cap.epsilon, delta=cap.delta)

    @classmethod
    def adopt(cls, path: Path) -> LedgerFile:
        """Create a new guard for a ledger that has lost its own, record this in a line, and return the ledger.

        Lines missing from the end of the file stay unknown; the table's digest starts afresh.

        Raises:
            LedgerError: the guard exists, or the lines do not form a chain.
        """
        ledger = cls(
            path, has_guard=False
        )  # read first, so that no lock is left beside a file that is not a ledger
        ledger.has_guard = True
        with ledger._locked():
            if ledger._guard_path.exists():
                raise LedgerError(
                    f"ledger: {str(ledger._guard_path)!r} exists. Only a ledger without a guard can be adopted."
                )
            ledger.records = read_chain(ledger.path)
            ledger._guard = {"key": secrets.token_hex(32)}
            ledger._append("adopted", reason="the guard was lost; lines at the end may be missing")
        return ledger

    # -- checks -------------------------------------------------------------------------------------------------

    def check_cap(self, plan: Plan, config: LedgerConfig, *later: Plan) -> None:
        """Raise if a fit's plan would exceed the cap, or has another privacy unit. Writes nothing.

        Args:
            plan: The plan of the next entry.
            config: The cap.
            later: Plans of further entries after it, which must have room as well.

        Raises:
            BudgetExceededError, LedgerError: see :meth:`begin`.
        """
        self._check_unit(plan.unit)
        cap = self._agreed_cap(config)
        self._check_cap(plan, cap)
        if cap is None or not later:
            return
        total = sum((each.cost for each in (plan, *later)), self.held(cap))
        epsilon = self.adaptive_epsilon(total, cap)
        if not epsilon <= cap.epsilon:
            raise BudgetExceededError(
                f"ledger: the fit and the private metrics after it would bring {str(self.path)!r} to "
                f"epsilon={at_most(epsilon)} at delta={cap.delta:g}, over its cap of {cap.epsilon:g}. No row was read. "
                "Ask for less, or have the cap raised."
            )

    def _check_unit(self, unit: PrivacyUnit) -> None:
        if self.records and unit != self.unit:
            raise LedgerError(
                f"ledger: {str(self.path)!r} protects one {self.unit.name}; this fit would protect one {unit.name}, "
                "and the two do not add up. Keep the unit, or use a ledger for each, neither of which covers both."
            )

    def _check_table(self, table: str, config: LedgerConfig, digest: TableDigest) -> None:
        charged = {fit.name for fit in self.fits if fit.charges or fit.outcome is None}
        known = [r for r in self._since_adopted() if r["kind"] == "fit" and r["fit"] in charged]
        if config.table_may_change or not known:
            return
        if not self._is_of(known[-1], table, digest):
            raise LedgerError(
                f"ledger: {str(self.path)!r} belongs to another table. Use the ledger of this dataset; if the "
                "table is a newer state of the same dataset, set table_may_change: true (--table-may-change); fits "
                "still add up."
            )

    def _check_own_table(self, name: str, table: str, digest: TableDigest) -> None:
        own = [r for r in self._since_adopted() if r["kind"] == "fit" and r["fit"] == name]
        if own and not self._is_of(own[0], table, digest):
            raise LedgerError(
                f"ledger: according to {str(self.path)!r}, the fit began on another table. Resume with the same "
                "rows, or start a new fit in a new checkpoint."
            )

    def _is_of(self, begun: LedgerRecord, table: str, digest: TableDigest) -> bool:
        """Return true if a fit began on the table with a digest, compared in the version of the fit's line.

        Raises:
            LedgerError: this tabgan does not know that version.
        """
        version = tag_version(begun["table"])
        if 1 <= version < DIGEST_VERSION:
            table = digest(bytes.fromhex(self._guard["key"]), version)
        elif version != DIGEST_VERSION:
            raise LedgerError(
                f"ledger: {str(self.path)!r} holds its table's digest in a version that this tabgan does not know: "
                f"expected 1 to {DIGEST_VERSION}. Use the tabgan that wrote it, or a newer one."
            )
        return hmac.compare_digest(self._tag(begun["fit"], table, version), begun["table"])

    def _tag(self, name: str, table: str, version: int = DIGEST_VERSION) -> str:
        """Return the tag of a fit's table for its line, which is different for every fit.

        Equal tags would tell readers of the ledger that nobody joined and nobody left. The version of the digest
        precedes the tag, except for version 1.
        """
        tag = hmac.new(bytes.fromhex(self._guard["key"]), f"{name} {table}".encode(), "sha256").hexdigest()
        return tag if version == 1 else f"{version}:{tag}"

    def _since_adopted(self) -> list[LedgerRecord]:
        adopted = [i for i, record in enumerate(self.records) if record["kind"] == "adopted"]
        return self.records[adopted[-1] :] if adopted else self.records

    def _agreed_cap(self, config: LedgerConfig) -> Cap | None:
        """Return the cap that a fit is checked against: it may ask for a lower one than the ledger's, not a higher."""
        cap = config.cap
        if cap is None or self.cap is None:
            return cap or self.cap
        if cap.epsilon > self.cap.epsilon or cap.delta > self.cap.delta:
            raise LedgerError(
                f"ledger: the cap in {str(self.path)!r} is epsilon={self.cap.epsilon:g}, delta={self.cap.delta:g}; the "
                f"fit asks for epsilon={cap.epsilon:g}, delta={cap.delta:g}. Raise it with `tabgan ledger cap`, which "
                "records the change, or ask for no more."
            )
        return cap

    def _check_cap(self, plan: Plan, cap: Cap | None) -> None:
        if cap is None:
            return
        epsilon = self.epsilon_with(plan.cost, cap)
        if not epsilon <= cap.epsilon:
            raise BudgetExceededError(
                f"ledger: this would bring {str(self.path)!r} to epsilon={at_most(epsilon)} at delta={cap.delta:g}, "
                f"over its cap of {cap.epsilon:g}. {self._held_by()}No row was read. Ask for less, or have the cap "
                "raised."
            )

    def epsilon_with(self, cost: Cost, cap: Cap) -> float:
        """Return the epsilon that counts against a cap with a next fit: the tighter total if it is the first."""
        held = self.held(cap)
        return cost.epsilon(cap.delta) if held == Cost() else self.adaptive_epsilon(held + cost, cap)

    def adaptive_epsilon(self, total: Cost, cap: Cap) -> float:
        """Return epsilon at a cap's delta, composed so that fits may be planned after seeing earlier results."""
        return total.adaptive_epsilon(cap.delta, self._order(cap))

    def counted_once(self, cap: Cap) -> float:
        """Return the epsilon that the first release takes of a cap beside its own, and no later one."""
        return max(epsilon_of_conversion(self._order(cap), cap.delta), 0.0)

    def _order(self, cap: Cap) -> float:
        """Return the Renyi order, which the ledger's first cap fixes."""
        first = next((Cap(r["epsilon"], r["delta"]) for r in self.records if r["kind"] == "cap"), cap)
        return filter_order(first.epsilon, first.delta)

    def counted(self, cap: Cap) -> float:
        """Return the epsilon that counts against a cap before a next fit."""
        return self.adaptive_epsilon(self.held(cap), cap)

    def held(self, cap: Cap) -> Cost:
        """Return the cost that counts against a cap: the charges of ended fits, and the whole plans of open ones.

        A first fit that only the tighter total admitted counts with its whole plan for ever, once it has charged
        anything: the room for later fits must not depend on its outcome.
        """

        def counts_whole(fit: FitRecord) -> bool:
            return bool(fit.charges) and not self.adaptive_epsilon(fit.limit, cap) <= cap.epsilon

        return sum((fit.limit if counts_whole(fit) else fit.held for fit in self.fits), Cost())

    def _held_by(self) -> str:
        unfinished = [fit.name for fit in self.fits if fit.outcome is None]
        if not unfinished:
            return ""
        return (
            f"The whole plans of {len(unfinished)} unfinished fits count ({', '.join(unfinished)}): resume them, or "
            "end them with `tabgan ledger close`. "
        )

    def _spent_by(self, name: str) -> RunningCost:
        """Return the cost of a fit's charges; a call reads those that were written since the call before it."""
        start, spent = self._spent.get(name, (0, RunningCost()))
        for record in self.records[start:]:
            if record["kind"] == "charge" and record["fit"] == name:
                spent = spent.plus(charge_of(record)[1])
        self._spent[name] = len(self.records), spent
        return spent

    def _open_limit(self, name: str) -> Cost:
        """Return the largest cost that an open fit may reach; its charges are not read.

        Raises:
            PrivacyError: there is no open fit of that name.
        """
        lines = [each for each in self.records if each.get("fit") == name and each["kind"] != "charge"]
        fit = fit_of(lines[0], lines) if lines else None
        if fit is None or fit.outcome is not None:
            state = "it has none of that name" if fit is None else f"that one is {fit.outcome}"
            raise PrivacyError(
                f"ledger: {str(self.path)!r} has no open fit {name!r}: {state}. Nothing was changed."
            )
        return fit.limit

    # -- the files ----------------------------------------------------------------------------------------------

    @property
    def _guard_path(self) -> Path:
        return self.path.with_name(self.path.name + ".guard")

    def _locked(self) -> AbstractContextManager[Any]:
        """Lock the ledger against writes by other processes."""
        if not self.has_guard:
            raise LedgerError(
                f"ledger: {str(self.path)!r} was read without its guard, so nothing can be added."
            )
        lock = FileLock(self.path.with_name(self.path.name + ".lock"), timeout=_PATIENCE)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            return lock.acquire()
        except Timeout:
            raise LedgerError(
                f"ledger: another process has held {str(self.path)!r} for a minute. Try again."
            ) from None
        except OSError as error:
            raise ConfigError(f"ledger: cannot write {str(self.path)!r}: {error.strerror}.") from None

    def _load_if_any(self) -> None:
        if self.path.exists() or self._guard_path.exists():
            self._load()

    def _load(self) -> None:
        """Read all lines, and check them against the chain and the guard; skip this if nobody has written since."""
        guard = self._read_guard()
        if not self.path.exists():
            if guard["count"]:
                raise LedgerError(
                    f"ledger: {str(self.path)!r} is missing, its guard is not. Restore it from a copy. Without one, "
                    "the spending is unknown: start a new ledger under another name, with a cap that allows for it."
                )
            self.records, self._guard, self._spent = [], guard, {}
            return
        stamp = self._now()  # before the lines are read: the next call reads again if any were added
        if self.records and guard == self._guard and stamp == self._stamp:
            return
        records = read_chain(self.path)
        if self._read_guard() == guard:
            self._take(records, guard, stamp)
        else:  # another process wrote meanwhile, which happens only to a reader without the lock
            self._load()

    def _take(self, records: list[LedgerRecord], guard: dict[str, Any], stamp: tuple[int, int]) -> None:
        """Accept the records that were read, if the guard confirms them."""
        count, last = guard["count"], guard["hash"]
        if len(records) < count or (records and count and records[count - 1]["hash"] != last):
            raise LedgerError(
                f"ledger: {str(self.path)!r} has {len(records)} lines, its guard has {count}, or different ones: lines "
                f"are missing, or one of the two files is an old copy. Restore both from the newest copy. {_ADOPT}"
            )
        # One line more than the guard knows: a crash came between the two. It counts.
        if len(records) > count + 1:
            raise LedgerError(
                f"ledger: {str(self.path)!r} has lines that its guard does not know. Restore both files."
            )
        self.records, self._guard, self._stamp, self._spent = records, guard, stamp, {}

    def _now(self) -> tuple[int, int]:
        """Return the file's size and time, which change with every write."""
        stat = self.path.stat()
        return stat.st_size, stat.st_mtime_ns

    def _read_guard(self) -> dict[str, Any]:
        try:
            guard = unsealed(self._guard_path.read_text(encoding="utf-8"))
            key, count, last = guard.pop("key"), guard.pop("count"), guard.pop("hash")
            is_count = isinstance(count, int) and not isinstance(count, bool) and count >= 0
            if guard or not is_count or not isinstance(last, str) or len(bytes.fromhex(key)) != 32:
                raise ValueError
        except FileNotFoundError:
            if not self.path.exists():
                raise LedgerError(
                    f"ledger: no ledger {str(self.path)!r}. The first fit creates it."
                ) from None
            if not is_ledger(self.path):
                raise LedgerError(
                    f"ledger: {str(self.path)!r} is not a ledger. Name one, or a file that does not exist yet."
                ) from None
            raise LedgerError(
                f"ledger: {str(self._guard_path)!r} is missing, and without it missing lines cannot be detected. "
                "Restore it, or accept the ledger as it is with `tabgan ledger adopt`, which records it."
            ) from None
        except PermissionError:
            raise LedgerError(
                f"ledger: {str(self._guard_path)!r} is readable by its owner only. Without it, `tabgan ledger show "
                "--without-guard` checks the chain."
            ) from None
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            raise LedgerError(
                f"ledger: {str(self._guard_path)!r} is damaged. Restore it from a copy. {_ADOPT}"
            ) from None
        return {"key": key, "count": count, "hash": last}

    def _append(self, kind: str, **content: Any) -> None:
        """Write one line, then the guard; both are on the disk when this returns."""
        record = {
            "entry": len(self.records),
            "kind": kind,
            "at": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
            **content,
            "previous": self.records[-1]["hash"] if self.records else NO_HASH,
        }
        record["hash"] = sha256(canonical(record))
        if self._guard.get("count", len(self.records)) != len(self.records):
            self._write_guard()  # add the line that it missed in a crash: it may lack one, never two
        if self.path.exists():
            drop_torn_line(self.path)
        append_line(self.path, canonical(record))
        self.records.append(parse(canonical(record)))
        self._write_guard()
        self._stamp = self._now()

    def _write_guard(self) -> None:
        last = self.records[-1]["hash"] if self.records else NO_HASH
        self._guard |= {"count": len(self.records), "hash": last}
        sweep(self._guard_path)
        with atomic_path(self._guard_path, mode=0o600) as temporary:
            temporary.write_text(sealed(self._guard), encoding="utf-8")


class FitEntry:
    """One fit's part of a ledger file, the book of its :class:`~tabgan.privacy.filter.PrivacyFilter`.

    Args:
        file: The ledger.
        name: Name of the fit.
        has_place: True if statements name the fit's place in the ledger.
    """

    def __init__(self, file: LedgerFile, name: str, has_place: bool = True) -> None:
        self.file = file
        self.name = name
        self._has_place = has_place
        fit = file.fit(name)
        self.past = () if fit is None else fit.charges
        self.doubtful: tuple[Release, ...] = ()
        self._written = len(self.past)

    def write(self, call: str, releases: Sequence[Release]) -> None:
        """Record a charge; see :meth:`LedgerFile.charge`."""
        try:
            self.file.charge(self.name, call, releases)
        except OSError:  # a line whose guard could not be written counts
            fit = self.file.fit(self.name)
            self.doubtful = tuple(releases) if fit and len(fit.charges) > self._written else ()
            raise
        self._written += 1

    def place(self) -> LedgerPlace | None:
        """Return the ledger's current end; ``None`` for a ledger that does not outlive its fit."""
        return self.file.place() if self._has_place else None
