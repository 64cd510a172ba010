"""Estimates what sending an audience takes: calls, SMS parts and credits, in a dict small enough for XCom."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from airflow_provider_tingting.contacts.message import fill, sms_size, tags_in
from airflow_provider_tingting.contacts.validated_audience import ValidatedAudience
from airflow_provider_tingting.errors import TingTingConfigError


@dataclass(frozen=True, slots=True)
class Prices:
    """Prices in credits; TingTing publishes none, so the user gives them.

    :param call: the price of a call.
    :param sms_part: the price of a part of an SMS.
    """

    call: float = 1.0
    sms_part: float = 1.0

    @classmethod
    def of(cls, call: object, sms_part: object) -> Prices:
        """Return prices that may have come through a template as text.

        :param call: the price of a call.
        :param sms_part: the price of a part of an SMS.
        :raises TingTingConfigError: one is not a number of at least 0.
        """
        return cls(_price(call, "credits_per_call"), _price(sms_part, "credits_per_sms_part"))


def summary_of(
    audience: ValidatedAudience,
    *,
    message: str | None = None,
    sms_message: str | None = None,
    prices: Prices | None = None,
    remaining: float | None = None,
    limit: float | None = None,
) -> dict[str, Any]:
    """Return counts and estimates without personal data.

    :param audience: the audience after the check, still open: an SMS with tags is filled for each contact and measured.
    :param message: the message of a call; without any message every contact counts as called.
    :param sms_message: the text of an SMS.
    :param prices: the prices in credits; 1 for a call and 1 for a part of an SMS by default.
    :param remaining: the account's balance in credits; None when it is not known.
    :param limit: the campaign's own limit of credits; None when it has none.
    :return: `{total, valid, invalid, duplicates, conflicting, excluded, do_not_call, over_cap, filtered_out, reasons,
        carriers, tags, calls, sms, credits}`.
    """
    calls = audience.valid if message or not sms_message else 0
    sms = _sms(audience, sms_message) if sms_message else None
    return {
        "total": audience.total,
        "valid": audience.valid,
        "invalid": audience.invalid,
        "duplicates": audience.duplicates,
        "conflicting": audience.conflicting,
        "excluded": audience.excluded,
        "do_not_call": audience.do_not_call,
        "over_cap": audience.over_cap,
        "filtered_out": audience.filtered_out,
        "reasons": dict(sorted(audience.reasons.items(), key=lambda item: -item[1])),
        "carriers": dict(sorted(audience.carriers.items())),
        "tags": {
            tag: {"filled": audience.valid + audience.duplicates + _filled_beside(audience, tag), "blank": blank}
            for tag, blank in audience.blank_tags.items()
        },
        "calls": calls,
        "sms": sms,
        "credits": _credits(calls, sms["parts"] if sms else 0, prices or Prices(), remaining, limit),
    }


def _filled_beside(audience: ValidatedAudience, tag: str) -> int:
    """Return how many rows that lack another tag have this one."""
    return audience.blank_rows - audience.blank_tags[tag]


def _sms(audience: ValidatedAudience, text: str) -> dict[str, int]:
    parts = most = unicode = 0
    if not tags_in(text):
        size = sms_size(text)
        parts, most, unicode = size.parts * audience.valid, size.parts, audience.valid * size.is_unicode
    else:
        for contact in audience.contacts():
            size = sms_size(fill(text, contact.variables))
            parts += size.parts
            most = max(most, size.parts)
            unicode += size.is_unicode
    return {"messages": audience.valid, "parts": parts, "most_parts": most if audience.valid else 0, "unicode": unicode}


def _credits(calls: int, parts: int, prices: Prices, remaining: float | None, limit: float | None) -> dict[str, Any]:
    estimate = _plain(calls * prices.call + parts * prices.sms_part)
    known = [bound for bound in (remaining, limit) if bound is not None]
    enough: bool | None = None
    if known and min(known) < estimate:
        enough = False
    elif remaining is not None:
        enough = True
    return {
        "remaining": None if remaining is None else _plain(remaining),
        "limit": None if limit is None else _plain(limit),
        "estimate": estimate,
        "enough": enough,
    }


def _plain(value: float) -> float:
    value = round(value, 6)
    return int(value) if value == int(value) else value


def _price(value: Any, argument: str) -> float:
    try:
        price = float(value)
    except (TypeError, ValueError):
        price = math.nan
    if not (math.isfinite(price) and price >= 0):
        raise TingTingConfigError(f"{argument} must be a number of credits of at least 0.")
    return price
