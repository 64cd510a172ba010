"""Everything this package raises, in one tree.

```
TingTingError
├── TingTingConfigError               the connection or an argument is wrong; nothing was sent
├── TingTingContactsError             the people cannot be contacted as given; nothing was sent
├── TingTingSourceError               the people could not be read this time; nothing was sent, a retry may do it
├── TingTingReportError               a report that is incomplete or cannot be read or written
├── TingTingCampaignError             the campaign is not what the task needs
│   ├── TingTingCampaignFailedError       it has ended, and badly
│   └── TingTingCampaignTimeoutError      it has not ended in time
└── TingTingAPIError                  a call to TingTing went wrong
    ├── TingTingNeverSentError            the request never left: safe to send again
    ├── TingTingRefusedError              TingTing said no and did nothing
    │   ├── TingTingAuthError                 401, 403
    │   ├── TingTingNotFoundError             404
    │   ├── TingTingValidationError           400, 422 and the like: the fields say why
    │   ├── TingTingRateLimitedError          429
    │   └── TingTingRedirectError             3xx: never followed with a token or a write
    └── TingTingOutcomeUnknownError       sent, but no usable answer came back
        ├── TingTingServerError               5xx
        └── TingTingUnreadableReplyError      an answer that is not TingTing's
```

A leaf exists when a caller reacts differently to it. The three branches below `TingTingAPIError` are the three
faults of a write: never sent, then send again; refused, then fail; unknown, then look before doing anything else.
"""

from __future__ import annotations

from collections.abc import Mapping

from airflow_provider_tingting.masking import mask_text


def _rebuild(cls: type[TingTingError], args: tuple[str, ...], state: dict[str, object]) -> TingTingError:
    error = cls.__new__(cls)
    error.args = args
    error.__dict__.update(state)
    return error


class TingTingError(Exception):
    """Anything that this package raises on purpose; its text is masked."""

    def __init__(self, message: str) -> None:
        super().__init__(mask_text(message))

    def __reduce__(self) -> tuple[object, ...]:
        # Exceptions cross process borders in Airflow; the keyword arguments of the leaves would be lost.
        return _rebuild, (type(self), self.args, self.__dict__)


class TingTingConfigError(TingTingError):
    """The connection or an argument is wrong; nothing was sent."""


class TingTingContactsError(TingTingError):
    """The people cannot be contacted as given; the text says file, row, field and what to do."""


class TingTingSourceError(TingTingError):
    """The people could not be read this time: the database or the storage failed, or the file changed meanwhile.

    Nothing was sent; a retry may find it well.
    """


class TingTingReportError(TingTingError):
    """A report that is incomplete, or cannot be read or written; the target is untouched."""


class TingTingCampaignError(TingTingError):
    """The campaign is not what the task needs.

    :param message: what is wrong and what to do.
    :param campaign_id: the campaign meant.
    :param status: its last status as TingTing wrote it, if it was read.
    """

    def __init__(self, message: str, *, campaign_id: int, status: str | None = None) -> None:
        super().__init__(f"Campaign {campaign_id}: {message}")
        self.campaign_id = campaign_id
        self.status = status


class TingTingCampaignFailedError(TingTingCampaignError):
    """The campaign has ended, and badly."""


class TingTingCampaignTimeoutError(TingTingCampaignError):
    """The campaign has not ended in time."""


class TingTingAPIError(TingTingError):
    """A call to TingTing went wrong.

    :param call: the call's name, such as `run_campaign`.
    :param message: what TingTing said, or why no usable response came.
    :param remedy: what the reader should do.
    :param campaign_id: the campaign the call was about, if any.
    :param status_code: the HTTP status, if an answer came.
    :param retry_after: seconds that the server asked to wait, if it did.
    :param fields: the server's complaint about each field, if it made any.
    """

    default_remedy = "Try again; if it stays, check the TingTing connection and TingTing's own status."

    def __init__(
        self,
        call: str,
        message: str,
        *,
        remedy: str | None = None,
        campaign_id: int | None = None,
        status_code: int | None = None,
        retry_after: float | None = None,
        fields: Mapping[str, tuple[str, ...]] | None = None,
    ) -> None:
        about = f" for campaign {campaign_id}" if campaign_id is not None else ""
        answered = f" (HTTP {status_code})" if status_code is not None else ""
        super().__init__(f"TingTing {call}{about} failed{answered}: {message} {remedy or self.default_remedy}")
        self.call = call
        self.message = mask_text(message)
        self.campaign_id = campaign_id
        self.status_code = status_code
        self.retry_after = retry_after
        self.fields = dict(fields or {})


class TingTingNeverSentError(TingTingAPIError):
    """The request never left this machine: no address, connection refused, no TLS. Safe to send again."""

    default_remedy = "Nothing was sent. Check the connection's host, the network and TLS."


class TingTingRefusedError(TingTingAPIError):
    """TingTing said no and did nothing."""

    default_remedy = "TingTing did nothing. Correct what it names and run the task again."


class TingTingAuthError(TingTingRefusedError):
    """The token is missing, wrong, replaced by a newer one, or lacks the right."""

    default_remedy = (
        "Put a valid API token into the connection's password. Making a new token in TingTing revokes the old one."
    )


class TingTingNotFoundError(TingTingRefusedError):
    """What the call names does not exist in this account."""

    default_remedy = "Check the id, and that the connection's token belongs to the account that owns it."


class TingTingValidationError(TingTingRefusedError):
    """TingTing refused the content; `fields` says which."""


class TingTingRateLimitedError(TingTingRefusedError):
    """Too many requests; `retry_after` says how many seconds to wait, if the server said so."""

    default_remedy = "Lower `rate_limit` in the connection's extra, or use an Airflow pool."


class TingTingRedirectError(TingTingRefusedError):
    """The server sent the call elsewhere; a write or a token is never sent on."""

    default_remedy = "Check the connection's base URL: scheme, host and path must be TingTing's own."
    location: str | None = None


class TingTingOutcomeUnknownError(TingTingAPIError):
    """The request was sent but no usable answer came back: a write may or may not have happened."""

    default_remedy = "If this was a write, look at TingTing before you send it again."


class TingTingServerError(TingTingOutcomeUnknownError):
    """TingTing answered 5xx: a write may or may not have happened."""


class TingTingUnreadableReplyError(TingTingOutcomeUnknownError):
    """The answer is not TingTing's: HTML, half a JSON, or another service."""

    default_remedy = "Check that the connection's base URL is TingTing's API; a write may have happened."


#: Errors that the same task with the same arguments raises again on every retry, with the reason that Airflow shows.
#: Operators fail without a retry on them, and `tingting_retry_policy` has a rule for each.
NON_RETRYABLE: dict[type[TingTingError], str] = {
    TingTingAuthError: "TingTing refuses the token",
    TingTingConfigError: "the connection or an argument is wrong",
    TingTingContactsError: "the contacts cannot be used as given",
    TingTingNotFoundError: "it does not exist at TingTing",
    TingTingRedirectError: "the base URL is not TingTing's",
    TingTingValidationError: "TingTing refuses the content",
}
