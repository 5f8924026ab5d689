import subprocess
from datetime import UTC, datetime, timedelta

import pytest
from typer.testing import CliRunner

from tabgan.bundle.assembly import seal_again
from tabgan.bundle.keyless import Signer
from tabgan.bundle.names import MANIFEST, MODEL_SIGNATURE, PUBLIC_KEY, SIGNATURE
from tabgan.bundle.signatures import (
    check_authority,
    check_manifest,
    check_model,
    fingerprint,
    has_cryptography,
    load_private,
    load_public,
    pem_of,
    sign_manifest,
    signs_models,
)
from tabgan.bundle.verification import verify
from tabgan.bundle.writing import seal
from tabgan.cli.app import app
from tabgan.errors import BundleError, ConfigError

pytest.importorskip("cryptography")

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

MAKERS = {
    "edwards": ed25519.Ed25519PrivateKey.generate,
    "nist": lambda: ec.generate_private_key(ec.SECP256R1()),
}


def write_private(key, path, password=None):
    encryption = (
        serialization.NoEncryption() if password is None else serialization.BestAvailableEncryption(password)
    )
    form = serialization.PrivateFormat.PKCS8
    path.write_bytes(key.private_bytes(serialization.Encoding.PEM, form, encryption))
    return path


@pytest.fixture(params=MAKERS)
def pair(request, tmp_path):
    """Return the paths of a private and a public key."""
    key = MAKERS[request.param]()
    (tmp_path / "sign.pub").write_bytes(pem_of(key.public_key()))
    return write_private(key, tmp_path / "sign.pem"), tmp_path / "sign.pub"


def test_what_was_signed_can_be_checked(pair):
    key, public = load_private(pair[0]), load_public(pair[1])
    files = sign_manifest(key, b"manifest")
    found = check_manifest(b"manifest", files[SIGNATURE], files[PUBLIC_KEY])
    assert fingerprint(found) == fingerprint(public)
    for changed in (
        (b"manifesT", files[SIGNATURE], files[PUBLIC_KEY]),
        (b"manifest", files[SIGNATURE][:-1], files[PUBLIC_KEY]),
        (b"manifest", b"", files[PUBLIC_KEY]),
        (b"manifest", files[SIGNATURE], files[PUBLIC_KEY] + b"\n"),
        (b"manifest", files[SIGNATURE], b"key"),
    ):
        with pytest.raises(BundleError, match=r"manifest\.json\."):
            check_manifest(*changed)


def test_openssl_checks_it_too(tmp_path):
    """The plain signature needs no program of this project."""
    files = sign_manifest(ed25519.Ed25519PrivateKey.generate(), b"manifest")
    for name, raw in {MANIFEST: b"manifest", **files}.items():
        (tmp_path / name).write_bytes(raw)
    command = f"openssl pkeyutl -verify -pubin -inkey {PUBLIC_KEY} -rawin -in {MANIFEST} -sigfile {SIGNATURE}"
    try:
        done = subprocess.run(command.split(), cwd=tmp_path, capture_output=True, text=True)
    except FileNotFoundError:
        pytest.skip("no openssl")
    assert (done.returncode, "Verified Successfully" in done.stdout) == (0, True)


def test_keys_that_do_not_fit(tmp_path):
    secret = write_private(ed25519.Ed25519PrivateKey.generate(), tmp_path / "a.pem", b"password")
    large = write_private(rsa.generate_private_key(65537, 2048), tmp_path / "b.pem")
    (tmp_path / "c.pem").write_text("no key")
    for path, words in (
        (secret, "encrypted with a password"),
        (large, "expected a key of Ed25519 or of a NIST curve, got a RSAPrivateKey"),
        (tmp_path / "c.pem", "expected a private key in PEM"),
        (tmp_path / "d.pem", "cannot read"),
    ):
        with pytest.raises(ConfigError, match=words):
            load_private(path)
    with pytest.raises(ConfigError, match="expected a public key, got a private one"):
        load_public(large)
    with pytest.raises(ConfigError, match="got something else"):
        load_public(tmp_path / "c.pem")
    (tmp_path / "e.pem").write_bytes(b"0" * 200_000)
    with pytest.raises(ConfigError, match="a file of more than"):
        load_public(tmp_path / "e.pem")


def test_no_message_quotes_a_key(pair):
    text = pair[0].read_text()
    pair[0].write_text(text.replace("\n", "\n!", 1))
    with pytest.raises(ConfigError) as raised:
        load_private(pair[0])
    assert text.splitlines()[1][:20] not in str(raised.value)


@pytest.fixture
def signed(copy, tmp_path):
    """Return a bundle signed with Ed25519, and its public key."""
    key = ed25519.Ed25519PrivateKey.generate()
    seal_again(copy, write_private(key, tmp_path / "sign.pem"))
    return copy, key.public_key()


def test_a_signed_bundle(signed):
    folder, public = signed
    assert "the key that was given" in " ".join(verify(folder, public).raise_if_failed().notes)
    assert "compare it, or give --key" in " ".join(verify(folder).raise_if_failed().notes)


def test_a_key_that_does_not_fit(signed):
    other = ed25519.Ed25519PrivateKey.generate().public_key()
    with pytest.raises(BundleError, match="signed with another key: expected SHA256:"):
        verify(signed[0], other).raise_if_failed()


def test_every_seal_that_is_changed_or_missing_is_found(signed):
    folder, _ = signed
    for name in (MANIFEST, SIGNATURE, PUBLIC_KEY):
        raw = (folder / name).read_bytes()
        for place in (0, len(raw) // 2, len(raw) - 1):
            (folder / name).write_bytes(raw[:place] + bytes([raw[place] ^ 1]) + raw[place + 1 :])
            with pytest.raises(BundleError):
                verify(folder).raise_if_failed()
        (folder / name).unlink()
        with pytest.raises(BundleError, match=f"{name}"):
            verify(folder).raise_if_failed()
        (folder / name).write_bytes(raw)
    verify(folder).raise_if_failed()


def test_a_forger_who_seals_anew_lacks_the_key(signed, resealed):
    folder, public = signed
    (folder / "synthetic.csv").write_text("forged")
    resealed(folder)
    with pytest.raises(BundleError, match=r"manifest\.json\.sig: it is not a signature"):
        verify(folder).raise_if_failed()
    for name in (SIGNATURE, PUBLIC_KEY):
        (folder / name).unlink()
    with pytest.raises(BundleError, match="found none: the bundle is not signed"):
        verify(folder, public).raise_if_failed()


def test_without_the_package_it_says_that_nothing_was_checked(signed, monkeypatch):
    monkeypatch.setattr("tabgan.bundle.verification.has_cryptography", lambda: False)
    assert "signature: NOT CHECKED" in " ".join(verify(signed[0]).notes)
    assert has_cryptography()


def test_the_format_of_the_openssf(copy, tmp_path):
    """Tools of the OpenSSF accept it; here the package itself is asked."""
    verifying = pytest.importorskip("model_signing.verifying")
    key = MAKERS["nist"]()
    path = write_private(key, tmp_path / "sign.pem")
    assert signs_models(load_private(path))
    content = {
        "title": None,
        "created": None,
        "synthetic": True,
        "guarantee": {"epsilon": 5.0, "delta": 1e-6},
    }
    seal(copy, content | dict.fromkeys(("config", "request", "versions", "input")), path, into=copy)
    assert "in the OpenSSF's format" in " ".join(verify(copy).raise_if_failed().notes)
    verifying.Config().use_elliptic_key_verifier(public_key=copy / PUBLIC_KEY).verify(
        copy, copy / MODEL_SIGNATURE
    )
    (copy / "synthetic.csv").write_text("forged")
    with pytest.raises(BundleError, match=r"changed: synthetic\.csv"):
        verify(copy).raise_if_failed()


def certified(
    subject, key, issuer=None, issuer_key=None, *, days=(-1, 30), is_authority=False, may_sign=True
):
    """Return a certificate of a key, by an issuer or by itself."""
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, subject)])
    now = datetime.now(UTC)
    usage = x509.KeyUsage(
        may_sign and not is_authority,
        False,
        False,
        not may_sign,
        False,
        is_authority,
        is_authority,
        False,
        False,
    )
    builder = x509.CertificateBuilder(
        issuer.subject if issuer else name, name, key.public_key(), x509.random_serial_number()
    )
    builder = builder.not_valid_before(now + timedelta(days[0])).not_valid_after(now + timedelta(days[1]))
    builder = builder.add_extension(x509.BasicConstraints(is_authority, None), critical=True)
    builder = builder.add_extension(usage, critical=True)
    return builder.sign(issuer_key or key, hashes.SHA256())


def pem(*certificates):
    return b"".join(each.public_bytes(serialization.Encoding.PEM) for each in certificates)


@pytest.fixture
def authority(tmp_path):
    """Return a function from a signer's key to a file of it with its chain, and the file of the root."""
    root_key, middle_key = MAKERS["nist"](), MAKERS["nist"]()
    root = certified("Root", root_key, is_authority=True)
    middle = certified("Office", middle_key, root, root_key, is_authority=True)
    (tmp_path / "ca.pem").write_bytes(pem(root))

    def chained(key, certificate_of=None, **options):
        first = certified("Signer\n\x1b[1m", certificate_of or key, middle, middle_key, **options)
        path = write_private(key, tmp_path / "chain.pem")
        path.write_bytes(path.read_bytes() + pem(first, middle))
        return path

    return chained, tmp_path / "ca.pem"


def test_certificates_that_do_not_fit_their_key(authority):
    chained, key = authority[0], MAKERS["nist"]()
    load_private(chained(key))
    for path, words in (
        (lambda: chained(key, MAKERS["nist"]()), "the first certificate is of another key"),
        (lambda: chained(key, days=(-9, -1)), "and not today"),
        (lambda: chained(key, days=(1, 2)), "and not today"),
        (lambda: chained(key, may_sign=False), "expected a certificate that may sign"),
        (lambda: chained(MAKERS["edwards"](), key), "a key on a NIST curve alone"),
    ):
        with pytest.raises(ConfigError, match=words):
            load_private(path())


def test_a_bundle_signed_with_a_certificate(copy, authority, tmp_path):
    pytest.importorskip("model_signing")
    chained, root = authority
    key = MAKERS["nist"]()
    seal_again(copy, chained(key))
    notes = " ".join(verify(copy, authority=check_authority(root)).raise_if_failed().notes)
    assert "the key of the certificate" in notes
    assert "certificate of 'CN=Signer" in notes
    assert "by 'CN=Office', valid from" in notes
    assert notes.isprintable()
    assert "not checked without --ca" in " ".join(verify(copy).raise_if_failed().notes)
    other = tmp_path / "other.pem"
    other.write_bytes(pem(certified("Root", MAKERS["nist"](), is_authority=True)))
    with pytest.raises(BundleError, match="an authority of --ca certified"):
        verify(copy, authority=other).raise_if_failed()
    with pytest.raises(BundleError, match="signed with another key"):
        verify(copy, MAKERS["nist"]().public_key(), authority=root).raise_if_failed()
    raw = (copy / "synthetic.csv").read_bytes()
    (copy / "synthetic.csv").write_text("forged")
    with pytest.raises(BundleError, match=r"changed: synthetic\.csv(?s:.)*not a signature of these files"):
        verify(copy, authority=root).raise_if_failed()
    (copy / "synthetic.csv").write_bytes(raw)
    seal_again(copy, write_private(MAKERS["nist"](), tmp_path / "forger.pem"))
    with pytest.raises(BundleError, match="found one of a key alone"):
        verify(copy, authority=root).raise_if_failed()


def test_an_authority_that_cannot_be_asked_is_no_success(copy, authority, monkeypatch):
    pytest.importorskip("model_signing")
    chained, root = authority
    seal_again(copy, chained(MAKERS["nist"]()))

    def missing(module):
        raise ConfigError("model-signing cannot be imported.")

    monkeypatch.setattr("tabgan.bundle.signatures._model_signing", missing)
    with pytest.raises(BundleError, match="no certificate can be checked"):
        verify(copy, authority=root).raise_if_failed()


def test_a_chain_of_another_key_than_the_manifests(copy, authority, resealed):
    pytest.importorskip("model_signing")
    chained, root = authority
    seal_again(copy, chained(MAKERS["nist"]()))
    raw, forger = (copy / MODEL_SIGNATURE).read_bytes(), MAKERS["nist"]()
    (copy / PUBLIC_KEY).write_bytes(pem_of(forger.public_key()))
    (copy / SIGNATURE).write_bytes(sign_manifest(forger, (copy / MANIFEST).read_bytes())[SIGNATURE])
    with pytest.raises(BundleError, match="its certificate is not of the key"):
        verify(copy, authority=root).raise_if_failed()
    assert (copy / MODEL_SIGNATURE).read_bytes() == raw


@pytest.mark.parametrize("key", ["edwards", None])
def test_an_authority_where_there_is_no_certificate(copy, authority, tmp_path, key, monkeypatch):
    if key:
        seal_again(copy, write_private(MAKERS[key](), tmp_path / "sign.pem"))
    with pytest.raises(BundleError, match="expected one with a certificate, found"):
        verify(copy, authority=authority[1]).raise_if_failed()
    (tmp_path / "no.pem").write_text("none")
    with pytest.raises(ConfigError, match="expected certificates of authorities"):
        check_authority(tmp_path / "no.pem")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{}", "it is damaged"),
        ("[" * 9_000, "it is damaged"),
        (
            '{"verificationMaterial": {"x509CertificateChain": {"certificates": [{"rawBytes": "AAAA"}]}}}',
            "damaged",
        ),
        (
            '{"verificationMaterial": {"certificate": {"rawBytes": ""}, "tlogEntries": [{}]}}',
            "it is of Sigstore",
        ),
    ],
)
def test_openssf_signatures_that_are_none(tmp_path, text, words):
    (tmp_path / MODEL_SIGNATURE).write_text(text)
    with pytest.raises(BundleError, match=words):
        check_model(tmp_path)


def test_a_bundle_that_is_sealed_by_another_key_says_so(signed, tmp_path):
    folder, _ = signed
    for key, is_other in (("sign.pem", False), ("other.pem", True)):
        path = tmp_path / key
        if not path.exists():
            write_private(MAKERS["edwards"](), path)
        done = CliRunner().invoke(app, ["release", "seal", str(folder), "--sign-key", str(path)])
        assert (done.exit_code, "NOT BY THE KEY" in done.output) == (0, is_other)


@pytest.mark.parametrize(
    ("who", "issuer"), [("ada@example.org", ""), ("ada@example.org", " "), ("", "https://a.org")]
)
def test_an_empty_signer_is_no_signer(who, issuer):
    """The library takes an empty issuer for any: a variable that is not set would switch the check off."""
    with pytest.raises(ConfigError, match="expected the signer's (identity|issuer), got an empty text"):
        Signer(who, issuer)
