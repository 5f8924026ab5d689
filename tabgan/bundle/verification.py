"""The check of a bundle, without a network: its files, its seal, its signature, and its epsilon."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from tabgan._util.files import parse
from tabgan._util.printed import at_most
from tabgan.bundle.archives import opened
from tabgan.bundle.commitment import check_commitment
from tabgan.bundle.keyless import Signer, check_keyless
from tabgan.bundle.ledger_extract import RecomputedPart, recomputed
from tabgan.bundle.manifest import MOST_BYTES, ReadManifest, fact_of, read_manifest
from tabgan.bundle.names import (
    DP_STATEMENT,
    LEDGER_EXTRACT,
    MANIFEST,
    MODEL,
    MODEL_SIGNATURE,
    PUBLIC_KEY,
    REPORT_JSON,
    SIGNATURE,
    SIGSTORE,
)
from tabgan.bundle.signatures import PublicKey, check_manifest, check_model, fingerprint, has_cryptography
from tabgan.errors import BundleError, ConfigError, ModelFileError

#: Most bytes of a JSON file that is read as a whole.
_MOST_JSON = 200_000_000


@dataclass(frozen=True)
class Verification:
    """The result of a check.

    Attributes:
        problems: All that differs, in words; empty for an intact bundle.
        notes: Results of the checks that passed, and of those that could not be made.
    """

    problems: tuple[str, ...]
    notes: tuple[str, ...]

    def raise_if_failed(self) -> Verification:
        """Return the result itself if nothing differs.

        Raises:
            BundleError: something differs; one line for each difference.
        """
        if self.problems:
            raise BundleError("\n".join(f"bundle: {problem}" for problem in self.problems))
        return self


def verify(
    path: Path,
    key: PublicKey | None = None,
    input_key: Path | None = None,
    authority: Path | None = None,
    signer: Signer | None = None,
    trust: Path | None = None,
) -> Verification:
    """Return all that differs in a bundle from its manifest, and its epsilon recomputed from its releases.

    Args:
        path: A folder, or an archive.
        key: The public key that must have signed it; ``None`` accepts any, and says so.
        input_key: File with the key of the commitment to the fit's place in its ledger; ``None`` leaves it unchecked.
        authority: File with certificates of authorities, one of which must have certified the signer; ``None`` asks for
            none.
        signer: The identity that must have signed it by Sigstore; ``None`` accepts any, and says so.
        trust: File of another Sigstore's services and keys; ``None`` for the public ones, as the package sigstore has
            them.

    Raises:
        BundleError: the path cannot be read as a bundle at all.
        ConfigError: there is nothing at the path.
    """
    with opened(Path(path)) as folder:
        manifest = _manifest(folder)
        problems, notes = _files(folder, manifest)
        checks: tuple[Callable[[], list[str]], ...] = (
            partial(_signature, folder, key, authority),
            partial(_keyless, folder, signer, trust),
            partial(_epsilon, folder, manifest),
            partial(_commitment, manifest, input_key),
        )
        for check in checks:
            try:
                notes += check()
            except BundleError as error:
                problems.append(str(error))
    return Verification(tuple(problems), tuple(notes))


def _manifest(folder: Path) -> ReadManifest:
    path = folder / MANIFEST
    if not path.is_file():
        raise BundleError(
            f"bundle: expected a file {MANIFEST}, found none: this is not a release bundle, or only part of one."
        )
    if path.stat().st_size > MOST_BYTES:
        raise BundleError(f"{MANIFEST}: expected at most {MOST_BYTES:,} bytes, got more.")
    return read_manifest(path.read_bytes())


def _files(folder: Path, manifest: ReadManifest) -> tuple[list[str], list[str]]:
    """Return the files that differ, and a note on the others."""
    present = {path.name for path in folder.iterdir()}
    listed, seals = set(manifest.files), {MANIFEST, SIGNATURE, PUBLIC_KEY, SIGSTORE}
    changed = sorted(
        name
        for name in listed & present
        if (folder / name).stat().st_size != manifest.files[name].bytes
        or fact_of(folder / name) != manifest.files[name]
    )
    problems = [f"missing: {name}" for name in sorted(listed - present)]
    problems += [
        f"extra: {name}, which the manifest does not list" for name in sorted(present - listed - seals)
    ]
    problems += [f"changed: {name}" for name in changed]
    return problems, [
        f"files: {len(listed) - len(changed) - len(listed - present)} of {len(listed)} as in the manifest"
    ]


def _signature(folder: Path, key: PublicKey | None, authority: Path | None) -> list[str]:
    """Return notes on the signatures.

    Raises:
        BundleError: one is missing, damaged, or by another key than the one that was asked for.
    """
    found = [name for name in (SIGNATURE, PUBLIC_KEY) if (folder / name).is_file()]
    if not found:
        if key is not None or authority is not None:
            by = "by the key that was given" if key is not None else "with a certificate"
            raise BundleError(f"signature: expected one {by}, found none: the bundle is not signed.")
        if (folder / SIGSTORE).is_file():
            return []
        return ["signature: none; nothing shows that the bundle comes from the source that it names"]
    if len(found) < 2:
        raise BundleError(f"missing: {SIGNATURE if found == [PUBLIC_KEY] else PUBLIC_KEY}")
    if not has_cryptography():
        return [
            'signature: NOT CHECKED, since the package cryptography is missing: pip install "tabgan-dp[sign]"'
        ]
    sizes = [(folder / name).stat().st_size for name in found]
    if max(sizes) > 100_000:
        raise BundleError(f"{found[sizes.index(max(sizes))]}: it is neither a signature nor a key.")
    raw = {name: (folder / name).read_bytes() for name in (MANIFEST, SIGNATURE, PUBLIC_KEY)}
    public = check_manifest(raw[MANIFEST], raw[SIGNATURE], raw[PUBLIC_KEY])
    name = fingerprint(public)
    if key is not None and fingerprint(key) != name:
        raise BundleError(
            f"signature: the bundle was signed with another key: expected {fingerprint(key)}, found {name}."
        )
    trust = "the key that was given" if key is not None else "a key in the bundle: compare it, or give --key"
    if key is None and authority is not None:
        trust = "the key of the certificate"
    return [f"signature: valid, by {name} ({trust})", *_model_signature(folder, authority)]


def _model_signature(folder: Path, authority: Path | None) -> list[str]:
    if authority is None and not (folder / MODEL_SIGNATURE).is_file():
        return []
    return [f"{MODEL_SIGNATURE}: {check_model(folder, authority)}"]


def _keyless(folder: Path, signer: Signer | None, trust: Path | None) -> list[str]:
    """Return notes on the signature by Sigstore.

    Raises:
        BundleError: it is missing, damaged, or by another than the one that was asked for.
    """
    if (folder / SIGSTORE).is_file():
        return [f"{SIGSTORE}: {check_keyless(folder, signer, trust)}"]
    if signer is not None:
        raise BundleError(
            f"signature: expected one of Sigstore by {signer.identity!r}, found none. Is it signed with a key? Then "
            "give --key."
        )
    return []


def _epsilon(folder: Path, manifest: ReadManifest) -> list[str]:
    """Return notes on the epsilon of the ledger extract, which the other files must state too.

    Raises:
        BundleError: files contradict each other, or the extract cannot be read.
    """
    if not (folder / LEDGER_EXTRACT).is_file():
        raise BundleError(f"epsilon: it cannot be recomputed without {LEDGER_EXTRACT}.")
    parts = recomputed(_json(folder / LEDGER_EXTRACT))
    found = [problem for part in parts for problem in part.problems]
    total = math.fsum(part.epsilon for part in parts), math.fsum(part.delta for part in parts)
    for name, told in _told(folder, manifest).items():
        if not (_is_close(told[0], total[0]) and _is_close(told[1], total[1])):
            found.append(
                f"{name} states epsilon {told[0]:g} and delta {told[1]:g}, {LEDGER_EXTRACT} {total[0]:g} and "
                f"{total[1]:g}"
            )
    found += _model_problems(folder, parts[0])
    if found:
        raise BundleError("\nbundle: ".join(f"epsilon: {problem}" for problem in found))
    spent = "; ".join(
        f"{part.what} {at_most(part.recomputed, 4)} of {at_most(part.epsilon)} in {len(part.releases)} releases"
        for part in parts
    )
    return [
        f"epsilon: {at_most(total[0])} at delta {at_most(total[1])} is stated everywhere; recomputed from "
        f"{LEDGER_EXTRACT}: "
        f"{spent}"
    ]


def _is_close(first: float, second: float) -> bool:
    return math.isclose(first, second, rel_tol=1e-9)


def _told(folder: Path, manifest: ReadManifest) -> dict[str, tuple[float, float]]:
    """Return epsilon and delta as each file states them.

    Raises:
        BundleError: a file states none.
    """
    found: dict[str, Mapping[str, Any]] = {MANIFEST: manifest.content}
    if (folder / DP_STATEMENT).is_file():
        found[DP_STATEMENT] = _json(folder / DP_STATEMENT)
    if (folder / REPORT_JSON).is_file():
        found[REPORT_JSON] = _json(folder / REPORT_JSON)
    pairs = {}
    for name, content in found.items():
        try:
            stated = content["privacy"]["total"] if name == REPORT_JSON else content["guarantee"]
            pairs[name] = float(stated["epsilon"]), float(stated["delta"])
        except (KeyError, TypeError, ValueError):
            raise BundleError(f"epsilon: {name} states none.") from None
    return pairs


def _model_problems(folder: Path, fit: RecomputedPart) -> list[str]:
    """Return the contradictions between the model's own statement and the extract."""
    if not (folder / MODEL).is_file():
        return []
    import torch  # not at the top: a bundle without a model is checked quickly

    from tabgan.fitting.modelfile import read_model

    try:
        fitted, _ = read_model(folder / MODEL, torch.device("cpu"))
    except ModelFileError as error:
        return [f"{MODEL} cannot be loaded: {str(error).replace(str(folder / MODEL), MODEL)}"]
    if fitted.privacy.entries != fit.releases or fitted.privacy.epsilon != fit.epsilon:
        return [f"{MODEL} states other releases than {LEDGER_EXTRACT}"]
    return []


def _json(path: Path) -> Mapping[str, Any]:
    """Return the mapping in a JSON file.

    Raises:
        BundleError: it holds none, or is too large.
    """
    if path.stat().st_size > _MOST_JSON:
        raise BundleError(f"{path.name}: expected at most {_MOST_JSON:,} bytes, got more.")
    try:
        data = parse(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError):
        raise BundleError(f"{path.name}: it is damaged, or not JSON.") from None
    if not isinstance(data, dict):
        raise BundleError(f"{path.name}: expected a mapping, got something else.")
    return data


def _commitment(manifest: ReadManifest, input_key: Path | None) -> list[str]:
    """Return notes on the commitment to the fit's place in its ledger.

    Raises:
        BundleError: the key does not open it.
    """
    told: Any = manifest.content["input"]
    if input_key is None:
        return (
            []
            if told is None
            else ["input: the manifest commits to a line of a ledger, which only its key opens"]
        )
    if told is None:
        raise ConfigError("--input-key: the bundle commits to no line of a ledger. Leave it out.")
    return [check_commitment(told, input_key)]
