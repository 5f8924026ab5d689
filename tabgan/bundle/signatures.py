"""Signatures of a bundle: a plain one of the manifest, and with a key on an elliptic curve the OpenSSF's of all files.

An Ed25519 key signs the manifest alone, which holds the digest of every file. A key on a NIST curve signs it too
(ECDSA with SHA-256), and makes a signature in the OpenSSF's model-signing format, whose tools know such keys. If the
file of such a key holds certificates as well, that signature names them: whoever trusts their authority needs no key.

References:
    RFC 8032, *Edwards-Curve Digital Signature Algorithm*. RFC 5280, *Internet X.509 Public Key Infrastructure
    Certificate Profile*. OpenSSF (2025), *Model Signing Specification 1.0*.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import warnings
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeAlias

from tabgan._util.files import parse
from tabgan.bundle.names import MANIFEST, MODEL_SIGNATURE, PUBLIC_KEY, SEALS, SIGNATURE, SIGSTORE
from tabgan.errors import BundleError, ConfigError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

PrivateKey: TypeAlias = "Ed25519PrivateKey | EllipticCurvePrivateKey"
PublicKey: TypeAlias = "Ed25519PublicKey | EllipticCurvePublicKey"

#: Most bytes of a file that holds a key or a signature.
_MOST = 100_000

_INSTALL = 'Install it with pip install "tabgan-dp[sign]".'


def load_private(path: Path, where: str = "sign_key") -> PrivateKey:
    """Return the private key in a PEM file, which certificates that stand there too must fit.

    Raises:
        ConfigError: the file holds none, or one of a kind that does not sign here, or certificates that do not fit it;
            or the extra is missing.
    """
    serialization = _serialization()
    raw = _read(path, where)
    try:
        key: PrivateKey = serialization.load_pem_private_key(raw, password=None)
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
    _check_certificates(_certificates(raw), key, f"{where}: in {str(path)!r}")
    return key


def _check_certificates(certificates: list[Any], key: Any, where: str) -> None:
    """Raise unless the first certificate, if there is one, is a key's own and may sign today."""
    if not certificates:
        return
    if not signs_models(key):
        raise ConfigError(
            f"{where}: certificates go with a key on a NIST curve alone, got one of Ed25519. Leave them out, or use "
            "another key."
        )
    first = certificates[0]
    if first.public_key() != key.public_key():
        raise ConfigError(
            f"{where}: the first certificate is of another key. Put the signer's own first, then those of its issuers."
        )
    if not first.not_valid_before_utc <= datetime.now(UTC) <= first.not_valid_after_utc:
        raise ConfigError(
            f"{where}: the certificate is valid {_validity(first)}, and not today. Get a new one."
        )
    if not _may_sign(first):
        raise ConfigError(
            f"{where}: expected a certificate that may sign (key usage digitalSignature, or extended key usage "
            "codeSigning), got one that may not."
        )


def _may_sign(certificate: Any) -> bool:
    from cryptography import x509

    extensions = certificate.extensions
    try:
        if extensions.get_extension_for_class(x509.KeyUsage).value.digital_signature:
            return True
    except x509.ExtensionNotFound:
        pass
    try:
        usages = extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return False
    return x509.oid.ExtendedKeyUsageOID.CODE_SIGNING in usages


def _validity(certificate: Any) -> str:
    start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return f"from {start:%Y-%m-%d} to {end:%Y-%m-%d}"


def _certificates(raw: bytes) -> list[Any]:
    """Return the certificates in a PEM text, in their order; an empty list if none can be read."""
    from cryptography import x509

    try:
        return x509.load_pem_x509_certificates(raw)
    except ValueError:
        return []


def check_authority(path: Path, where: str = "--ca") -> Path:
    """Return the path of a PEM file if it holds certificates.

    Raises:
        ConfigError: the file holds none, or the extra is missing.
    """
    _serialization()
    if not _certificates(_read(path, where)):
        raise ConfigError(
            f"{where}: expected certificates of authorities in PEM, got something else in {str(path)!r}."
        )
    _model_signing("verifying")
    return path


def load_public(path: Path, where: str = "--key") -> PublicKey:
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


def _public_of(raw: bytes, serialization: Any) -> PublicKey | None:
    """Return the public key of a PEM text; ``None`` for one of another type."""
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


def pem_of(public: PublicKey) -> bytes:
    """Return a public key as PEM."""
    serialization = _serialization()
    pem: bytes = public.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return pem


def fingerprint(public: PublicKey) -> str:
    """Return the name of a public key: the SHA-256 of its DER form."""
    serialization = _serialization()
    der = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return f"SHA256:{hashlib.sha256(der).hexdigest()}"


def sign_manifest(key: PrivateKey, manifest: bytes) -> dict[str, bytes]:
    """Return the plain signature of a manifest, and the public key, by the names of their files."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519

    public = key.public_key()
    if isinstance(key, ed25519.Ed25519PrivateKey):
        signature = key.sign(manifest)
    else:
        signature = key.sign(manifest, ec.ECDSA(hashes.SHA256()))
    return {SIGNATURE: signature, PUBLIC_KEY: pem_of(public)}


def check_manifest(manifest: bytes, signature: bytes, pem: bytes) -> PublicKey:
    """Return the public key that signed a manifest.

    Raises:
        BundleError: the signature or the key is damaged, or the manifest was not signed so.
    """
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519

    public = _public_of(pem, _serialization())
    if public is None or pem_of(public) != pem:
        raise BundleError(f"{PUBLIC_KEY}: it is damaged, or not a public key.")
    try:
        if isinstance(public, ed25519.Ed25519PublicKey):
            public.verify(signature, manifest)
        else:
            public.verify(signature, manifest, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        raise BundleError(
            f"{SIGNATURE}: it is not a signature of {MANIFEST} by the key in {PUBLIC_KEY}: one of the three was "
            f"changed."
        ) from None
    return public


def signs_models(key: PrivateKey) -> bool:
    """Return true if a private key can sign in the OpenSSF's format, which knows NIST curves alone."""
    return _algorithm(key.public_key()) != "Ed25519"


def sign_model(key_path: Path, folder: Path, path: Path) -> Path:
    """Write the OpenSSF's signature of all files of a folder but manifest and seals, and return its path.

    They come after it, and cover it. Certificates in the key's file become part of the signature.

    Raises:
        ConfigError: the package model-signing cannot be imported.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        signing, hashing = _model_signing("signing"), _model_signing("hashing")
        config = hashing.Config().use_file_serialization(hashing_algorithm="sha256", allow_symlinks=False)
        config.set_ignored_paths(paths=SEALS, ignore_git_paths=False)
        signer = signing.Config().set_hashing_config(config)
        if _certificates(_read(key_path, "sign_key")):
            signer.use_certificate_signer(
                private_key=key_path, signing_certificate=key_path, certificate_chain=[key_path]
            )
        else:
            signer.use_elliptic_key_signer(private_key=key_path)
        signer.sign(folder, path)
    return path


def check_model(folder: Path, authority: Path | None = None) -> str:
    """Return the result of the check of the OpenSSF's signature of a folder, in words.

    Args:
        folder: The folder of a bundle.
        authority: File with the certificates of authorities, one of which must have certified the signer; ``None`` for
            a signature whose key is known by other ways.

    Raises:
        BundleError: the signature is not of these files by the bundle's key, or no authority certified it, or that
            cannot be checked here.
    """
    path = folder / MODEL_SIGNATURE
    chain = _chain(path) if path.is_file() else []
    if authority is None and chain:
        return "not checked without --ca, the certificate of its signer's authority; its digest is in the manifest"
    if authority is not None and not chain:
        raise BundleError(
            "signature: expected one with a certificate, found one of a key alone. Give --key instead."
        )
    if chain and pem_of(chain[0].public_key()) != (folder / PUBLIC_KEY).read_bytes():
        raise BundleError(f"{MODEL_SIGNATURE}: its certificate is not of the key in {PUBLIC_KEY}.")
    try:
        verifier = _model_signing("verifying").Config()
    except ConfigError as error:
        if authority is not None:
            raise BundleError(f"{MODEL_SIGNATURE}: no certificate can be checked. {error}") from None
        return "not checked, since model-signing cannot be imported; its digest is in the manifest"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if authority is None:
                verifier.use_elliptic_key_verifier(public_key=folder / PUBLIC_KEY)
            else:
                verifier.use_certificate_verifier(certificate_chain=[authority])
            verifier.verify(folder, path)
    except Exception as error:  # of several libraries, of many types
        by = (
            f"the key in {PUBLIC_KEY}"
            if authority is None
            else "a signer whom an authority of --ca certified"
        )
        raise BundleError(
            f"{MODEL_SIGNATURE}: it is not a signature of these files by {by} ({type(error).__name__})."
        ) from None
    return "valid, in the OpenSSF's format, by the same key" + (f"; {_told(chain[0])}" if chain else "")


def _chain(path: Path) -> list[Any]:
    """Return the certificates in an OpenSSF's signature, the signer's first; none for that of a key.

    Raises:
        BundleError: it is damaged, or made by Sigstore.
    """
    from cryptography import x509

    try:
        if path.stat().st_size > 1_000_000:
            raise ValueError
        material = parse(path.read_text(encoding="utf-8"))["verificationMaterial"]
        if "certificate" in material or material.get("tlogEntries"):
            raise BundleError(
                f"{path.name}: it is of Sigstore, whose signature of a bundle stands in {SIGSTORE}."
            )
        listed = material.get("x509CertificateChain", {}).get("certificates", [])
        return [
            x509.load_der_x509_certificate(base64.b64decode(each["rawBytes"], validate=True))
            for each in listed
        ]
    except BundleError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, binascii.Error):
        raise BundleError(
            f"{path.name}: it is damaged, or not a signature in the OpenSSF's format."
        ) from None


def _told(certificate: Any) -> str:
    """Return a certificate's holder, issuer and time in words, of printable letters."""
    subject, issuer = (
        "".join(letter if letter.isprintable() else "?" for letter in name.rfc4514_string())[:200]
        for name in (certificate.subject, certificate.issuer)
    )
    return f"certificate of {subject!r} by {issuer!r}, valid {_validity(certificate)}"


def _model_signing(module: str) -> Any:
    return optional(f"model_signing.{module}", "the OpenSSF's format needs")


def optional(module: str, need: str) -> ModuleType:
    """Return a module of the extra ``sign``.

    Args:
        module: Its name.
        need: Words of the error, before the name of its package.

    Raises:
        ConfigError: the module cannot be imported.
    """
    import importlib

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return importlib.import_module(module)
    except ImportError as error:
        package = module.partition(".")[0].replace("_", "-")
        raise ConfigError(
            f"signature: {need} the package {package}, which cannot be imported ({error.name}). {_INSTALL} A key of "
            "Ed25519 needs cryptography alone."
        ) from error
