"""TingTing's responses as frozen models that accept every variant of the server that is known.

Field names are TingTing's. Only fields that the package cannot work without are required; unknown fields are kept in
`model_extra`. A `repr` shows ids, names and counts, and never numbers, messages or variables.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any, ClassVar, Generic, TypeVar

from pydantic import (
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    field_validator,
    model_validator,
)

from airflow_provider_tingting.api.protocol import MismatchedResponseError
from airflow_provider_tingting.api.statuses import CampaignStatus, ContactStatus
from airflow_provider_tingting.masking import printable
from airflow_provider_tingting.timezones import as_nepal_time

T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)
_INSTANT = TypeAdapter(datetime, config=ConfigDict(defer_build=True))
# Far above every amount, share, duration and count.
_LARGEST_NUMBER = 1e12
_LONGEST_SENTENCE = 300
#: An offset at the end of a written time.
_OFFSET = re.compile(r"(?:Z|[+-]\d\d:?\d\d)$", re.IGNORECASE | re.ASCII)
#: How far off a time without an offset may be.
_NEPAL_OFFSET = timedelta(hours=5, minutes=45)
_URL = re.compile(r"https?://[!-~]{1,2000}")


def _none_as_empty(value: object) -> Any:
    return () if value is None else value


def _number_or_none(value: object) -> Any:
    """Read a number that TingTing writes as number or text (`"91"`, `"10s"`, `"1.50"`); an empty text is None.

    A number that no amount, share or duration can have is None too, so that arithmetic with it never overflows.
    """
    if isinstance(value, str):
        found = re.search(r"-?\d{1,400}(?:\.\d{1,400})?", value)
        value = float(found.group()) if found else None
    if isinstance(value, int | float) and not abs(value) < _LARGEST_NUMBER:
        return None
    return value


def _count_or_none(value: object) -> Any:
    number = _number_or_none(value)
    return None if isinstance(number, int | float) and (number < 0 or number != int(number)) else number


def _with_offset(text: str | None) -> datetime | None:
    try:
        return as_nepal_time(_INSTANT.validate_python(text)) if text else None
    except (ValidationError, OverflowError):
        return None


Count = Annotated[int | None, BeforeValidator(_count_or_none)]
Number = Annotated[float | None, BeforeValidator(_number_or_none)]
Text = Annotated[str, BeforeValidator(lambda value: "" if value is None else str(value))]


def _short_line(value: object) -> str:
    return "" if value is None else printable(str(value))[:_LONGEST_SENTENCE]


class ResponseModel(BaseModel):
    """Base of all models: frozen, keeps unknown fields, and shows only chosen fields in its `repr`."""

    # The validators are built with the first response, not whenever a DAG file imports an operator.
    model_config = ConfigDict(frozen=True, extra="allow", populate_by_name=True, defer_build=True)

    #: The fields that a `repr` shows.
    shown: ClassVar[tuple[str, ...]] = ()

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        return ((name, getattr(self, name)) for name in self.shown)

    __str__ = BaseModel.__repr__


class Voice(ResponseModel):
    """A voice that can speak a campaign's message (API page: List voice models)."""

    shown = ("id", "voice_display_name", "voice_internal_name", "is_premium")

    id: int
    voice_display_name: Text = ""
    voice_internal_name: Text = ""
    is_premium: bool = False


class CallerNumber(ResponseModel):
    """A number that campaigns call from; `user_phone` of a campaign lists its id."""

    shown = ("id",)

    id: int
    phone_number: Text = Field(default="", validation_alias=AliasChoices("phone_number", "number", "phone"))


class Campaign(ResponseModel):
    """A campaign (API page: Get campaign details)."""

    shown = ("id", "name", "services", "status", "progress_percent", "campaign_action_count")

    id: int
    status: CampaignStatus
    name: Text = ""
    services: Text = ""
    message: Text = ""
    sms_message: Text = ""
    description: Text = ""
    schedule: str | None = None
    audio_file: str | None = None
    bulk_file: str | None = None
    category: str | None = None
    user_phone: Annotated[tuple[Any, ...], BeforeValidator(_none_as_empty)] = ()
    campaign_action_count: Count = None
    progress_percent: Number = None
    updated_at: str | None = None
    credit_limit: Number = None
    voice: Voice | int | None = None
    draft: bool | None = None
    failover_target: Annotated[tuple[Any, ...], BeforeValidator(_none_as_empty)] = ()
    length_factor: Annotated[str | None, BeforeValidator(lambda value: None if value is None else str(value))] = None

    @property
    def voice_id(self) -> int | None:
        """The voice's id, whether TingTing returned an object or an id; None when it returned neither."""
        return self.voice.id if isinstance(self.voice, Voice) else self.voice

    @property
    def scheduled_at(self) -> datetime | None:
        """The schedule with its offset, or None when there is none or it cannot be read."""
        return _with_offset(self.schedule)

    @property
    def changed_at(self) -> datetime | None:
        """The time of the last change with its offset, or None when TingTing does not name it."""
        return _with_offset(self.updated_at)

    def is_older_than(self, moment: datetime) -> bool:
        """Return whether the campaign was certainly last changed before a moment.

        :param moment: the moment, with its offset.
        """
        changed = self.changed_at
        if changed is None:
            return False
        # A time without an offset may be UTC's as well as Nepal's.
        has_offset = _OFFSET.search(self.updated_at or "") is not None
        return changed < moment - (timedelta(0) if has_offset else _NEPAL_OFFSET)


class CampaignMessage(ResponseModel):
    """The response to setting voice and category (API page: Set voice and category)."""

    shown = ("voice", "category", "draft", "length_factor")

    voice: Voice | int | None = None
    category: str | None = None
    message: Text = ""
    sms_message: Text = ""
    draft: bool | None = None
    length_factor: Annotated[str | None, BeforeValidator(lambda value: None if value is None else str(value))] = None


class Contact(ResponseModel):
    """One contact of a campaign with its outcome (API page: List contacts)."""

    shown = ("id", "status", "carrier")

    id: int | None = None
    number: Text = ""
    status: ContactStatus = ContactStatus.NOT_STARTED
    updated_at: str | None = None
    call_duration: Number = None
    playback: Number = None
    credit_consumed: Number = None
    credit_consumed_sms: Number = Field(
        default=None, validation_alias=AliasChoices("credit_consumed_SMS", "credit_consumed_sms")
    )
    carrier: str | None = None
    failover_sms_sent: bool | None = None
    other_variables: Mapping[str, Any] | None = None

    @model_validator(mode="before")
    @classmethod
    def _duration_under_either_name(cls, content: object) -> Any:
        # Some versions of the server send `duration` beside or instead of `call_duration`.
        if isinstance(content, Mapping) and content.get("call_duration") in (None, "") and "duration" in content:
            return {**content, "call_duration": content["duration"]}
        return content

    @field_validator("status", mode="before")
    @classmethod
    def _absent_is_not_started(cls, value: object) -> Any:
        return ContactStatus.NOT_STARTED if value in (None, "") else value


class AddContactsResult(ResponseModel):
    """How many of the sent contacts were created and skipped (API page: Add multiple contacts)."""

    shown = ("created", "skipped")

    created: Count = None
    skipped: Count = None
    contacts: Annotated[tuple[Any, ...], BeforeValidator(_none_as_empty)] = ()
    errors: Annotated[tuple[Any, ...], BeforeValidator(_none_as_empty)] = ()
    message: str | None = None

    @field_validator("errors", mode="before")
    @classmethod
    def _errors_as_list(cls, value: object) -> Any:
        return [value] if isinstance(value, str | Mapping) and value else (value or ())


class UploadColumn(ResponseModel):
    """One column of an uploaded workbook, with a sample of its values."""

    shown = ("column",)

    column: Text
    sample: Any = None


class UploadResult(ResponseModel):
    """The preview of an uploaded workbook (API page: Upload bulk contacts)."""

    shown = ("total_validated_rows",)

    error_list: Annotated[tuple[Any, ...], BeforeValidator(_none_as_empty)] = ()
    samples: Annotated[tuple[UploadColumn, ...], BeforeValidator(_none_as_empty)] = ()
    total_validated_rows: Count = None


class MessageResponse(ResponseModel):
    """A response with one sentence, such as that of running a campaign."""

    shown = ("message",)

    #: What the server says, in one short line: it is written to logs.
    message: Annotated[str, BeforeValidator(_short_line)] = ""


class UserProfile(ResponseModel):
    """The account of the token; other fields of the response are in `model_extra`."""

    shown = ("id",)

    id: int | None = None
    user: Mapping[str, Any] | None = None


class Dashboard(ResponseModel):
    """The account's balances; other fields of the response are in `model_extra`."""

    shown = ("remaining_credits", "remaining_sms_credits", "remaining_phone_credits", "credits_used")

    remaining_credits: Number = None
    remaining_sms_credits: Number = None
    remaining_phone_credits: Number = None
    credits_used: Number = None

    def credits_for(self, services: str) -> float | None:
        """Return the balance that a campaign with these services spends; None when it is unknown.

        An account has one balance, or one for SMS and one for calls; for both services the two are added.

        :param services: `PHONE`, `SMS` or `SMS & PHONE`.
        """
        balances = {"SMS": self.remaining_sms_credits, "PHONE": self.remaining_phone_credits}
        spent = [balance for name, balance in balances.items() if name in services and balance is not None]
        return sum(spent) if spent else self.remaining_credits


class Page(ResponseModel, Generic[T]):
    """One page of a list (API page: List campaigns, List contacts)."""

    shown = ("count",)

    results: Annotated[tuple[T, ...], BeforeValidator(_none_as_empty)]
    count: Count = None
    next: str | None = None
    total_credits_consumed: Number = None
    carrier_summary: Mapping[str, Any] | None = None


def rows_of(model: type[M]) -> Callable[[Any], tuple[M, ...]]:
    """Return a function that reads a list of models.

    :param model: the model of a row.
    """
    adapter = TypeAdapter(tuple[model, ...])  # type: ignore[valid-type]

    def read(content: object) -> tuple[M, ...]:
        # The API page shows a bare list; some versions of the server return a page object.
        if isinstance(content, Mapping) and "results" in content:
            content = content["results"]
        return adapter.validate_python(content)

    return read


def read_message(content: object) -> MessageResponse:
    """Read a response that is an object with a message, or the bare message.

    :param content: the decoded response.
    """
    return MessageResponse.model_validate(content if isinstance(content, Mapping) else {"message": content})


def read_url(content: object) -> str:
    """Read a response that is the URL of a file.

    :param content: the decoded response.
    :raises MismatchedResponseError: it is something else, such as the request's own text.
    """
    if isinstance(content, str) and _URL.fullmatch(content):
        return content
    raise MismatchedResponseError("the response is not a URL of a file.")
