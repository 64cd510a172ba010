"""The sandbox's account for one rehearsal: it has what the DAG's tasks name, and it answers as the user asks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from airflow_provider_tingting.reports.outcomes import Outcomes
from airflow_provider_tingting.sandbox import Sandbox
from airflow_provider_tingting.sandbox.outcomes import DEFAULT_SHARES
from airflow_provider_tingting.sandbox.records import Caller, Voice

_CONTACTS_OF_EARLIER = 12
_EARLIER_NAMES = ("Earlier campaign 1", "Earlier campaign 2")


def add_voice(sandbox: Sandbox, voice: object) -> str | None:
    """Make the account have a voice that a task names; return a sentence about it if it had none.

    :param sandbox: the sandbox of the rehearsal.
    :param voice: an id or a name.
    """
    voices = sandbox.world.voices
    name = str(voice).strip()
    if not name or voice is None or isinstance(voice, bool):
        return None
    if name.isdecimal():
        if int(name) in voices:
            return None
        voices[int(name)] = Voice(int(name), f"Voice {name}", f"voice_{name}", is_premium=False)
    else:
        known = {text.casefold() for one in voices.values() for text in (one.display_name, one.internal_name)}
        if name.casefold() in known:
            return None
        number = max(voices, default=0) + 1
        voices[number] = Voice(number, name, f"rehearsal_{number}", is_premium=False)
    return f"The rehearsal assumes that the account has the voice {name}."


def add_callers(sandbox: Sandbox, user_phone: object) -> str | None:
    """Make the account have the caller numbers that a task names; return a sentence about those it had not.

    :param sandbox: the sandbox of the rehearsal.
    :param user_phone: an id, a text of ids, or a list.
    """
    missing = [number for number in _ids(user_phone) if number not in sandbox.world.callers]
    for number in missing:
        sandbox.world.callers[number] = Caller(number, f"+97715970{number % 1000:03d}", owned=True)
    if not missing:
        return None
    named = ", ".join(str(number) for number in missing)
    return f"The rehearsal assumes that the account has the caller number with the id {named}."


def add_earlier_campaigns(sandbox: Sandbox, ids: Iterable[int], at: datetime) -> list[int]:
    """Give the account campaigns that ended the day before, for a DAG that reads campaigns; return their ids.

    The sandbox's clock is at `at` afterwards.

    :param sandbox: the sandbox of the rehearsal.
    :param ids: the ids that tasks name; without any, two campaigns get ids of their own.
    :param at: the moment that is rehearsed, which is a day after the sandbox's time.
    """
    world = sandbox.world
    wanted = sorted(set(ids))
    made = []
    for index, name in enumerate(_EARLIER_NAMES if not wanted else [f"Campaign {number}" for number in wanted]):
        if wanted:
            world.skip_campaign_ids(wanted[index])
        campaign = world.create_campaign(
            name=name,
            services="PHONE",
            user_phone=[next(iter(world.callers))],
            message="नमस्कार {name} जी।",
            voice=next(iter(world.voices)),
        )
        rows = [(f"98410{index:02d}{row:03d}", {"name": f"Person {row}"}) for row in range(_CONTACTS_OF_EARLIER)]
        world.add_contacts(campaign.id, rows)
        world.run_campaign(campaign.id)
        made.append(campaign.id)
    sandbox.play_out()
    sandbox.clock.push(max(0.0, at.timestamp() - sandbox.clock.time()))
    return made


def day_before(at: datetime) -> datetime:
    """Return the time at which the account's earlier campaigns begin.

    :param at: the moment.
    """
    return at - timedelta(days=1)


def replay_outcomes(sandbox: Sandbox, report: str) -> dict[str, str]:
    """Make each call end as a report says of its number; return the status by number.

    :param sandbox: the sandbox of the rehearsal.
    :param report: the file of a report, in any format.
    :raises TingTingError: the file is not a report, or its numbers are masked.
    """
    statuses: dict[str, str] = {}
    for outcome in Outcomes(report):
        number = "".join(filter(str.isdecimal, outcome.number))[-10:]
        if outcome.status in DEFAULT_SHARES:
            sandbox.world.script_outcome(number, outcome.status)
        statuses[number] = outcome.status
    return statuses


def _ids(value: object) -> Iterator[int]:
    if isinstance(value, bool) or value is None:
        return
    if isinstance(value, int):
        yield value
    elif isinstance(value, str):
        yield from (int(part) for part in value.replace(",", " ").split() if part.isdecimal())
    elif isinstance(value, Iterable):
        for one in value:
            yield from _ids(one)
