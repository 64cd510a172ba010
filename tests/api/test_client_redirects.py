"""Redirects of a read, and where the token goes: to the configured host, and nowhere else."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from support.both_clients import Connect
from support.recording_server import Received, RecordingServer, Reply

from airflow_provider_tingting.api import calls
from airflow_provider_tingting.errors import TingTingNeverSentError, TingTingRedirectError, TingTingUnreadableReplyError
from airflow_provider_tingting.sandbox import Sandbox

VOICES = calls.list_voice_models()


@pytest.mark.parametrize("status", [301, 302, 307, 308])
@pytest.mark.parametrize(
    "location",
    ["/api/v2/voice-models/?page=1", "../v2/voice-models/?page=1", "{origin}/api/v2/voice-models/?page=1"],
)
def test_a_read_follows_a_redirect_on_the_same_host_with_its_token(
    connect: Connect, server: RecordingServer, status: int, location: str
) -> None:
    location = location.replace("{origin}", server.base_url.removesuffix("/api/v1/"))
    if location.startswith(".."):
        location = "../../v2/voice-models/?page=1"

    def reply(received: Received) -> Reply:
        return Reply([]) if "v2" in received.path else Reply(status=status, headers={"Location": location})

    server.reply = reply
    assert connect(server).send(VOICES) == ()
    first, second = server.received
    assert (second.method, second.path, second.query) == ("GET", "/api/v2/voice-models/", {"page": "1"})
    assert second.headers["authorization"] == first.headers["authorization"] == "Bearer a-token-of-the-tests"


def test_a_missing_slash_of_the_base_url_is_added(connect: Connect, sandbox: Sandbox) -> None:
    assert len(connect(sandbox.base_url.rstrip("/"), sandbox.token).send(VOICES)) == 5
    assert [entry.status for entry in sandbox.requests] == [200]


def test_a_redirect_to_another_host_goes_there_without_the_token(
    connect: Connect, server: RecordingServer, other_server: RecordingServer
) -> None:
    other_server.always([])
    server.always(status=302, Location=f"{other_server.base_url}voice-models/")

    assert connect(server).send(VOICES) == ()
    assert "authorization" not in other_server.received[0].headers
    assert "a-token-of-the-tests" not in repr(other_server.received[0])


def test_a_login_page_at_the_end_of_a_redirect_is_unreadable(
    connect: Connect, server: RecordingServer, other_server: RecordingServer
) -> None:
    other_server.always(b"<html><title>Sign in</title></html>", Content_Type="text/html")
    server.always(status=302, Location=other_server.base_url)

    with pytest.raises(TingTingUnreadableReplyError, match="an HTML page titled 'Sign in'"):
        connect(server).send(VOICES)


def test_where_a_redirect_cannot_be_reached_it_is_that_host_which_is_named(connect: Connect, sandbox: Sandbox) -> None:
    sandbox.faults.parse("redirect=http://login.tingting.invalid/:voices:*")

    with pytest.raises(TingTingNeverSentError, match=r"cannot connect to login\.tingting\.invalid"):
        connect(sandbox, max_retries=0).send(VOICES)


def test_a_ring_of_redirects_ends(connect: Connect, server: RecordingServer) -> None:
    server.always(status=302, Location="/api/v1/voice-models/")

    with pytest.raises(TingTingRedirectError, match="redirected to /api/v1/voice-models/"):
        connect(server).send(VOICES)
    assert len(server.received) == 4


@pytest.mark.parametrize("location", ["ftp://x/y", "file:///etc/hostname", "http://[", "mailto:x@y", ""])
def test_a_redirect_that_leads_nowhere_is_refused(connect: Connect, server: RecordingServer, location: str) -> None:
    server.always(status=302, Location=location)

    with pytest.raises(TingTingRedirectError, match="Check the connection's base URL"):
        connect(server).send(VOICES)
    assert len(server.received) == 1


def test_a_redirect_without_an_address_is_refused(connect: Connect, server: RecordingServer) -> None:
    server.always(status=302)

    with pytest.raises(TingTingRedirectError, match="an address that the response does not name"):
        connect(server).send(VOICES)


def test_a_download_follows_a_redirect_to_where_files_are_kept_without_the_token(
    connect: Connect, server: RecordingServer, other_server: RecordingServer
) -> None:
    other_server.always(b"Number,Status\r\n", Content_Type="text/csv")
    server.always(status=302, Location=f"{other_server.base_url}media/report.csv?signature=abc")
    target = io.BytesIO()

    connect(server).download(calls.download_campaign_report(79), target)
    assert target.getvalue() == b"Number,Status\r\n"
    assert other_server.received[0].query == {"signature": "abc"}
    assert "authorization" not in other_server.received[0].headers


def test_a_netrc_file_does_not_replace_the_token(
    connect: Connect, server: RecordingServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login another password else\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    server.always([])

    connect(server).send(VOICES)
    assert server.received[0].headers["authorization"] == "Bearer a-token-of-the-tests"


def test_a_netrc_file_is_not_sent_to_the_host_of_a_redirect(
    connect: Connect,
    server: RecordingServer,
    other_server: RecordingServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login another password else\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    other_server.always([])
    server.always(status=302, Location=other_server.base_url)

    connect(server).send(VOICES)
    assert "authorization" not in other_server.received[0].headers


def test_cookies_are_kept_within_the_host(
    connect: Connect, server: RecordingServer, speaking: Callable[..., Sandbox]
) -> None:
    """A load balancer's cookie may come back to it; it decides nothing here."""
    server.always([], Set_Cookie="lb=1; Path=/")
    client = connect(server)
    client.send(VOICES)

    client.send(VOICES)
    assert server.received[1].headers["authorization"] == "Bearer a-token-of-the-tests"
