"""Signatures of a bundle: a plain one of the manifest, and with a key on an elliptic curve the OpenSSF's of all files.

An Ed25519 key signs the manifest alone, which holds the digest of every file. A key on a NIST curve signs it too
(ECDSA with SHA-256), and makes a signature in the OpenSSF's model-signing format, whose tools know such keys.

References:
    RFC 8032, *Edwards-Curve Digital Signature Algorithm*. OpenSSF (2025), *Model Signing Specification 1.0*.
"""

from __future__ import annotations

import hashlib
import warnings
from pathlib import Path
from typing import Any

from tabgan.bundle.names import MANIFEST, MODEL_SIGNATURE, PUBLIC_KEY, SEALS, SIGNATURE
from tabgan.errors import BundleError, ConfigError

#: Most bytes of a file that holds a key or a signature.
_MOST = 100_000

_INSTALL = 'Install it with pip install "tabgan-dp[sign]".'


def load_private(path: Path, where: str = "sign_key") -> Any:
    """Return the private key in a PEM file.

    Raises:
        ConfigError: the file holds none, or one of a kind that does not sign here; or the extra is missing.
    """
    serialization = _serialization()
    raw = _read(path, where)
    try:
        key = serialization.load_pem_private_key(raw, password=None)
    except TypeError:
        raise ConfigError(
            f"{where}: {str(path)!r} is encrypted with a password. Give a file that can be read without one."
        ) from None
    except Exception as error:  # of the library, of many types, none of which may quote the file
        raise ConfigError(
            f"{where}: expected a private key in PEM, got something else in {str(path)!r} "
            f"({type(error).__name__}). Make one "
            "with: openssl genpkey -algorithm ed25519 -out sign.pem"
        ) from None
    if _algorithm(key.public_key()) is None:
        raise ConfigError(
            f"{where}: expected a key of Ed25519 or of a NIST curve, got a {type(key).__name__}."
        )
    return key


def load_public(path: Path, where: str = "--key") -> Any:
    """Return the public key in a PEM file.

    Raises:
        ConfigError: the file holds none, or a private one; or the extra is missing.
    """
    serialization = _serialization()
    raw = _read(path, where)
    if b"PRIVATE KEY" in raw:
        raise ConfigError(
            f"{where}: expected a public key, got a private one in {str(path)!r}. Keep it where it is; make the "
            f"public one "
            "with: openssl pkey -in sign.pem -pubout -out sign.pub"
        )
    key = _public_of(raw, serialization)
    if key is None:
        raise ConfigError(
            f"{where}: expected a public key of Ed25519 or of a NIST curve in PEM, got something else in {str(path)!r}."
        )
    return key


def _read(path: Path, where: str) -> bytes:
    try:
        with path.open("rb") as file:
            raw = file.read(_MOST + 1)
    except OSError as error:
        raise ConfigError(f"{where}: cannot read {str(path)!r}: {error.strerror}.") from None
    if len(raw) > _MOST:
        raise ConfigError(
            f"{where}: expected a key, got a file of more than {_MOST:,} bytes in {str(path)!r}."
        )
    return raw


def _public_of(raw: bytes, serialization: Any) -> Any:
    """Return the public key of a PEM text; ``None`` if it is none that is used here."""
    try:
        key = serialization.load_pem_public_key(raw)
    except Exception:  # of the library, of many types
        return None
    return None if _algorithm(key) is None else key


def _serialization() -> Any:
    try:
        from cryptography.hazmat.primitives import serialization
    except ImportError as error:
        raise ConfigError(f"signature: it needs the package cryptography. {_INSTALL}") from error
    return serialization


def has_cryptography() -> bool:
    """Return true if signatures can be checked here."""
    try:
        _serialization()
    except ConfigError:
        return False
    return True


def _algorithm(public: Any) -> str | None:
    """Return the name of a key's algorithm; ``None`` for one that does not sign here."""
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519

    if isinstance(public, ed25519.Ed25519PublicKey):
        return "Ed25519"
    is_known = isinstance(public, ec.EllipticCurvePublicKey) and public.curve.name in (
        *("secp256r1", "secp384r1", "secp521r1"),
    )
    return "ECDSA with SHA-256" if is_known else None


def pem_of(public: Any) -> bytes:
    """Return a public key as PEM."""
    serialization = _serialization()
    pem: bytes = public.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return pem


def fingerprint(public: Any) -> str:
    """Return the name of a public key: the SHA-256 of its DER form."""
    serialization = _serialization()
    der = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return f"SHA256:{hashlib.sha256(der).hexdigest()}"


def sign_manifest(key: Any, manifest: bytes) -> dict[str, bytes]:
    """Return the plain signature of a manifest, and the public key, by the names of their files."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec

    public = key.public_key()
    is_edwards = _algorithm(public) == "Ed25519"
    signature = key.sign(manifest) if is_edwards else key.sign(manifest, ec.ECDSA(hashes.SHA256()))
    return {SIGNATURE: signature, PUBLIC_KEY: pem_of(public)}


def check_manifest(manifest: bytes, signature: bytes, pem: bytes) -> Any:
    """Return the public key that signed a manifest.

    Raises:
        BundleError: the signature or the key is damaged, or the manifest was not signed so.
    """
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec

    public = _public_of(pem, _serialization())
    if public is None or pem_of(public) != pem:
        raise BundleError(f"{PUBLIC_KEY}: it is damaged, or no public key.")
    try:
        if _algorithm(public) == "Ed25519":
            public.verify(signature, manifest)
        else:
            public.verify(signature, manifest, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        raise BundleError(
            f"{SIGNATURE}: it is not a signature of {MANIFEST} by the key in {PUBLIC_KEY}: one of the three was "
            f"changed."
        ) from None
    return public


def signs_models(key: Any) -> bool:
    """Return true if a private key can sign in the OpenSSF's format, which knows NIST curves alone."""
    return _algorithm(key.public_key()) != "Ed25519"


def sign_model(key_path: Path, folder: Path, path: Path) -> Path:
    """Write the OpenSSF's signature of all files of a folder but manifest and seals, and return its path.

    They come after it, and cover it.

    Raises:
        ConfigError: the package model-signing cannot be imported.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        signing, hashing = _model_signing("signing"), _model_signing("hashing")
        config = hashing.Config().use_file_serialization(hashing_algorithm="sha256", allow_symlinks=False)
        config.set_ignored_paths(paths=SEALS, ignore_git_paths=False)
        signer = signing.Config().set_hashing_config(config).use_elliptic_key_signer(private_key=key_path)
        signer.sign(folder, path)
    return path


def check_model(folder: Path) -> bool:
    """Return true if the OpenSSF's signature of a folder is by the bundle's key; false if it cannot be checked here.

    Raises:
        BundleError: the signature is not of these files by this key.
    """
    try:
        verifying = _model_signing("verifying")
    except ConfigError:
        return False
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            verifier = verifying.Config().use_elliptic_key_verifier(public_key=folder / PUBLIC_KEY)
            verifier.verify(folder, folder / MODEL_SIGNATURE)
    except Exception as error:  # of several libraries, of many types
        raise BundleError(
            f"{MODEL_SIGNATURE}: it is not a signature of these files by the key in {PUBLIC_KEY} "
            f"({type(error).__name__})."
        ) from None
    return True


def _model_signing(module: str) -> Any:
    import importlib

    try:
        return importlib.import_module(f"model_signing.{module}")
    except ImportError as error:
        raise ConfigError(
            f"signature: the OpenSSF's format needs the package model-signing, which cannot be imported "
            f"({error.name}). "
            f"{_INSTALL} A key of Ed25519 needs cryptography alone."
        ) from error
