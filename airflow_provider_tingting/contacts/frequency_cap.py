"""`frequency_cap=`: how often a contact may be called or texted. `reports.contact_log` counts what was sent before."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass
from datetime import timedelta

from airflow_provider_tingting.errors import TingTingConfigError

_EXAMPLE = '{"calls": 2, "per": timedelta(days=7), "purpose": "reminder"}'
_MOST_CALLS = 1_000_000
_LONGEST_PERIOD = timedelta.max.total_seconds()


@dataclass(frozen=True)
class FrequencyCap:
    """How often a contact may be called or texted in a period.

    :param calls: the most calls of the period; of an SMS campaign, the most messages.
    :param per: the length of the period in seconds, which ends now.
    :param purpose: only campaigns of this purpose count; None for all.
    """

    calls: int
    per: float
    purpose: str | None = None

    @classmethod
    def read(cls, value: object) -> FrequencyCap | None:
        """Return the cap that an argument describes; None when there is none.

        :param value: a dict of `calls`, `per` (seconds or a timedelta) and perhaps `purpose`.
        :raises TingTingConfigError: it is something else; the text names the key.
        """
        if value is None or isinstance(value, cls):
            return value
        if not isinstance(value, Mapping) or not {"calls", "per"} <= set(value) <= {"calls", "per", "purpose"}:
            raise TingTingConfigError(
                f"frequency_cap must be a dict of calls, per and perhaps purpose, such as {_EXAMPLE}."
            )
        calls, per, purpose = value["calls"], value["per"], value.get("purpose")
        if isinstance(calls, bool) or not isinstance(calls, int) or not 1 <= calls <= _MOST_CALLS:
            raise TingTingConfigError(f"frequency_cap['calls'] must be a whole number from 1 to {_MOST_CALLS:,}.")
        seconds = per.total_seconds() if isinstance(per, timedelta) else per
        if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds <= _LONGEST_PERIOD:
            raise TingTingConfigError(
                "frequency_cap['per'] must be more than 0 seconds up to timedelta.max, as a number or a timedelta."
            )
        # Half of a character, a lone surrogate, would be lost in the database.
        whole = purpose.encode(errors="ignore").decode() if isinstance(purpose, str) else ""
        if purpose is not None and not (whole.strip() and whole == purpose):
            raise TingTingConfigError("frequency_cap['purpose'] must be a text; leave it off to count all campaigns.")
        return cls(calls, float(seconds), purpose and " ".join(purpose.split()))

    def __str__(self) -> str:
        days = self.per / 86400
        period = f"{days:g} days" if days.is_integer() else f"{self.per / 3600:g} hours"
        return f"{self.calls} in {period}{f', {self.purpose}' if self.purpose else ''}"


@dataclass(frozen=True)
class OverCap:
    """The numbers that a cap leaves out now.

    :param cap: the cap.
    :param keys: the numbers as the contact log has them.
    :param key_of: returns how the contact log has a number.
    """

    cap: FrequencyCap
    keys: Container[str]
    key_of: Callable[[str], str]

    def __contains__(self, number: str) -> bool:
        is_over = self.key_of(number) in self.keys
        if is_over or len(number) == 10:
            return is_over
        # Imported here, because a DAG file does not need it.
        from airflow_provider_tingting.contacts.numbers import same_in_all_forms

        # As it is written, a number may have more digits than in the log: 00977 before a mobile.
        return self.key_of(same_in_all_forms(number)) in self.keys
