"""A checkpoint, the folder that an interrupted fit resumes from: the same fit, the same ledger, no noise drawn twice.

It holds what has left through the doors (noisy answers and gradients, private metrics too), the public arguments, and
secrets that stay in the organisation: a seed for all randomness except privacy noise, and the key of the table's
digest. It holds no row, and no state of any generator of privacy noise, which always comes fresh from the operating
system.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from tabgan._util.files import (
    MAX_DIGITS,
    append_line,
    atomic_path,
    canonical,
    drop_torn_line,
    leftovers,
    parse,
    read_lines,
    sealed,
    sha256,
    unsealed,
)
from tabgan._util.rng import RandomStreams
from tabgan._util.validate import shown
from tabgan.errors import CheckpointError, ConfigError
from tabgan.privacy.doors.digest import table_digest
from tabgan.privacy.events import is_number
from tabgan.privacy.ledger.file import LedgerFile
from tabgan.privacy.ledger.journal import Journal
from tabgan.privacy.ledger.records import DIGEST_VERSION, FitRecord, tag_version

FORMAT, VERSION = "tabgan-checkpoint", 2

_MANIFEST, _ANSWERS, _LEDGER, _REQUESTS, _SEED, _LOCK = (
    "manifest.json",
    "released.jsonl",
    "ledger.jsonl",
    "private-metrics.jsonl",
    "holdout.json",
    "lock",
)

#: Answers to a request for private metrics, by its name of 16 digits.
_REQUEST_ANSWERS = "private-metrics.{}.jsonl"

#: Names of both that older checkpoints hold; what stands there stays there.
_OLD_REQUESTS, _OLD_REQUEST_ANSWERS = "purchases.jsonl", "bought.{}.jsonl"

#: The state of a training in older checkpoints, which nothing reads any more.
_OLD_STATE = "training.safetensors"

#: All files that a checkpoint may hold, except the answers to requests: one file each.
_FILES = (
    *(_MANIFEST, _ANSWERS, _LEDGER, _LEDGER + ".guard", _LEDGER + ".lock"),
    *(_REQUESTS, _OLD_REQUESTS, _OLD_STATE, _SEED, _LOCK),
)

#: The alternative that errors offer for a checkpoint that cannot be resumed.
NEW_FIT = (
    "Or remove the folder for a new fit, and end the old one, if a ledger has it open: `tabgan ledger close`."
)

_KEYS = {"format", "version", "fit", "request", "entropy", "key", "table"}


def new_fit(name: str) -> str:
    """Return the alternative to resuming the fit ``name``, for an error."""
    return NEW_FIT.replace("close`", f"close LEDGER {name}`")


def folder_of(checkpoint: str | Path | None) -> Path | None:
    """Return a checkpoint's folder as a path.

    Raises:
        ConfigError: the argument is not a path.
    """
    if checkpoint is None:
        return None
    if not isinstance(checkpoint, str | Path) or str(checkpoint) == "":
        raise ConfigError(f"checkpoint: expected the path of a folder, got {shown(checkpoint)}.")
    return Path(checkpoint)


class Checkpoint:
    """The checkpoint of one fit.

    Args:
        folder: A new or empty folder, or a checkpoint's.
        request: The fit's public arguments, as plain data.
        entropy: The seed of all randomness except privacy noise; a resumed fit keeps its own.

    Raises:
        CheckpointError: the folder holds other files, a damaged checkpoint, or one with other arguments.

    Attributes:
        fit: The fit's random name, in the ledger too.
        entropy: The seed.
        is_new: True if nothing was kept here before.
    """

    def __init__(self, folder: Path, request: Mapping[str, object], entropy: int) -> None:
        self.folder = Path(folder)
        self._lock = FileLock(self.folder / _LOCK)
        _check_folder(self.folder)
        self.is_new = not (self.folder / _MANIFEST).exists()
        if self.is_new:
            _check_nothing_kept(self.folder)
            self._manifest: dict[str, Any] = {
                "format": FORMAT,
                "version": VERSION,
                "fit": secrets.token_hex(8),
                "request": parse(canonical(request)),
                "entropy": str(entropy),
                "key": secrets.token_hex(32),
                "table": None,
            }
            return
        self._manifest = _read_manifest(self.folder)
        differing = _differing(self._manifest["request"], parse(canonical(request)))
        if differing:
            raise CheckpointError(
                f"checkpoint: {str(self.folder)!r} belongs to a fit with other arguments: {', '.join(differing)} "
                f"differ. Fit with the same ones to resume. {new_fit(self.fit)}"
            )

    @property
    def fit(self) -> str:
        """The fit's random name."""
        return str(self._manifest["fit"])

    @property
    def entropy(self) -> int:
        """The seed of all randomness except privacy noise."""
        return int(self._manifest["entropy"])

    @property
    def ledger_path(self) -> Path:
        """Path of the checkpoint's own ledger, used without a dataset's."""
        return self.folder / _LEDGER

    @property
    def has_answers(self) -> bool:
        """True if anything was released that only the ledger can account for."""
        return (self.folder / _ANSWERS).exists()

    def check_answers(self, calls: Collection[str]) -> None:
        """Raise if the answers of an open fit are gone: one that has charged a second call has kept the first's.

        Args:
            calls: Names of the calls that the ledger has charged.

        Raises:
            CheckpointError: the answers are gone.
        """
        if len(calls) > 1 and not self.has_answers:
            raise _damaged(self.folder / _ANSWERS)

    def take(self) -> None:
        """Lock the checkpoint against other processes until this one leaves it, or ends.

        Raises:
            CheckpointError: another process has it, or has changed it since it was opened; or a file is missing.
        """
        make_private_folder(self.folder)
        _acquire(self._lock, self.folder)
        _sweep(self.folder)
        is_new = not (self.folder / _MANIFEST).exists()
        if is_new != self.is_new or not (is_new or _read_manifest(self.folder) == self._manifest):
            self.leave()
            raise CheckpointError(
                f"checkpoint: another process has changed {str(self.folder)!r} meanwhile. Start again."
            )

    def leave(self) -> None:
        """Release the lock."""
        self._lock.release()

    def bind(self, *tables: object) -> None:
        """Bind the checkpoint to a fit's tables; reads their rows and keeps a keyed digest.

        The same rows may come in another order, but with the same columns and dtypes, which determine the releases and
        so the answers that can be reused.

        Raises:
            CheckpointError: it is bound to other tables.
            DataError: a table is not a DataFrame.
        """
        key = bytes.fromhex(self._manifest["key"])
        known = self._manifest["table"]
        version = _digest_version(known)
        by_table = {id(each): each for each in tables}  # most fits are to their whole table
        of_each = {place: table_digest(each, key, version) for place, each in by_table.items()}
        digests = " ".join(of_each[id(each)] for each in tables)
        table = digests if version == 1 else f"{version}:{digests} {sha256(canonical(_forms(tables)))}"
        if known is not None and known != table:
            raise CheckpointError(
                f"checkpoint: {str(self.folder)!r} belongs to a fit to another table. Fit to the same rows, with the "
                f"same columns and dtypes, to resume. {new_fit(self.fit)}"
            )
        if known is None:
            self._manifest["table"] = table
            make_private_folder(self.folder)
            _write_sealed(self.folder / _MANIFEST, self._manifest)

    def journal(self) -> Journal:
        """Return the journal of the answers released so far."""
        return Journal(self.folder / _ANSWERS, self.fit)

    def discard(self) -> None:
        """Remove the checkpoint of a finished or abandoned fit. Its charges stay spent."""
        self.leave()
        discard(self.folder)


@dataclass(frozen=True)
class BegunRequest:
    """A request for private metrics that was begun beside a fit.

    Attributes:
        name: Its own random name, in the ledger too.
        subject: Digest of all that its answers are about.
        epsilon: The most that it may cost.
        delta: The most that it may cost.
        ledger: Path of the ledger that holds its charges.
    """

    name: str
    subject: str
    epsilon: float
    delta: float
    ledger: str


def _is_whole(begun: BegunRequest) -> bool:
    """Return true if the fields of a request are what they should be: a seal is not a signature."""
    texts = (begun.name, begun.subject, begun.ledger)
    numbers = (begun.epsilon, begun.delta)
    if not all(isinstance(text, str) for text in texts) or not all(map(is_number, numbers)):
        return False
    return re.fullmatch("[0-9a-f]{16}", begun.name) is not None and begun.epsilon > 0 and 0 < begun.delta < 1


def _digest_version(known: str | None) -> int:
    """Return the version by which digests of a fit are compared: that of the table it is bound to, if it is known."""
    version = 0 if known is None else tag_version(known)
    return min(version, DIGEST_VERSION) or DIGEST_VERSION


class KeptRequests:
    """The requests for private metrics that are kept beside a checkpoint's fit.

    Args:
        folder: The fit's checkpoint.

    Raises:
        CheckpointError: it is none, or damaged.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)
        _check_folder(self.folder)
        if not has_begun(self.folder):
            raise CheckpointError(
                f"checkpoint: expected the folder of the model's fit, found no fit in {str(self.folder)!r}. Give the "
                "one that fit(checkpoint=...) was given, or leave it out."
            )
        manifest = _read_manifest(self.folder)
        self._fit, self._key = str(manifest["fit"]), bytes.fromhex(manifest["key"])
        self._version = _digest_version(manifest["table"])
        self._lock = FileLock(self.folder / _LOCK)

    @property
    def ledger_path(self) -> Path:
        """Path of the checkpoint's own ledger, used without a dataset's."""
        return self.folder / _LEDGER

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Keep other processes from measuring or resuming here meanwhile.

        Raises:
            CheckpointError: another one is at work here.
        """
        _acquire(self._lock, self.folder)
        try:
            yield
        finally:
            self._lock.release()

    def digest(self, table: object) -> str:
        """Return a keyed digest of a private table."""
        return table_digest(table, self._key, self._version)

    def begun(self) -> tuple[BegunRequest, ...]:
        """Return all requests that were begun, in their order.

        Raises:
            CheckpointError: a line was changed, or is none of this fit's.
        """
        return tuple(each for name in (_OLD_REQUESTS, _REQUESTS) for each in self._begun(self.folder / name))

    def _begun(self, path: Path) -> tuple[BegunRequest, ...]:
        """Return the requests of one file; none where it is missing."""
        if not path.exists():
            return ()
        try:
            lines = [unsealed(line) for line in read_lines(path)]
            requests = tuple(BegunRequest(*rest) for _, *rest in lines)
            if any(whose != self._fit for whose, *_ in lines) or not all(map(_is_whole, requests)):
                raise ValueError
            return requests
        except (OSError, ValueError, TypeError, RecursionError):
            raise _damaged(path) from None

    def begin(self, request: BegunRequest) -> None:
        """Record that a request begins, unless it has; it is on the disk when this returns."""
        if request in self.begun():
            return
        path = self.folder / _REQUESTS
        if path.exists():
            drop_torn_line(path)
        append_line(path, sealed([self._fit, *astuple(request)]), mode=0o600)

    def journal(self, name: str) -> Journal:
        """Return the answers to a request."""
        old = self.folder / _OLD_REQUEST_ANSWERS.format(name)
        return Journal(old if old.exists() else self.folder / _REQUEST_ANSWERS.format(name), name)


def holdout_seed(folder: Path) -> int:
    """Return a secret seed, drawn once per checkpoint, for the coins that select the holdout before the fit.

    Raises:
        CheckpointError: the folder is not a checkpoint's, or its seed is damaged.
    """
    _check_folder(folder)
    path = folder / _SEED
    if not path.exists():
        make_private_folder(folder)
        _write_sealed(path, str(secrets.randbits(128)))
    try:
        return int(_read_sealed(path))
    except (ValueError, TypeError):
        raise _damaged(path) from None


def sample_seed(folder: Path) -> int:
    """Return a seed for the sample of a checkpoint's model, the same on every call.

    Raises:
        CheckpointError: the checkpoint is damaged.
    """
    entropy = int(_read_manifest(folder)["entropy"])
    return int(RandomStreams(entropy).numpy("sample of the job").integers(2**62))


def is_in_use(folder: Path) -> bool:
    """Return true if a process holds a checkpoint; one that was lost may hold it for some seconds more."""
    lock = FileLock(folder / _LOCK)
    if not (folder / _LOCK).exists():
        return False
    try:
        with lock.acquire(timeout=0):
            return False
    except Timeout:
        return True


def has_begun(folder: Path | None) -> bool:
    """Return whether a fit can resume from a folder."""
    return folder is not None and (folder / _MANIFEST).exists()


def fit_of(folder: Path, ledger: Path | None = None) -> FitRecord | None:
    """Return the record of a checkpoint's fit, ``None`` if none was begun.

    Args:
        folder: The checkpoint.
        ledger: The dataset's ledger; by default the checkpoint's own.

    Raises:
        LedgerError, CheckpointError: one of the two is damaged.
    """
    path = folder / _LEDGER if ledger is None else ledger
    if not has_begun(folder) or not path.exists():
        return None
    return LedgerFile(path).fit(str(_read_manifest(folder)["fit"]))


def discard_if_ended(folder: Path, ledger: Path) -> None:
    """Remove the checkpoint of a fit that its ledger records as failed or closed: it could not resume."""
    fit = fit_of(folder, ledger)
    if fit is not None and fit.outcome in ("failed", "closed"):
        discard(folder)


def discard(folder: Path) -> None:
    """Remove a checkpoint's files, and its folder if that leaves it empty.

    The folder is renamed first, so that a crash leaves no half of a checkpoint to resume from.
    """
    if not folder.is_dir():
        return
    if _holds_own(folder):
        given_up = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}.tmp")
        folder = folder.rename(given_up)
    _remove(folder)


def _remove(folder: Path) -> None:
    """Remove a checkpoint's files and, if that leaves it empty, its folder, even while another process does so."""
    for path in _own(folder):
        path.unlink(missing_ok=True)
    with suppress(FileNotFoundError):
        if not any(folder.iterdir()):
            folder.rmdir()


def _sweep(folder: Path) -> None:
    """Remove half-discarded checkpoints that crashes have left next to a folder."""
    for given_up in leftovers(folder):
        with suppress(OSError):
            if given_up.is_dir() and not given_up.is_symlink() and _holds_own(given_up):
                _remove(given_up)


def _holds_own(folder: Path) -> bool:
    """Return whether a folder holds only a checkpoint's files."""
    return {path.name for path in folder.iterdir()} <= {path.name for path in _own(folder)}


def make_private_folder(folder: Path) -> None:
    """Create a folder that only its owner can enter, and its parents."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)
    folder.chmod(0o700)


def _acquire(lock: FileLock, folder: Path) -> None:
    """Take a checkpoint's lock, or raise if another process has it."""
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise CheckpointError(
            f"checkpoint: another process is using {str(folder)!r}. Wait for it, or name another folder."
        ) from None


def _read_manifest(folder: Path) -> dict[str, Any]:
    """Return a checkpoint's manifest.

    Raises:
        CheckpointError: it is damaged, or of another version.
    """
    path = folder / _MANIFEST
    manifest = _read_sealed(path)
    if not isinstance(manifest, dict) or set(manifest) != _KEYS or manifest["format"] != FORMAT:
        raise _damaged(path)
    if manifest["version"] != VERSION:
        raise CheckpointError(
            f"checkpoint: expected version {VERSION} of the format in {str(folder)!r}. Resume with the tabgan "
            f"that began the fit. {NEW_FIT}"
        )
    if not _is_manifest(manifest):
        raise _damaged(path)
    return dict(manifest)


def _write_sealed(path: Path, data: Any) -> None:
    with atomic_path(path, mode=0o600) as temporary:
        temporary.write_text(sealed(data), encoding="utf-8")


def _read_sealed(path: Path) -> Any:
    try:
        return unsealed(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        raise _damaged(path) from None


def _is_manifest(manifest: Mapping[str, Any]) -> bool:
    """Return whether a manifest's fields are valid: a seal is not a signature."""
    texts = [manifest["fit"], manifest["entropy"], manifest["key"], manifest["table"] or ""]
    if not all(isinstance(text, str) for text in texts) or not isinstance(manifest["request"], dict):
        return False
    entropy, key = manifest["entropy"], manifest["key"]
    is_number = entropy.isascii() and entropy.isdigit() and len(entropy) <= MAX_DIGITS
    return is_number and re.fullmatch("[0-9a-f]{64}", key) is not None


def _own(folder: Path) -> list[Path]:
    """Return the files that a checkpoint may hold, with their half-written versions from crashes."""
    paths = [folder / name for name in _FILES]
    for name in (_REQUEST_ANSWERS, _OLD_REQUEST_ANSWERS):
        paths += folder.glob(name.format("?" * 16))
    return paths + [left for path in paths for left in leftovers(path)]


def _check_folder(folder: Path) -> None:
    if not folder.exists():
        return
    if not folder.is_dir():
        raise CheckpointError(f"checkpoint: expected a folder, got {str(folder)!r}, which is not one.")
    others = sorted({path.name for path in folder.iterdir()} - {path.name for path in _own(folder)})
    if others:
        raise CheckpointError(
            f"checkpoint: expected a new folder or a checkpoint's, found {others[0]!r} in {str(folder)!r}. Name "
            "another."
        )


def _check_nothing_kept(folder: Path) -> None:
    """Raise if there are answers or a ledger without a manifest."""
    kept = [path.name for path in _own(folder) if path.name not in (_SEED, _LOCK) and path.exists()]
    if kept:
        raise CheckpointError(
            f"checkpoint: {str(folder)!r} has {kept[0]!r} but no {_MANIFEST!r}. Restore it from a copy. {NEW_FIT}"
        )


def _damaged(path: Path) -> CheckpointError:
    return CheckpointError(
        f"checkpoint: {str(path)!r} is damaged. Restore it from a copy. All charges stay spent. {NEW_FIT}"
    )


def _forms(tables: Sequence[Any]) -> list[list[list[str]]]:
    """Return the names and dtypes of tables' columns, in order; they are public."""
    return [[[repr(name), str(dtype)] for name, dtype in table.dtypes.items()] for table in tables]


def _differing(kept: Mapping[str, Any], asked: Mapping[str, Any]) -> list[str]:
    return sorted(key for key in {*kept, *asked} if kept.get(key) != asked.get(key))
