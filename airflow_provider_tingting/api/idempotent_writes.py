"""Flows that send a write again after an unknown outcome, for writes that have the same effect once and twice."""

from __future__ import annotations

import logging

from airflow_provider_tingting.api.protocol import Call, Pause, T
from airflow_provider_tingting.errors import TingTingOutcomeUnknownError, TingTingRateLimitedError

log = logging.getLogger(__name__)

#: Pauses in seconds between two attempts of a write, and between two reads that look for its effect. A slow server may
#: still be carrying out the first request, so the pauses grow.
RETRY_PAUSES = (0.5, 1.5, 3.0, 5.0, 10.0)
#: The longest `Retry-After`, in seconds, that a flow waits for. A longer one is left to the task's own retry, which
#: occupies no worker while it waits.
MAX_RATE_LIMIT_PAUSE = 60.0


async def retry_idempotent(call: Call[T]) -> T:
    """Send a write until its outcome is known: once, and once more after each of `RETRY_PAUSES`.

    :param call: a write that may be carried out several times without harm, such as setting a field.
    :returns: the result of the first attempt with a usable response.
    :raises TingTingOutcomeUnknownError: the last attempt had no usable response either.
    :raises TingTingRefusedError: TingTing refused the write.
    """
    for pause in RETRY_PAUSES:
        try:
            return await call
        except TingTingOutcomeUnknownError as error:
            log.warning("The outcome of %s is unknown; it is sent again in %.1f s: %s", call.name, pause, error)
            await Pause(pause)
        except TingTingRateLimitedError as error:
            await rate_limit_pause(error, pause)
    return await call


def rate_limit_pause(error: TingTingRateLimitedError, default: float) -> Pause:
    """Return the pause that the server asks for in `Retry-After`.

    :param error: the response 429.
    :param default: seconds to wait when the server names no time.
    :raises TingTingRateLimitedError: the server asks for more than `MAX_RATE_LIMIT_PAUSE` seconds.
    """
    seconds = error.retry_after or default
    if seconds > MAX_RATE_LIMIT_PAUSE:
        raise error
    return Pause(seconds)
