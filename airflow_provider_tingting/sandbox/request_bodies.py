"""The models of request bodies, and TingTing's error messages for a body that does not fit.

The OpenAPI page shows the same models.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, RootModel, ValidationError

from airflow_provider_tingting.sandbox.refusals import Refused

M = TypeVar("M", bound=BaseModel)

Name = Annotated[str, Field(min_length=1, max_length=255)]
Text = Annotated[str, Field(min_length=1)]
Services = Literal["PHONE", "SMS", "SMS & PHONE", "SURVEY"]
CallerIds = Annotated[list[int], Field(min_length=1, description="Ids of caller numbers.")]
Credits = Annotated[int, Field(ge=0)] | Annotated[float, Field(ge=0, allow_inf_nan=False)]
Number = Annotated[str | int, Field(description="A phone number.", examples=["9841234567"])]
Schedule = Annotated[str, Field(description="ISO 8601 date or datetime.", examples=["2025-07-08T14:00:00+05:45"])]
LengthFactor = Annotated[str, Field(pattern=r"^[0-9]{1,2}(\.[0-9]{1,2})?$", examples=["1.00"])]


FailoverTarget = Annotated[
    list[Literal["not started", "hungup", "unanswered", "failed", "completed"]],
    Field(description="Contacts whose call ends so get the campaign's SMS (not on the API page)."),
]


class Body(BaseModel):
    """A JSON object; unknown fields are ignored, as TingTing does."""

    model_config = ConfigDict(coerce_numbers_to_str=True, extra="ignore")


class CreateCampaign(Body):
    """API page: Create a campaign."""

    name: Name
    services: Services
    user_phone: CallerIds
    message: Text
    sms_message: str | None = None
    description: str | None = None
    schedule: Schedule | None = None
    voice: int | dict[str, Any] | None = None
    credit_limit: Credits | None = None


class CreateCampaignWithoutCaller(CreateCampaign):
    """The same for servers that accept an empty `user_phone`."""

    user_phone: list[int]


class UpdateCampaign(Body):
    """API page: Update a campaign. Only the given fields change."""

    name: Name | None = None
    services: Services | None = None
    user_phone: CallerIds | None = None
    message: Text | None = None
    sms_message: str | None = None
    description: str | None = None
    schedule: Schedule | None = None
    credit_limit: Credits | None = None
    failover_target: FailoverTarget | None = None


class SetMessage(Body):
    """API page: Set voice and category."""

    voice: int
    category: Literal["Text", "Audio"]
    message: Text | None = None
    sms_message: str | None = None
    length_factor: LengthFactor | None = None
    draft: bool | None = None


class OneContact(Body):
    """API page: Add a single contact."""

    number: Number
    other_variables: dict[str, Any] | None = None


class ManyContacts(Body):
    """API page: Add multiple contacts."""

    contacts: Annotated[list[dict[str, Any]], Field(examples=[[{"number": "9841234567", "other_variables": {}}]])]


class NewNumber(Body):
    """API page: Edit contact number."""

    number: Number


class Attributes(RootModel[dict[str, Any]]):
    """API page: Edit contact attributes."""


class Preview(Body):
    """API page: Test voice."""

    voice_input: int
    message: Text


def read_json(body: bytes, content_type: str) -> Any:
    """Decode a JSON body as strictly as TingTing's framework does.

    :param body: the bytes of the body.
    :param content_type: the header of that name.
    :raises Refused: 415 for another content type, 400 for invalid JSON.
    """
    kind = content_type.partition(";")[0].strip().lower()
    if kind != "application/json":
        raise Refused(415, {"detail": f'Unsupported media type "{printable(kind)}" in request.'})
    try:
        content = json.loads(body, parse_constant=_finite, parse_float=_finite)
        if b"\\u" in body:
            json.dumps(content, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise Refused(400, {"detail": f"JSON parse error - {printable(str(error))[:100]}"}) from None
    return content


def parse_body(model: type[M], content: Any) -> M:
    """Return a decoded body as its model.

    :param model: the model of the body.
    :param content: the parsed JSON.
    :raises Refused: 400 with a message for each invalid field.
    """
    if not isinstance(content, dict):
        text = f"Invalid data. Expected a dictionary, but got {type(content).__name__}."
        raise Refused(400, {"non_field_errors": [text]})
    try:
        return model.model_validate(content)
    except ValidationError as error:
        fields: dict[str, list[str]] = {}
        for detail in error.errors(include_url=False, include_context=True):
            name = str(detail["loc"][0]) if detail["loc"] else "non_field_errors"
            text = _message(detail)
            if text not in fields.setdefault(name, []):
                fields[name].append(text)
        raise Refused(400, fields) from None


def phone_number(value: Any, rule: str) -> str | None:
    """Return a phone number as the account stores it; None for an invalid one.

    :param value: the number of the request, text or integer.
    :param rule: `nepal` for the ten digits of a mobile, `any` for 7 to 15 digits.
    """
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    pattern = r"9[678][0-9]{8}" if rule == "nepal" else r"\+?[0-9]{7,15}"
    text = value.strip() if isinstance(value, str) else str(value) if 0 <= value < 10**15 else ""
    return text if re.fullmatch(pattern, text) else None


def printable(text: str) -> str:
    """Return a text that is safe in a response: at most 200 characters, no lone surrogates, no control characters.

    :param text: the text.
    """
    clean = text[:200].encode("utf-8", "replace").decode()
    return "".join(char if char.isprintable() else " " for char in clean)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("Out of range float values are not JSON compliant")
    return number


_MESSAGES: Mapping[str, str] = {
    "missing": "This field is required.",
    "string_type": "Not a valid string.",
    "string_unicode": "Not a valid string.",
    "string_too_short": "This field may not be blank.",
    "string_too_long": "Ensure this field has no more than {max_length} characters.",
    "int_type": "A valid integer is required.",
    "int_parsing": "A valid integer is required.",
    "int_from_float": "A valid integer is required.",
    "int_parsing_size": "A valid integer is required.",
    "float_type": "A valid number is required.",
    "float_parsing": "A valid number is required.",
    "finite_number": "A valid number is required.",
    "bool_type": "Must be a valid boolean.",
    "bool_parsing": "Must be a valid boolean.",
    "dict_type": "Expected a dictionary of items.",
    "list_type": "Expected a list of items.",
    "too_short": "This list may not be empty.",
    "greater_than_equal": "Ensure this value is greater than or equal to {ge}.",
}


def _message(detail: Mapping[str, Any]) -> str:
    given = detail.get("input")
    if given is None and detail["type"] != "missing":
        return "This field may not be null."
    if detail["type"] == "literal_error":
        return f'"{printable(str(given))}" is not a valid choice.'
    message = _MESSAGES.get(str(detail["type"]), "Not a valid value.")
    limits = {
        name: f"{limit:g}" if isinstance(limit, float) else limit for name, limit in detail.get("ctx", {}).items()
    }
    return message.format(**limits)
