"""Sigstore's signature of a bundle: of all its files, the manifest included, by a person or a workflow without a key.

Signing asks services over the network: a provider of identities vouches for the signer, an authority certifies a key
that lives for minutes, and a public log keeps the certificate with the digest of what was signed. Checking asks none:
the signature holds the certificate and the log's receipt, and the package sigstore holds the services' own keys.

References:
    Newman, Meyers, Torres-Arias (2022), *Sigstore: Software Signing for Everybody*, CCS. OpenSSF (2025), *Model Signing
    Specification 1.0*. Sigstore (2024), *Bundle format*.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from tabgan._util.files import parse
from tabgan.bundle.manifest import fact_of
from tabgan.bundle.names import SIGSTORE
from tabgan.bundle.signatures import optional
from tabgan.errors import BundleError, ConfigError

#: The environment variable with an identity token; Sigstore's own tools read it too.
TOKEN = "SIGSTORE_IDENTITY_TOKEN"

#: Most bytes of a signature, and of a file of services.
_MOST = 2_000_000

_STATEMENT, _PREDICATE = "application/vnd.in-toto+json", "https://model_signing/signature/v1.0"

#: Extension of a certificate that names the provider of its identity.
_ISSUER = "1.3.6.1.4.1.57264.1.1"


@dataclass(frozen=True)
class Sigstore:
    """The services that sign.

    Attributes:
        trust: File of another Sigstore's services and keys (``ClientTrustConfig``); ``None`` for the public ones.
    """

    trust: Path | None = None


@dataclass(frozen=True)
class Signer:
    """The identity that must have signed.

    Attributes:
        identity: A mail address, or the address of a workflow, as its certificate has it.
        issuer: Address of the provider that vouched for it.

    Raises:
        ConfigError: one of them is empty, such as a variable that is not set: that would be no check.
    """

    identity: str
    issuer: str

    def __post_init__(self) -> None:
        for name in ("identity", "issuer"):
            if not str(getattr(self, name)).strip():
                raise ConfigError(
                    f"verify: {name}: expected the signer's {name}, got an empty text. Give both."
                )


def sigstore_of(trust: Path | None, where: str) -> Sigstore:
    """Return the services that sign, of a file or the public ones, without a network.

    Raises:
        ConfigError: the file holds no services, or the extra is missing.
    """
    _module("sigstore.models"), _module("model_signing.signing")
    if trust is not None:
        _services(trust, where)
    return Sigstore(trust)


def sign_keyless(folder: Path, into: Path, sigstore: Sigstore) -> None:
    """Write Sigstore's signature of all files of a folder, and of those of another that replace them.

    Args:
        folder: The folder; a signature of Sigstore in it is ignored.
        into: Folder that the signature is written to; it may be the same.
        sigstore: The services.

    Raises:
        ConfigError: nobody vouches for the signer, or the extra is missing.
        BundleError: the services refuse, or cannot be reached.
    """
    hashing = _module("model_signing.hashing")
    token = _token("signature")
    with _seen_together(folder, into) as view, _asking_services():
        config = hashing.Config().use_file_serialization(hashing_algorithm="sha256", allow_symlinks=False)
        config.set_ignored_paths(paths=[SIGSTORE], ignore_git_paths=False)
        _signer_by(token, sigstore).set_hashing_config(config).sign(view, into / SIGSTORE)


def check_services(sigstore: Sigstore, where: str) -> None:
    """Raise unless the services answer and somebody vouches for the signer, before anything is spent on a bundle.

    Args:
        sigstore: The services.
        where: The argument that asks for them, for errors.

    Raises:
        ConfigError: nobody vouches for the signer, or no longer, or the extra is missing.
        BundleError: the services refuse, or cannot be reached.
    """
    token = _token(where)
    with _asking_services():
        _signer_by(token, sigstore)  # it asks for the list of services, and the provider of identities


@contextmanager
def _asking_services() -> Iterator[None]:
    """Turn errors of the services into one, and keep the libraries' warnings quiet."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except Exception as error:  # of several libraries, of many types
        raise BundleError(
            f"signature: Sigstore's services refused, or could not be reached ({type(error).__name__}). They are "
            "asked over the network, and an identity token lasts for minutes. Make the bundle without, and sign it "
            "later by `tabgan release seal FOLDER --sigstore`."
        ) from error


def _signer_by(token: str | None, sigstore: Sigstore) -> Any:
    """Return what signs for an identity, after the services have answered."""
    config = _module("model_signing.signing").Config()
    return config.use_sigstore_signer(identity_token=token, trust_config=sigstore.trust)


def _token(where: str) -> str | None:
    """Return an identity token of the environment or of the machine's own provider; ``None`` to ask a browser.

    Args:
        where: The argument that asks for one, for errors.

    Raises:
        ConfigError: there is neither one nor a person at the terminal, or it is none, or has expired.
    """
    given, oidc = os.environ.get(TOKEN, "").strip(), _module("sigstore.oidc")
    if given:
        try:
            oidc.IdentityToken(given)
        except Exception:  # of the library, of many types, none of which may quote the token
            raise ConfigError(
                f"{where}: expected an identity token for Sigstore that is valid now in {TOKEN}, got one that has "
                "expired, is for another service, or is none. Ask its provider for another: it lasts for minutes."
            ) from None
        return given
    try:
        found: str | None = oidc.detect_credential()
    except oidc.IdentityError as error:
        raise ConfigError(
            f"{where}: this machine's provider of identities gave no token ({error})."
        ) from None
    if found is None and not (sys.stdin and sys.stdin.isatty()):
        raise ConfigError(
            f"{where}: expected an identity token in {TOKEN}, a service that has one such as GitHub Actions with "
            "`id-token: write`, or a person at a terminal with a browser, found none of them. Or sign with a key."
        )
    return found


@contextmanager
def _seen_together(folder: Path, into: Path) -> Iterator[Path]:
    """Yield a folder with the files of one, some of them replaced by those of another."""
    if folder == into:
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix=".tabgan-seal-", dir=folder.parent) as hidden:
        view = Path(hidden) / folder.name
        shutil.copytree(folder, view)
        shutil.copytree(into, view, dirs_exist_ok=True)
        yield view


def check_keyless(folder: Path, signer: Signer | None, trust: Path | None) -> str:
    """Return the result of the check of Sigstore's signature of a folder, in words; no network is asked.

    Args:
        folder: The folder of a bundle.
        signer: The identity that must have signed; ``None`` accepts anybody, and names them.
        trust: As in :class:`Sigstore`.

    Raises:
        BundleError: it is damaged, not of these files, not by the services, or by another identity.
        ConfigError: the file of services holds none.
    """
    path = folder / SIGSTORE
    if path.stat().st_size > _MOST:
        raise BundleError(f"{SIGSTORE}: expected at most {_MOST:,} bytes, got more.")
    try:
        models, verifying = _module("sigstore.models"), _module("sigstore.verify")
    except ConfigError as error:
        if signer is not None or trust is not None:
            raise BundleError(f"{SIGSTORE}: it cannot be checked. {error}") from None
        return f"NOT CHECKED. {error}"
    text = path.read_bytes()
    try:
        bundle = models.Bundle.from_json(text)
        is_whole = bundle.to_json().encode() == text
    except Exception:  # of the library, of many types
        is_whole = False
    if not is_whole:
        raise BundleError(f"{SIGSTORE}: it is damaged, or not a signature of Sigstore.")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        statement = _statement(bundle, verifying, trust)
    if _files_of(statement) != {
        each.name: fact_of(each).sha256 for each in folder.iterdir() if each.name != SIGSTORE
    }:
        raise BundleError(f"{SIGSTORE}: it is not a signature of these files.")
    told = _told(bundle.signing_certificate)
    if signer is not None:
        policy = verifying.policy.Identity(identity=signer.identity, issuer=signer.issuer)
        try:
            policy.verify(bundle.signing_certificate)
        except Exception:  # of the library, of many types
            raise BundleError(
                f"{SIGSTORE}: expected a signature by {signer.identity!r}, for whom {signer.issuer!r} vouches, got one "
                f"by {told}."
            ) from None
    trusted = "as expected" if signer is not None else "compare both, or give --identity and --issuer"
    logged = "Sigstore" if trust is None else "the Sigstore of --sigstore-trust"
    return f"valid, by {told} ({trusted}); certified and logged by {logged}"


def _statement(bundle: Any, verifying: Any, trust: Path | None) -> Any:
    """Return the content that was signed, if a trusted authority certified its signer and a trusted log has it.

    Raises:
        BundleError: no trusted authority certified the signer, or no trusted log has the signature.
    """
    try:
        if trust is None:
            verifier = verifying.Verifier.production(offline=True)
        else:
            verifier = verifying.Verifier(trusted_root=_services(trust, "--sigstore-trust").trusted_root)
        kind, payload = verifier.verify_dsse(bundle, verifying.policy.UnsafeNoOp())
        return parse(payload.decode("utf-8")) if kind == _STATEMENT else None
    except ConfigError:
        raise
    except Exception as error:  # of several libraries, of many types
        raise BundleError(
            f"{SIGSTORE}: no trusted Sigstore vouches for it ({type(error).__name__}): it was changed, or was made by "
            "another Sigstore (give --sigstore-trust), or with newer keys than the package sigstore here knows."
        ) from None


def _files_of(statement: Any) -> dict[str, str] | None:
    """Return the digests of the files that a statement of the model-signing format lists; ``None`` for another."""
    try:
        predicate = statement["predicate"]
        is_known = (
            statement["predicateType"] == _PREDICATE and predicate["serialization"]["method"] == "files"
        )
        if not is_known or {each["algorithm"] for each in predicate["resources"]} != {"sha256"}:
            return None
        return {each["name"]: each["digest"] for each in predicate["resources"]}
    except (KeyError, TypeError, AttributeError):
        return None


def _told(certificate: Any) -> str:
    """Return the identities in a certificate, and the provider that vouched for them, in words."""
    from cryptography import x509

    try:
        names = list(certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
    except x509.ExtensionNotFound:
        names = []
    found = [name.value if isinstance(name.value, str) else "another kind of name" for name in names]
    try:
        plain: bytes = certificate.extensions.get_extension_for_oid(
            x509.ObjectIdentifier(_ISSUER)
        ).value.value
    except x509.ExtensionNotFound:
        plain = b"nobody"
    identity, issuer = (
        "".join(letter if letter.isprintable() else "?" for letter in text)[:300]
        for text in (" or ".join(found) or "nobody", plain.decode("utf-8", "replace"))
    )
    return f"{identity!r}, for whom {issuer!r} vouches"


def _services(trust: Path, where: str) -> Any:
    """Return the services and keys in a file.

    Raises:
        ConfigError: the file holds none.
    """
    try:
        if trust.stat().st_size > _MOST:
            raise ValueError
        return _module("sigstore.models").ClientTrustConfig.from_json(trust.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{where}: cannot read {str(trust)!r}: {error.strerror}.") from None
    except ConfigError:
        raise
    except Exception:  # of the library, of many types
        raise ConfigError(
            f"{where}: expected services and keys of a Sigstore (ClientTrustConfig, JSON), got something else in "
            f"{str(trust)!r}."
        ) from None


def _module(name: str) -> ModuleType:
    return optional(name, "Sigstore's signatures need")
