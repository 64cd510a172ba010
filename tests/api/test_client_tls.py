"""TLS: which CA certificates are trusted, and the errors when a certificate is not."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from ipaddress import ip_address
from pathlib import Path

import pytest
from support.both_clients import Connect
from support.recording_server import RecordingServer

from airflow_provider_tingting.api import calls
from airflow_provider_tingting.errors import TingTingConfigError, TingTingNeverSentError, TingTingRedirectError

VOICES = calls.list_voice_models()
CREATE = calls.create_campaign(name="Dashain", services="PHONE", user_phone=[3], message="m")

pytestmark = pytest.mark.filterwarnings("ignore:Unverified HTTPS request")


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for 127.0.0.1, with its key."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(timezone.utc)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "TingTing of the tests")])
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        # From Python 3.13 on a certificate must say what it is for.
        .add_extension(x509.KeyUsage(True, *[False] * 4, True, *[False] * 3), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(secret + signed.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.fixture
def self_signed(certificate: Path) -> Iterator[RecordingServer]:
    with RecordingServer(str(certificate)) as running:
        running.always([])
        yield running


@pytest.fixture(autouse=True)
def _no_named_certificates(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)


def test_a_write_to_a_server_with_an_unknown_certificate_was_never_sent(
    connect: Connect, self_signed: RecordingServer
) -> None:
    with pytest.raises(
        TingTingNeverSentError, match=r"cannot connect to 127\.0\.0\.1:\d+ \(certificate: self.signed certificate\)"
    ):
        connect(self_signed, max_retries=1).send(CREATE)
    assert self_signed.received == []


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_a_bundle_of_the_environment_does_not_override_verify_false(
    connect: Connect, self_signed: RecordingServer, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, ssl.get_default_verify_paths().cafile or "/etc/ssl/certs")

    assert connect(self_signed, verify=False).send(VOICES) == ()


def test_a_certificate_named_in_the_connection_is_trusted(
    connect: Connect, self_signed: RecordingServer, certificate: Path
) -> None:
    assert connect(self_signed, verify=str(certificate)).send(VOICES) == ()


def test_certificates_may_be_a_folder(
    connect: Connect, self_signed: RecordingServer, certificate: Path, tmp_path: Path
) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("a folder is made by the openssl command")
    (tmp_path / "company.pem").write_bytes(certificate.read_bytes())
    subprocess.run(["openssl", "rehash", str(tmp_path)], check=True, capture_output=True)

    assert connect(self_signed, verify=str(tmp_path)).send(VOICES) == ()


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_both_clients_know_the_companys_certificates_of_the_environment(
    connect: Connect,
    self_signed: RecordingServer,
    certificate: Path,
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
) -> None:
    monkeypatch.setenv(variable, str(certificate))

    assert connect(self_signed).send(VOICES) == ()


def test_certificates_that_are_not_there_are_named_at_once(connect: Connect, self_signed: RecordingServer) -> None:
    with pytest.raises(TingTingConfigError, match=r"no CA certificates at /nowhere/ca\.pem"):
        connect(self_signed, verify="/nowhere/ca.pem")


def test_certificates_of_the_environment_that_are_not_there_are_named(
    connect: Connect, self_signed: RecordingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere/ca.pem")

    with pytest.raises(TingTingConfigError, match=r"CA certificates at /nowhere/ca\.pem cannot be used"):
        connect(self_signed).send(VOICES)


def test_a_file_without_certificates_is_named(connect: Connect, self_signed: RecordingServer, tmp_path: Path) -> None:
    path = tmp_path / "ca.pem"
    path.write_text("not a certificate")

    with pytest.raises(TingTingConfigError, match=r"ca\.pem cannot be used"):
        connect(self_signed, verify=str(path)).send(VOICES)


def test_a_read_is_not_redirected_from_https_to_http(
    connect: Connect, self_signed: RecordingServer, server: RecordingServer, certificate: Path
) -> None:
    server.always([])
    self_signed.always(status=302, Location=f"{server.base_url}voice-models/")

    with pytest.raises(TingTingRedirectError):
        connect(self_signed, verify=str(certificate)).send(VOICES)
    assert server.received == []
    assert len(self_signed.received) == 1


def test_a_read_may_be_redirected_from_http_to_https(
    connect: Connect, self_signed: RecordingServer, server: RecordingServer, certificate: Path
) -> None:
    server.always(status=302, Location=f"{self_signed.base_url}voice-models/")

    assert connect(server, verify=str(certificate)).send(VOICES) == ()
    assert "authorization" not in self_signed.received[0].headers
