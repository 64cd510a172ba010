"""Sorts what an HTTP library raises into "never sent" and "outcome unknown", and says why in a few words.

It looks at the errors and what is wrapped in them, and imports no HTTP library.
"""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from airflow_provider_tingting.api.protocol import Call, RetrySafety
from airflow_provider_tingting.errors import TingTingAPIError, TingTingNeverSentError, TingTingOutcomeUnknownError


def never_sent(call: Call[Any], url: str, error: Exception) -> TingTingAPIError:
    """Return the error of a request that never left.

    :param url: where it should have gone.
    :param error: what the library raised.
    """
    host = urlsplit(url).netloc.rpartition("@")[2]
    return TingTingNeverSentError(
        call.name, f"cannot connect to {host} ({_reason(error)}).", campaign_id=call.campaign_id
    )


def outcome_unknown(call: Call[Any], error: Exception) -> TingTingAPIError:
    """Return the error of a request that left and was not answered.

    :param error: what the library raised.
    """
    timed_out = any("timeout" in type(cause).__name__.lower() for cause in causes(error))
    said = "no answer came in time" if timed_out else "the connection broke off before the whole answer came"
    remedy = "Nothing was changed: try again; if it stays, check the host and the network."
    return TingTingOutcomeUnknownError(
        call.name,
        f"{said} ({type(error).__name__}).",
        remedy=remedy if call.retry_safety is RetrySafety.READ else None,
        campaign_id=call.campaign_id,
    )


def _reason(error: BaseException) -> str:
    """Name the innermost cause: the libraries wrap it in texts that repeat the whole address."""
    *_, innermost = causes(error)
    if isinstance(innermost, ssl.SSLCertVerificationError):
        return f"certificate: {innermost.verify_message}"
    if not isinstance(innermost, OSError) or not innermost.strerror:
        return type(innermost).__name__
    # asyncio puts its own words and the address in the place of the system's.
    known = not isinstance(innermost, ssl.SSLError | socket.gaierror) and innermost.errno
    return os.strerror(known) if known else innermost.strerror


def causes(error: BaseException) -> Iterator[BaseException]:
    """Yield the error and what the libraries wrapped in it, from the outside in.

    Never its `__context__`: that is whatever the caller was handling, such as an earlier call that was never sent.
    """
    seen: set[int] = set()
    inner: BaseException | None = error
    while inner is not None and id(inner) not in seen:
        seen.add(id(inner))
        yield inner
        wrapped = [inner.__cause__, getattr(inner, "reason", None), *inner.args, *getattr(inner, "exceptions", ())]
        inner = next((one for one in wrapped if isinstance(one, BaseException)), None)


def is_handshake(error: BaseException, *, certainly: bool = False) -> bool:
    """Whether TLS failed before anything could be sent; TLS trouble in mid-conversation leaves the outcome unknown.

    :param certainly: count only what proves it: something between may speak no TLS after the request was sent, too.
    """
    if certainly:
        return any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes(error))
    signs = ("CERTIFICATE", "HANDSHAKE", "WRONG_VERSION", "PROTOCOL_VERSION", "UNKNOWN_PROTOCOL", "HTTP_REQUEST")
    return any(
        isinstance(cause, ssl.SSLCertVerificationError)
        or (isinstance(cause, ssl.SSLError) and any(sign in str(cause).upper() for sign in signs))
        for cause in causes(error)
    )


def is_tunnel_refused(error: BaseException) -> bool:
    """Whether a proxy has refused the tunnel (`http.client` says so in a text only), so that nothing was sent."""
    return isinstance(error, OSError) and str(error).startswith("Tunnel connection failed")
