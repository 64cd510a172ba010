"""Says in one sentence what is wrong with a connection, for the one who is just filling it in. Imports no Airflow."""

from __future__ import annotations

from airflow_provider_tingting.connection import DEFAULT_HOST
from airflow_provider_tingting.errors import (
    TingTingAPIError,
    TingTingAuthError,
    TingTingNeverSentError,
    TingTingNotFoundError,
    TingTingOutcomeUnknownError,
    TingTingRedirectError,
    TingTingServerError,
    TingTingUnreadableReplyError,
)


def diagnosis(error: TingTingAPIError, base_url: str) -> str:
    """Return what a failed read tells about the connection, and what to correct.

    :param error: what became of the read.
    :param base_url: where it went.
    """
    if isinstance(error, TingTingAuthError):
        return f"TingTing refuses the token. {error.default_remedy}"
    if isinstance(error, TingTingNotFoundError):
        return f"{base_url} has no TingTing API. The base URL is usually {DEFAULT_HOST}"
    if isinstance(error, TingTingUnreadableReplyError | TingTingRedirectError):
        return f"{base_url} is not TingTing: {error.said} Usual is {DEFAULT_HOST}"
    if isinstance(error, TingTingNeverSentError):
        return f"TingTing cannot be reached: {error.said} Check the host, the network and any proxy."
    if isinstance(error, TingTingServerError):
        return f"{base_url} answers with HTTP {error.status_code}: {error.said} TingTing may be down: try again later."
    if isinstance(error, TingTingOutcomeUnknownError):
        return f"{base_url} was reached, but {error.said} Check the port and the scheme, and try again."
    return str(error)
