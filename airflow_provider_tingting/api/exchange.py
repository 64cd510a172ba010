"""One HTTP request and its response, as both transports see it: deadline, what was sent, the body within its limits.

A library's time-out counts from one received piece to the next, so a server that sends a byte now and then would hold
the request forever. An `Exchange` has one deadline for everything from the connection to the last byte.
"""

from __future__ import annotations

import os
import socket
import ssl
import time
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urljoin, urlsplit

from airflow_provider_tingting.api.protocol import Call, RetrySafety
from airflow_provider_tingting.api.response_limits import MIB, BodyLimits
from airflow_provider_tingting.errors import (
    TingTingAPIError,
    TingTingConfigError,
    TingTingError,
    TingTingNeverSentError,
    TingTingOutcomeUnknownError,
    TingTingUnreadableReplyError,
)

CHUNK_BYTES = 64 * 1024
_READ_REMEDY = "Nothing was changed: try again; if the error persists, check the host and the network."


class Exchange:
    """The state of one request and its response.

    :param call: the call that the request belongs to.
    :param base_url: the base of the request's path, for error texts.
    :param deadline: the time, by `time.monotonic`, at which the response must be complete.
    :param limits: the limits of the response's body.
    """

    def __init__(self, call: Call[Any], base_url: str, deadline: float, limits: BodyLimits) -> None:
        self.call = call
        self._base_url = base_url
        self.limits = limits
        #: Whether a byte of the request may be on the wire. The transports set it before they write.
        self.sent = False
        self._deadline = deadline
        self._started = time.monotonic()
        self._longest_silence = deadline - self._started
        self._received = 0

    def remaining(self) -> float:
        """Return the seconds that the next step may take.

        :raises TimeoutError: the deadline has passed.
        """
        # Sockets go by real time, so this is not the package's replaceable clock.
        left = min(self._deadline - time.monotonic(), self._longest_silence)
        if left <= 0:
            raise TimeoutError("the deadline of the request has passed")
        return left

    def start_body(self) -> None:
        """Begin the time limit of the body, after the response's headers have come."""
        if self.limits.total_seconds is not None:
            self._deadline = self._started + self.limits.total_seconds

    @contextmanager
    def translate_errors(self) -> Iterator[None]:
        """Raise whatever an HTTP library raises as the error that describes it.

        The library's error is not chained: its reason is in the text, and its traceback has a hundred lines.
        """
        try:
            yield
        except TingTingError:
            raise
        except Exception as error:
            raise self._to_error(error) from None

    def _to_error(self, error: Exception) -> TingTingError:
        """Return the error of a request without a usable response.

        Only `sent` decides whether the request may have reached the server. The class of the library's error does
        not: requests raises `InvalidHeader`, for example, for a header of the response too.
        """
        if not self.sent:
            if _is_network_error(error):
                host = urlsplit(urljoin(self._base_url, self.call.request.path)).netloc.rpartition("@")[2]
                return TingTingNeverSentError(
                    self.call.name, f"cannot connect to {host} ({_reason(error)}).", campaign_id=self.call.campaign_id
                )
            return TingTingConfigError(
                f"TingTing {self.call.name} was not sent: the connection's host or token, or an argument, cannot be "
                f"used in a request ({type(error).__name__}). Write the host as app.tingting.io and the token exactly "
                "as TingTing shows it."
            )
        if any(isinstance(cause, TimeoutError) for cause in _causes(error)):
            message = "no response came in time"
            if self._received:
                message = f"the response did not end in time: {self._received:,} bytes of it came"
        else:
            message = "the connection broke off before the whole response came"
        return self.outcome_unknown(f"{message} ({type(error).__name__}).")

    def outcome_unknown(self, message: str) -> TingTingAPIError:
        """Return the error of a request whose response is lost.

        :param message: what happened.
        """
        return TingTingOutcomeUnknownError(
            self.call.name,
            message,
            remedy=_READ_REMEDY if self.call.retry_safety is RetrySafety.READ else None,
            campaign_id=self.call.campaign_id,
        )

    def count(self, raw: bytes) -> None:
        """Count a received piece of the body.

        :param raw: the piece as it came.
        :raises TimeoutError: the deadline has passed.
        """
        self._received += len(raw)
        self.remaining()

    def unreadable(self, message: str, *, remedy: str | None = None) -> TingTingAPIError:
        """Return the error of a response that cannot be TingTing's.

        :param message: what is wrong with it.
        :param remedy: what to do; default: nothing was changed, for a read.
        """
        if remedy is None and self.call.retry_safety is RetrySafety.READ:
            remedy = "Nothing was changed."
        return TingTingUnreadableReplyError(self.call.name, message, remedy=remedy, campaign_id=self.call.campaign_id)


class BodyDecoder:
    """Decodes a response's body piece by piece within the limits of its exchange.

    :param exchange: the exchange that the body belongs to.
    :param headers: the response's headers, with their names in lower case.
    :raises TingTingUnreadableReplyError: the body has an encoding that was not requested.
    """

    def __init__(self, exchange: Exchange, headers: Mapping[str, str]) -> None:
        self._exchange = exchange
        self._raw_bytes = 0
        self._decoded_bytes = 0
        self._encoding = headers.get("content-encoding", "").strip().lower()
        if self._encoding not in ("", "identity", "gzip", "x-gzip", "deflate"):
            raise exchange.unreadable("the response has a content encoding that was not requested.")
        # 47: gzip or zlib, whichever the data begins with.
        self._inflater = zlib.decompressobj(47)

    def decode(self, raw: bytes) -> Iterator[bytes]:
        """Yield the decoded pieces of a received piece.

        :param raw: the piece as it came.
        :raises TingTingOutcomeUnknownError: the deadline has passed.
        :raises TingTingUnreadableReplyError: the body is too large, expands too much, or is not compressed as stated.
        """
        with self._exchange.translate_errors():
            self._exchange.count(raw)
        self._raw_bytes += len(raw)
        if self._encoding in ("", "identity"):
            yield self._within_limits(raw)
            return
        while raw:
            try:
                piece = self._inflate(raw)
            except zlib.error:
                raise self._exchange.unreadable("the response is not compressed as its headers say.") from None
            if piece:
                yield self._within_limits(piece)
            raw = self._inflater.unconsumed_tail
            if self._inflater.eof:
                raw = self._inflater.unused_data
                if raw[:1] != b"\x1f":
                    return
                self._inflater = zlib.decompressobj(47)

    def finish(self) -> None:
        """Check that the compressed data is complete.

        :raises TingTingOutcomeUnknownError: it ends too early.
        """
        if self._raw_bytes and self._encoding not in ("", "identity") and not self._inflater.eof:
            raise self._exchange.outcome_unknown("the connection broke off before the whole response came (gzip).")

    def _inflate(self, raw: bytes) -> bytes:
        try:
            return self._inflater.decompress(raw, MIB)
        except zlib.error:
            if self._encoding != "deflate" or self._decoded_bytes:
                raise
            # Some servers send "deflate" without the zlib header.
            self._inflater = zlib.decompressobj(-zlib.MAX_WBITS)
            return self._inflater.decompress(raw, MIB)

    def _within_limits(self, piece: bytes) -> bytes:
        self._decoded_bytes += len(piece)
        limits = self._exchange.limits
        if (message := limits.exceeded(self._decoded_bytes, self._raw_bytes)) is not None:
            raise self._exchange.unreadable(message, remedy=limits.remedy)
        return piece


def _is_network_error(error: Exception) -> bool:
    """Return whether an error before anything was sent comes from the network and not from the request's values."""
    return any(
        isinstance(cause, OSError | TimeoutError) and not isinstance(cause, UnicodeError) for cause in _causes(error)
    )


def _reason(error: BaseException) -> str:
    """Return the innermost cause in a few words; the libraries wrap it in texts that repeat the whole URL."""
    *_, innermost = _causes(error)
    if isinstance(innermost, ssl.SSLCertVerificationError):
        return f"certificate: {innermost.verify_message}"
    if not isinstance(innermost, OSError) or not innermost.strerror:
        return type(innermost).__name__
    # asyncio replaces the system's text by its own with the address in it.
    known = not isinstance(innermost, ssl.SSLError | socket.gaierror) and innermost.errno
    return os.strerror(known) if known else innermost.strerror


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield the error and the errors that the libraries wrapped in it, from the outside in.

    `__context__` is left out: it is the error that the caller was handling, such as one of an earlier call.
    """
    seen: set[int] = set()
    inner: BaseException | None = error
    while inner is not None and id(inner) not in seen:
        seen.add(id(inner))
        yield inner
        wrapped = [inner.__cause__, getattr(inner, "reason", None), *inner.args, *getattr(inner, "exceptions", ())]
        inner = next((one for one in wrapped if isinstance(one, BaseException)), None)
