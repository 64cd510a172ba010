"""The errors that this package raises.

```
TingTingError
├── TingTingConfigError               the connection or an argument is invalid; nothing was sent
├── TingTingContactsError             the contacts are invalid; nothing was sent
├── TingTingSourceError               the contacts could not be read this time; nothing was sent, a retry may help
├── TingTingStorageError              a file or a store fails this time; a retry may help
│   └── TingTingStorageRefusedError       the path, the bucket or the rights are wrong
├── TingTingReportError               a report that is incomplete or damaged, or cannot be loaded
├── TingTingStartRefusedError         the campaign may not be run at this time; no contact was called
│   └── TingTingRunTooOldError            the DAG run is older than max_age
├── TingTingCampaignError             the campaign is not what the task needs
│   ├── TingTingCampaignFailedError       it has ended and failed
│   └── TingTingCampaignTimeoutError      it has not ended in time
└── TingTingAPIError                  a call to TingTing failed
    ├── TingTingNeverSentError            the request never left: safe to send again
    ├── TingTingRefusedError              TingTing refused the call and did nothing
    │   ├── TingTingAuthError                 401
    │   │   └── TingTingForbiddenError                403
    │   ├── TingTingNotFoundError             404
    │   ├── TingTingValidationError           400, 422: `fields` has the reasons
    │   ├── TingTingRateLimitedError          429
    │   └── TingTingRedirectError             3xx: a write or a token is never redirected
    └── TingTingOutcomeUnknownError       sent, but no usable response came back
        ├── TingTingServerError               5xx
        └── TingTingUnreadableReplyError      a response that is not TingTing's
```

A subclass exists where a caller handles it differently. The three subclasses of `TingTingAPIError` are the three ways
in which a write fails: never sent, so it may be sent again; refused; outcome unknown, so its effect must be read first.
"""

from __future__ import annotations

from collections.abc import Mapping

from airflow_provider_tingting.masking import mask_text, printable


def _rebuild(cls: type[TingTingError], args: tuple[str, ...], state: dict[str, object]) -> TingTingError:
    error = cls.__new__(cls)
    error.args = args
    error.__dict__.update(state)
    return error


class TingTingError(Exception):
    """Base of all errors of this package. The text is masked.

    :param message: what is wrong and what to do.
    """

    def __init__(self, message: str) -> None:
        super().__init__(mask_text(printable(message)))

    def __reduce__(self) -> tuple[object, ...]:
        # Airflow pickles exceptions; the default would lose the keyword arguments of the subclasses.
        return _rebuild, (type(self), self.args, self.__dict__)


class TingTingConfigError(TingTingError):
    """The connection or an argument is invalid; nothing was sent."""


class TingTingContactsError(TingTingError):
    """The contacts are invalid. The text names file, row, field and what to do."""


class TingTingSourceError(TingTingError):
    """The contacts could not be read: the database or the storage failed, or the file changed meanwhile.

    Nothing was sent; a retry may succeed.
    """


class TingTingStorageError(TingTingError):
    """A file cannot be written or read this time: the disk is full, or the store fails. A retry may help."""


class TingTingStorageRefusedError(TingTingStorageError):
    """The path, the bucket, the credentials or the rights are wrong, or the file exists; no retry helps."""


class TingTingReportError(TingTingError):
    """A report is incomplete or damaged, or cannot be loaded into a database; the target is unchanged."""


class TingTingStartRefusedError(TingTingError):
    """The campaign may not be run, or the contact not be called, at this time; no contact was called."""


class TingTingRunTooOldError(TingTingStartRefusedError):
    """The DAG run is older than `max_age`; no contact was called."""


class TingTingCampaignError(TingTingError):
    """The campaign is not in the state that the task needs.

    :param message: what is wrong and what to do.
    :param campaign_id: the campaign's id.
    :param status: its last status as TingTing wrote it; None when it was not read.
    """

    def __init__(self, message: str, *, campaign_id: int, status: str | None = None) -> None:
        super().__init__(f"Campaign {campaign_id}: {message}")
        self.campaign_id = campaign_id
        self.status = status


class TingTingCampaignFailedError(TingTingCampaignError):
    """The campaign has ended and failed."""


class TingTingCampaignTimeoutError(TingTingCampaignError):
    """The campaign has not ended in time."""


class TingTingAPIError(TingTingError):
    """A call to TingTing failed.

    :param call: the call's name, such as `run_campaign`.
    :param message: the message of TingTing, or why no usable response came.
    :param remedy: what to do; default: `default_remedy` of the class.
    :param campaign_id: the campaign that the call was about, if any.
    :param status_code: the HTTP status, if a response came.
    :param retry_after: the seconds of `Retry-After`, if the server sent it.
    :param fields: the server's errors for each field, if it sent any.
    """

    default_remedy = "Try again; if the error persists, check the TingTing connection and TingTing's own status."
    #: Whether TingTing refused the call for a reason that no waiting removes.
    is_final_refusal = False

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
        status = f" (HTTP {status_code})" if status_code is not None else ""
        super().__init__(f"TingTing {call}{about} failed{status}: {message} {remedy or self.default_remedy}")
        self.call = call
        self.message = mask_text(printable(message))
        self.campaign_id = campaign_id
        self.status_code = status_code
        self.retry_after = retry_after
        self.fields = dict(fields or {})


class TingTingNeverSentError(TingTingAPIError):
    """The request did not leave this machine: no address, connection refused, no TLS. It is safe to send it again."""

    default_remedy = "Nothing was sent. Check the connection's host, the network and TLS."


class TingTingRefusedError(TingTingAPIError):
    """TingTing refused the call and did nothing."""

    default_remedy = "TingTing did nothing. Correct what it names and run the task again."
    is_final_refusal = True


class TingTingAuthError(TingTingRefusedError):
    """The token is missing, wrong or revoked."""

    default_remedy = (
        "Put a valid API token into the connection's password. Making a new token in TingTing revokes the old one."
    )


class TingTingForbiddenError(TingTingAuthError):
    """The token is valid, but its account may not use the call, or is not activated."""

    default_remedy = (
        "The token is valid, but its account lacks the permission. Ask TingTing for it; do not make a new token, which "
        "revokes this one and does not help."
    )


class TingTingNotFoundError(TingTingRefusedError):
    """The id in the call does not exist in this account."""

    default_remedy = "Check the id, and that the connection's token belongs to the account that owns it."


class TingTingValidationError(TingTingRefusedError):
    """TingTing refused the content; `fields` has the reasons."""


class TingTingRateLimitedError(TingTingRefusedError):
    """Too many requests; `retry_after` is the number of seconds to wait, if the server named it."""

    default_remedy = "Lower `rate_limit` in the connection's extra, or use an Airflow pool."
    is_final_refusal = False


class TingTingRedirectError(TingTingRefusedError):
    """The server redirected the call; a write or a token is never redirected."""

    default_remedy = "Check the connection's base URL: scheme, host and path must be TingTing's own."
    location: str | None = None


class TingTingOutcomeUnknownError(TingTingAPIError):
    """The request was sent, but no usable response came back: TingTing may have carried out a write."""

    default_remedy = "TingTing may have carried out the request: check there before you send it again."


class TingTingServerError(TingTingOutcomeUnknownError):
    """TingTing returned 5xx; it may have carried out a write."""


class TingTingUnreadableReplyError(TingTingOutcomeUnknownError):
    """The response is not TingTing's: HTML, incomplete JSON, or another service."""

    default_remedy = "Check that the connection's base URL is TingTing's API; a write may have happened."


#: Errors of a call that may pass by themselves: the same call may succeed a while later.
PASSING_ERRORS = (TingTingNeverSentError, TingTingOutcomeUnknownError, TingTingRateLimitedError)

#: Errors that the same task with the same arguments raises again on every retry, with the reason that Airflow shows.
#: Operators fail without a retry on them, and `tingting_retry_policy` has a rule for each.
NON_RETRYABLE: dict[type[TingTingError], str] = {
    TingTingForbiddenError: "the token's account lacks the permission",
    TingTingAuthError: "TingTing refuses the token",
    TingTingConfigError: "the connection or an argument is wrong",
    TingTingContactsError: "the contacts cannot be used as given",
    TingTingNotFoundError: "it does not exist at TingTing",
    TingTingStartRefusedError: "the campaign may not be run at this time",
    TingTingRedirectError: "the base URL is not TingTing's",
    TingTingStorageRefusedError: "the path or the rights there are wrong",
    TingTingValidationError: "TingTing refuses the content",
}


class TingTingNoRetriesWarning(UserWarning):
    """A task that changes something at TingTing has no retries, so that it fails for good when its worker dies."""
