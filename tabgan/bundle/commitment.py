"""The commitment of a bundle to its input: a keyed digest of the fit's place in its dataset's ledger.

The ledger's line covers a keyed digest of the table, so whoever has ledger and key can show the table of a release.
The key is fresh for every bundle and stays in the organisation. Without it, the commitment is 256 bits that look random
and tell nothing: equal tables, or equal fits, have unrelated ones.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tabgan._util.files import atomic_path, canonical, sealed, unsealed
from tabgan.errors import BundleError, ConfigError
from tabgan.privacy.filter import UNTOLD_PLACE, LedgerPlace

ALGORITHM = "HMAC-SHA256"

_OF = "the fit's place in its dataset's ledger: its name, the number of a line, and that line's hash"


@dataclass(frozen=True)
class Commitment:
    """A commitment, and the key that opens it.

    Attributes:
        place: The fit's place in its ledger.
        key: The key, in hexadecimal; a secret of the organisation.
    """

    place: LedgerPlace
    key: str

    @classmethod
    def to_place(cls, place: LedgerPlace | None) -> Commitment | None:
        """Return a commitment under a fresh key; ``None`` for a fit without a ledger, or one that does not name it."""
        return None if place is None or place == UNTOLD_PLACE else cls(place, secrets.token_hex(32))

    @property
    def told(self) -> dict[str, str]:
        """The part that the manifest states."""
        return {"algorithm": ALGORITHM, "of": _OF, "digest": _digest(self.key, asdict(self.place))}

    def keep(self, path: Path) -> Path:
        """Write the secret part to a file that only its owner can read, and return its path."""
        with atomic_path(path, mode=0o600) as temporary:
            temporary.write_text(
                sealed({"key": self.key, "place": asdict(self.place)}) + "\n", encoding="utf-8"
            )
        return path


def _digest(key: str, place: Mapping[str, Any]) -> str:
    return hmac.new(bytes.fromhex(key), canonical(place).encode(), hashlib.sha256).hexdigest()


def check_commitment(told: Mapping[str, object], path: Path) -> str:
    """Return a note on the place that a commitment opens to.

    Raises:
        ConfigError: the file holds no such key.
        BundleError: the key is that of another bundle.
    """
    try:
        kept = unsealed(path.read_text(encoding="utf-8"))
        place, key = LedgerPlace(**kept["place"]), str(kept["key"])
        digest = _digest(key, asdict(place))
    except OSError as error:
        raise ConfigError(f"--input-key: cannot read {str(path)!r}: {error.strerror}.") from None
    except (ValueError, KeyError, TypeError):
        raise ConfigError(
            f"--input-key: expected the file that was kept when the bundle was made, got something else in "
            f"{str(path)!r}."
        ) from None
    if not isinstance(told, Mapping) or not hmac.compare_digest(str(told.get("digest")), digest):
        raise BundleError(
            "input: the key does not open the manifest's commitment: it is that of another bundle."
        )
    return f"input: line {place.entry} of ledger {place.ledger}, whose hash is {place.hash}"
