"""Signatures of Sigstore: made by its own library with services on this machine, and checked without any network."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import socket
import struct
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from tabgan.bundle import keyless
from tabgan.bundle.assembly import assemble, seal_again
from tabgan.bundle.keyless import TOKEN, Signer, Sigstore, check_keyless, sigstore_of
from tabgan.bundle.names import MANIFEST, README, SIGSTORE
from tabgan.bundle.verification import verify
from tabgan.cli.app import app
from tabgan.errors import BundleError, ConfigError
from tabgan.jobs.executors import JobFailure, outcome_of
from tabgan.jobs.loading import load_jobs
from tabgan.privacy.ledger.file import LedgerFile

pytest.importorskip("sigstore")
pytest.importorskip("model_signing")

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from model_signing import verifying

WHO, ISSUER = "ada@example.org", "https://accounts.example.org"
DER, PEM = serialization.Encoding.DER, serialization.Encoding.PEM
STAMPS = x509.ObjectIdentifier("1.3.6.1.4.1.11129.2.4.2")


def der_of(key) -> bytes:
    return key.public_key().public_bytes(DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def behind_length(raw: bytes, size: int = 2) -> bytes:
    """Return bytes behind their length, as TLS writes a vector."""
    return len(raw).to_bytes(size, "big") + raw


class Services:
    """An authority, a log of certificates, a log of signatures and a provider of identities, at one address.

    References:
        RFC 6962, sections 2.1, 3.2 and 3.3. The HTTP APIs of Fulcio (2) and Rekor (1).
    """

    def __init__(self) -> None:
        self.root_key, self.ct_key, self.log_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(3))
        self.root = self.unsigned(
            x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "ca")]), self.root_key
        )
        self.root = self.root.sign(self.root_key, hashes.SHA256())
        services = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                names = ("authorization_endpoint", "token_endpoint")
                self.answer(dict.fromkeys(names, services.url))

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if self.path == "/api/v2/signingCert":
                    self.answer(services.certified(body, self.headers["Authorization"].split()[1]))
                else:
                    self.answer(services.logged(body))

            def answer(self, content: object) -> None:
                self.send_response(201)
                self.end_headers()
                self.wfile.write(json.dumps(content).encode())

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def unsigned(self, subject, key, public=None):
        """Return a certificate that is not signed yet: of the authority itself, or of a signer's public key."""
        name, now = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "ca")]), datetime.now(UTC)
        is_authority = public is None
        builder = x509.CertificateBuilder(
            name, subject, public or key.public_key(), x509.random_serial_number()
        )
        builder = builder.not_valid_before(now - timedelta(minutes=1)).not_valid_after(
            now + timedelta(hours=1)
        )
        builder = builder.add_extension(x509.BasicConstraints(is_authority, None), critical=True)
        usage = x509.KeyUsage(
            *(not is_authority, False, False, False, False, is_authority, is_authority, False, False)
        )
        own = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
        above = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own)
        return builder.add_extension(usage, True).add_extension(own if is_authority else above, False)

    def certified(self, body: dict, token: str) -> dict:
        """Return a certificate of the key of a request, for the identity of a token, and its authority's."""
        request = x509.load_pem_x509_csr(base64.b64decode(body["certificateSigningRequest"]))
        claims = jwt.decode(token, options={"verify_signature": False})
        builder = self.unsigned(x509.Name([]), self.root_key, request.public_key())
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.RFC822Name(claims["sub"])]), True)
        signs = x509.ExtendedKeyUsage([x509.oid.ExtendedKeyUsageOID.CODE_SIGNING])
        issuer = x509.UnrecognizedExtension(x509.ObjectIdentifier(keyless._ISSUER), claims["iss"].encode())
        builder = builder.add_extension(signs, False).add_extension(issuer, False)
        first = builder.add_extension(self.stamp(b""), False).sign(self.root_key, hashes.SHA256())
        last = builder.add_extension(self.stamp(first.tbs_precertificate_bytes), False)
        chain = [last.sign(self.root_key, hashes.SHA256()), self.root]
        certificates = [each.public_bytes(PEM).decode() for each in chain]
        return {"signedCertificateEmbeddedSct": {"chain": {"certificates": certificates}}}

    def stamp(self, content: bytes) -> x509.UnrecognizedExtension:
        """Return the log's receipt for a certificate's content."""
        when = struct.pack("!Q", int(datetime.now(UTC).timestamp()) * 1_000)
        issuer = hashlib.sha256(der_of(self.root_key)).digest()
        signed = b"\0\0" + when + b"\0\1" + issuer + behind_length(content, 3) + behind_length(b"")
        signature = behind_length(self.ct_key.sign(signed, ec.ECDSA(hashes.SHA256())))
        log = hashlib.sha256(der_of(self.ct_key)).digest()
        stamps = behind_length(behind_length(b"\0" + log + when + behind_length(b"") + b"\4\3" + signature))
        assert len(stamps) < 256
        head = b"\4" + (bytes([len(stamps)]) if len(stamps) < 128 else bytes([0x81, len(stamps)]))
        return x509.UnrecognizedExtension(STAMPS, head + stamps)

    def logged(self, body: dict) -> dict:
        """Return the log's receipt for a signature, the only one that it holds."""
        content = body["spec"]["proposedContent"]
        envelope, (verifier,) = json.loads(content["envelope"]), content["verifiers"]

        def digest(raw: bytes) -> dict:
            return {"algorithm": "sha256", "value": hashlib.sha256(raw).hexdigest()}

        spec = {
            "envelopeHash": digest(content["envelope"].encode()),
            "payloadHash": digest(base64.b64decode(envelope["payload"])),
            "signatures": [
                {"signature": each["sig"], "verifier": verifier} for each in envelope["signatures"]
            ],
        }
        entry = json.dumps({"apiVersion": "0.0.1", "kind": "dsse", "spec": spec}).encode()
        root, log = hashlib.sha256(b"\0" + entry).digest(), hashlib.sha256(der_of(self.log_key)).digest()
        note = f"log\n1\n{text(root)}\n"
        signed = log[:4] + self.log_key.sign(note.encode(), ec.ECDSA(hashes.SHA256()))
        proof = {"logIndex": 0, "rootHash": root.hex(), "treeSize": 1, "hashes": []}
        proof["checkpoint"] = f"{note}\n\u2014 log {text(signed)}\n"
        promised = {"body": text(entry), "integratedTime": int(datetime.now(UTC).timestamp())}
        promised |= {"logID": log.hex(), "logIndex": 0}
        canonical = json.dumps(promised, sort_keys=True, separators=(",", ":")).encode()
        promise = text(self.log_key.sign(canonical, ec.ECDSA(hashes.SHA256())))
        verification = {"inclusionProof": proof, "signedEntryTimestamp": promise}
        return {"0": promised | {"verification": verification}}

    def trust(self, path: Path) -> Path:
        """Write the file of these services and their keys."""
        times = {"start": "2020-01-01T00:00:00Z"}

        def log(key) -> dict:
            public = {
                "rawBytes": text(der_of(key)),
                "keyDetails": "PKIX_ECDSA_P256_SHA_256",
                "validFor": times,
            }
            identity = {"keyId": text(hashlib.sha256(der_of(key)).digest())}
            return {"baseUrl": self.url, "hashAlgorithm": "SHA2_256", "publicKey": public, "logId": identity}

        authority = {
            "subject": {"organization": "here", "commonName": "ca"},
            "uri": self.url,
            "certChain": {"certificates": [{"rawBytes": text(self.root.public_bytes(DER))}]},
            "validFor": times,
        }
        root = {
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": [log(self.log_key)],
            "certificateAuthorities": [authority],
            "ctlogs": [log(self.ct_key)],
        }
        service = {"url": self.url, "validFor": times, "operator": "here"}
        config = {
            "mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json",
            "caUrls": [service | {"majorApiVersion": 1}],
            "oidcUrls": [service | {"majorApiVersion": 1}],
            "rekorTlogUrls": [service | {"majorApiVersion": 1}],
            "rekorTlogConfig": {"selector": "ANY"},
            "tsaConfig": {"selector": "ANY"},
        }
        kind = "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json"
        path.write_text(json.dumps({"mediaType": kind, "trustedRoot": root, "signingConfig": config}))
        return path


def token_of(who: str = WHO, issuer: str = ISSUER, seconds: int = 600) -> str:
    now = int(datetime.now(UTC).timestamp())
    claims = {"aud": "sigstore", "sub": who, "iss": issuer, "iat": now, "exp": now + seconds}
    return jwt.encode(claims, "a key of the provider, of some length", algorithm="HS256")


@pytest.fixture(scope="module")
def services():
    found = Services()
    yield found
    found.close()


@pytest.fixture
def trust(services, tmp_path, monkeypatch):
    """Return the file of services that sign for the token in the environment."""
    monkeypatch.setenv(TOKEN, token_of())
    return services.trust(tmp_path / "trust.json")


@pytest.fixture
def signed(copy, trust):
    seal_again(copy, sigstore=Sigstore(trust))
    return copy


@pytest.fixture
def offline(monkeypatch):
    """Forbid any connection."""

    def refuse(*_: object, **__: object):
        raise AssertionError("a network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def notes_of(folder, *, signer=None, trust=None) -> str:
    return "\n".join(verify(folder, signer=signer, trust=trust).raise_if_failed().notes)


def test_a_signed_bundle_is_checked_without_a_network(signed, trust, offline):
    notes = notes_of(signed, signer=Signer(WHO, ISSUER), trust=trust)
    assert f"valid, by {WHO!r}, for whom {ISSUER!r} vouches (as expected)" in notes
    assert "signature: none" not in notes
    assert "compare both, or give --identity and --issuer" in notes_of(signed, trust=trust)


def test_the_openssfs_library_accepts_it(signed, trust):
    verifier = verifying.Config()
    verifier.use_sigstore_verifier(identity=WHO, oidc_issuer=ISSUER, trust_config=trust)
    verifier.verify(signed, signed / SIGSTORE)


@pytest.mark.parametrize(("who", "issuer"), [("eve@example.org", ISSUER), (WHO, "https://other.example.org")])
def test_another_identity_is_refused(signed, trust, who, issuer):
    with pytest.raises(BundleError, match=f"expected a signature by '{who}'.*got one by 'ada@example.org'"):
        notes_of(signed, signer=Signer(who, issuer), trust=trust)


def test_services_that_nobody_trusts(signed, offline):
    """The public Sigstore's keys come with the library."""
    with pytest.raises(BundleError, match="no trusted Sigstore vouches for it"):
        notes_of(signed)


def test_any_change_of_the_files_or_of_the_signature_is_found(signed, trust, resealed):
    (signed / "synthetic.csv").write_text("forged")
    resealed(signed)
    with pytest.raises(BundleError, match="it is not a signature of these files"):
        notes_of(signed, trust=trust)


def test_any_changed_byte_of_the_signature_is_found(signed, trust):
    path, raw = signed / SIGSTORE, (signed / SIGSTORE).read_bytes()
    for place in range(0, len(raw), len(raw) // 60):
        path.write_bytes(raw[:place] + bytes([raw[place] ^ 1]) + raw[place + 1 :])
        with pytest.raises(BundleError):
            check_keyless(signed, None, trust)
    path.write_bytes(raw + b" ")
    with pytest.raises(BundleError, match="damaged"):
        check_keyless(signed, None, trust)
    path.write_bytes(b" " * 3_000_000)
    with pytest.raises(BundleError, match="expected at most"):
        check_keyless(signed, None, trust)
    path.unlink()
    with pytest.raises(BundleError, match="expected one of Sigstore by 'ada@example.org', found none"):
        notes_of(signed, signer=Signer(WHO, ISSUER), trust=trust)


def test_a_signature_of_other_files_in_its_place(signed, trust, made, tmp_path, monkeypatch):
    other = Path(shutil.copytree(made, tmp_path / "other"))
    (other / README).write_text("another")
    seal_again(other, sigstore=Sigstore(trust))
    shutil.copy(other / SIGSTORE, signed / SIGSTORE)
    with pytest.raises(BundleError, match="it is not a signature of these files"):
        notes_of(signed, trust=trust)


def test_the_public_sigstores_signature_is_checked_without_a_network(tmp_path, offline):
    """Of the OpenSSF's model-transparency, scripts/tests/v1.1.0-sigstore (Apache-2.0)."""
    for name in ("signme-1", "signme-2"):
        (tmp_path / name).write_text(name)
    shutil.copy(Path(__file__).parent / "openssf" / "model.sig", tmp_path / SIGSTORE)
    who, issuer = "stefanb@us.ibm.com", "https://sigstore.verify.ibm.com/oauth2"
    assert check_keyless(tmp_path, Signer(who, issuer), None).startswith(f"valid, by {who!r}")
    (tmp_path / "signme-1").write_text("other")
    with pytest.raises(BundleError, match="not a signature of these files"):
        check_keyless(tmp_path, None, None)


def test_without_a_network_nothing_is_written(copy, trust, services, monkeypatch, tmp_path):
    before = {path.name: path.read_bytes() for path in copy.iterdir()}
    changed = json.loads(trust.read_text().replace(services.url, "http://127.0.0.1:9"))
    trust.write_text(json.dumps(changed))
    with pytest.raises(BundleError, match="refused, or could not be reached"):
        seal_again(copy, sigstore=Sigstore(trust))
    monkeypatch.setenv(TOKEN, "no token")
    with pytest.raises(ConfigError, match="got one that has expired, .*or is none") as raised:
        seal_again(copy, sigstore=Sigstore(services.trust(trust)))
    assert "no token" not in str(raised.value)
    assert {path.name: path.read_bytes() for path in copy.iterdir()} == before
    assert {path.name for path in tmp_path.iterdir()} == {"people", "trust.json"}


def test_an_identity_is_wanted(copy, trust, monkeypatch):
    monkeypatch.delenv(TOKEN)
    monkeypatch.setattr("sigstore.oidc.detect_credential", lambda: None)
    with pytest.raises(ConfigError, match=f"expected an identity token in {TOKEN}"):
        seal_again(copy, sigstore=Sigstore(trust))
    monkeypatch.setattr("sigstore.oidc.detect_credential", token_of)
    seal_again(copy, sigstore=Sigstore(trust))
    assert WHO in notes_of(copy, trust=trust)


@pytest.fixture
def job(trust, tmp_path, monkeypatch):
    """Return a job whose bundle Sigstore signs."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"age": rng.integers(0, 90, 600), "town": rng.choice(["Ulm", "Bonn"], 600)})
    frame.to_csv(tmp_path / "people.csv", index=False)
    (tmp_path / "job.yaml").write_text(
        "name: people\nsource: {path: people.csv, holdout: 0.3}\nmodel: {epsilon: 3}\n"
        "ledger: {path: people.ledger}\noutput: {folder: out}\n"
        "report: {}\nbundle: {pdf: false, sigstore: true, sigstore_trust: trust.json}\n"
    )
    return load_jobs(tmp_path / "job.yaml")[0]


def failed(job) -> str:
    outcome = outcome_of(job)
    assert isinstance(outcome, JobFailure)
    return outcome.message


def test_a_job_spends_nothing_on_a_bundle_that_would_stay_unsigned(
    job, trust, services, tmp_path, monkeypatch
):
    """Neither without an identity, nor with a token that has expired, nor without the services."""
    monkeypatch.setattr("sigstore.oidc.detect_credential", lambda: None)
    monkeypatch.delenv(TOKEN)
    assert "bundle.sigstore: expected an identity token" in failed(job)
    monkeypatch.setenv(TOKEN, token_of(seconds=-60))
    assert "bundle.sigstore: expected an identity token for Sigstore that is valid now" in failed(job)
    monkeypatch.setenv(TOKEN, token_of())
    trust.write_text(trust.read_text().replace(services.url, "http://127.0.0.1:9"))
    said = failed(job)
    assert "could not be reached" in said
    assert "spent" not in said
    assert not (tmp_path / "people.ledger").exists()
    assert not (tmp_path / "out").exists()


def test_a_job_that_cannot_be_signed_at_its_end_resumes(job, trust, tmp_path, monkeypatch):
    def refuse(*_: object) -> None:
        raise BundleError("signature: the services refused.")

    with monkeypatch.context() as patched:
        patched.setattr("tabgan.bundle.writing.sign_keyless", refuse)
        said = failed(job)
    assert "epsilon 3" in said
    assert "the same command resumes from it" in said
    assert not (tmp_path / "out" / "release").exists()
    assert not isinstance(outcome_of(job), JobFailure)
    (fit,) = LedgerFile(tmp_path / "people.ledger").fits
    assert fit.outcome == "done"
    notes = notes_of(tmp_path / "out" / "release", signer=Signer(WHO, ISSUER), trust=trust)
    assert "valid, by 'ada@example.org'" in notes


def test_a_bundle_of_a_model_asks_before_it_draws_rows(model, trust, tmp_path, monkeypatch):
    monkeypatch.setattr(type(model), "sample", lambda *_, **__: pytest.fail("rows were drawn"))
    trust.write_text(trust.read_text().replace("http://127.0.0.1:", "http://127.0.0.1:9/"))
    with pytest.raises(BundleError, match="could not be reached"):
        assemble(model, tmp_path / "new", title="people", sigstore=Sigstore(trust))


def test_sealing_again_asks_for_the_same(signed):
    (signed / README).write_text("completed")
    before = (signed / MANIFEST).read_bytes()
    with pytest.raises(ConfigError, match="--sigstore: expected it"):
        seal_again(signed)
    assert (signed / MANIFEST).read_bytes() == before


def test_without_the_package(signed, trust, monkeypatch):
    def missing(name: str):
        raise ConfigError("the package sigstore is missing.")

    monkeypatch.setattr(keyless, "_module", missing)
    assert f"{SIGSTORE}: NOT CHECKED. the package sigstore is missing." in notes_of(signed)
    with pytest.raises(BundleError, match="it cannot be checked"):
        notes_of(signed, signer=Signer(WHO, ISSUER))
    with pytest.raises(ConfigError, match="is missing"):
        sigstore_of(None, "--sigstore-trust")


def test_from_the_command_line(copy, trust, tmp_path):
    def ran(*arguments: str):
        return CliRunner().invoke(app, [*arguments])

    trusts, folder = ("--sigstore-trust", str(trust)), str(copy)
    assert ran("release", "seal", folder, *trusts).exit_code == 2
    sealed = ran("release", "seal", folder, "--sigstore", *trusts)
    assert sealed.exit_code == 0, sealed.output
    done = ran("verify", folder, "--identity", WHO, "--issuer", ISSUER, *trusts)
    assert done.exit_code == 0, done.output
    assert ran("verify", folder, "--identity", "eve@example.org", "--issuer", ISSUER, *trusts).exit_code == 1
    assert ran("verify", folder, "--identity", WHO).exit_code == 2
    (tmp_path / "none.json").write_text("{}")
    wrong = ran("verify", folder, "--sigstore-trust", str(tmp_path / "none.json"))
    assert (wrong.exit_code, "expected services and keys" in " ".join(wrong.output.split())) == (2, True)
