"""The life cycle of a campaign and of its contacts, independent of when it is read."""

from __future__ import annotations

import csv
import io
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_tingting.sandbox import World
from airflow_provider_tingting.sandbox.account import Settings

ENDINGS = {"completed", "hungup", "unanswered", "failed"}


def contacts_of(api, campaign_id):
    return api.get(f"campaign-detail/{campaign_id}/").json()["results"]


def test_a_campaign_goes_from_not_started_over_running_to_completed(box, api):
    campaign_id = api.create(8)
    assert api.campaign(campaign_id)["status"] == "Not Started"

    assert api.run(campaign_id).json() == {"message": "Campaign Began Successfully!!"}
    assert api.campaign(campaign_id)["status"] == "Running"
    assert api.campaign(campaign_id)["progress_percent"] == 0

    box.play_out()
    assert api.campaign(campaign_id)["status"] == "Completed"
    assert api.campaign(campaign_id)["progress_percent"] == 100
    assert {row["status"] for row in contacts_of(api, campaign_id)} <= ENDINGS


def test_progress_follows_the_clock_and_never_falls(box, api):
    campaign_id = api.create(40)
    api.run(campaign_id)
    seen = []
    while api.campaign(campaign_id)["status"] == "Running":
        seen.append(api.campaign(campaign_id)["progress_percent"])
        box.clock.push(2)

    assert seen == sorted(seen)
    assert len(set(seen)) > 5
    assert max(seen) < 100


def test_a_contact_is_dialled_rings_is_answered_and_ends(box, api):
    box.world.script_outcome("9841000000", "completed")
    campaign_id = api.create(1)
    api.run(campaign_id)
    seen = []
    while not seen or seen[-1] != "completed":
        status = contacts_of(api, campaign_id)[0]["status"]
        if not seen or seen[-1] != status:
            seen.append(status)
        box.clock.push(0.1)

    assert seen == ["not started", "dialing", "ringing", "answered", "completed"]


@pytest.mark.parametrize(
    ("ending", "before", "playback"),
    [
        ("completed", "answered", "100"),
        ("hungup", "answered", None),
        ("unanswered", "ringing", ""),
        ("failed", "dialing", ""),
    ],
)
def test_each_ending_has_its_own_way(box, api, ending, before, playback):
    box.world.script_outcome("9841000000", ending)
    campaign_id = api.create(1)
    api.run(campaign_id)
    last = ""
    while (row := contacts_of(api, campaign_id)[0])["status"] != ending:
        last = row["status"]
        assert row["call_duration"] == "0s"
        box.clock.push(0.1)

    assert last == before
    if playback is None:
        assert 5 <= int(row["playback"]) <= 95
    else:
        assert row["playback"] == playback
    assert (int(row["call_duration"][:-1]) > 0) == (ending in ("completed", "hungup"))


def test_a_future_schedule_is_waited_for(box, api):
    due = box.clock.now().replace(microsecond=0) + timedelta(hours=2)
    campaign_id = api.create(2, schedule=due.isoformat())

    message = api.run(campaign_id).json()["message"]
    assert message.startswith("Campaign Scheduled successfully for ")
    assert message.endswith(f" at {due:%H:%M:%S}")
    assert api.campaign(campaign_id)["status"] == "Scheduled"

    box.clock.push(7100)
    assert api.campaign(campaign_id)["status"] == "Scheduled"
    assert box.ledger.dialled == []

    box.clock.push(150)
    assert api.campaign(campaign_id)["status"] in ("Running", "Completed")
    assert all(due <= entry.at for entry in box.ledger.dialled)
    assert len(box.ledger.dialled) == 2


def test_a_schedule_that_has_passed_by_the_time_of_running_starts_at_once(box, api):
    campaign_id = api.create(1, schedule=(box.clock.now() + timedelta(minutes=5)).isoformat())
    box.clock.push(3600)

    assert api.run(campaign_id).json() == {"message": "Campaign Began Successfully!!"}
    assert api.campaign(campaign_id)["status"] == "Running"


def test_each_contact_is_dialled_once_in_one_run(box, api):
    campaign_id = api.create(30)
    api.run(campaign_id)
    box.play_out()

    assert box.ledger.times_dialled() == {str(9841000000 + position): 1 for position in range(30)}
    assert {entry.run for entry in box.ledger.dialled} == {1}


@pytest.mark.parametrize("wait", [0, 3, 10_000])
def test_running_again_dials_each_contact_again_and_the_ledger_shows_it(box, api, wait):
    campaign_id = api.create(4)
    api.run(campaign_id)
    box.clock.push(wait)
    assert api.run(campaign_id).status_code == 200
    box.play_out()

    assert set(box.ledger.times_dialled().values()) == {2}
    assert {entry.run for entry in box.ledger.dialled} == {1, 2}
    assert api.campaign(campaign_id)["status"] == "Completed"


def test_stopping_cuts_calls_and_leaves_the_others_undialled(box, api):
    campaign_id = api.create(40)
    api.run(campaign_id)
    box.clock.push(5)
    assert api.post(f"campaign/emergency-stop/{campaign_id}/").status_code == 200
    dialled = len(box.ledger.dialled)
    box.play_out()
    box.clock.push(3600)

    assert api.campaign(campaign_id)["status"] == "Terminated"
    assert 0 < api.campaign(campaign_id)["progress_percent"] < 100
    assert len(box.ledger.dialled) == dialled < 40
    statuses = box.world.campaign(campaign_id).statuses_at(box.clock.time())
    assert statuses["terminated"] >= 40 - dialled
    assert set(statuses) <= ENDINGS | {"terminated"}


def test_stopping_a_campaign_that_does_not_run_is_refused(box, api):
    campaign_id = api.create(1)
    assert api.post(f"campaign/emergency-stop/{campaign_id}/").status_code == 400
    api.run(campaign_id)
    box.play_out()
    assert api.post(f"campaign/emergency-stop/{campaign_id}/").status_code == 400
    assert api.campaign(campaign_id)["status"] == "Completed"


def test_stopping_a_scheduled_campaign_dials_no_contact(box, api):
    campaign_id = api.create(3, schedule=(box.clock.now() + timedelta(hours=1)).isoformat())
    api.run(campaign_id)
    api.post(f"campaign/emergency-stop/{campaign_id}/")
    box.clock.push(7200)

    assert api.campaign(campaign_id)["status"] == "Terminated"
    assert box.ledger.dialled == []
    assert box.world.campaign(campaign_id).statuses_at(box.clock.time()) == {"terminated": 3}


def test_a_contact_deleted_before_its_turn_is_not_dialled(box, api):
    campaign_id = api.create(20)
    api.run(campaign_id)
    last = max(box.world.campaign(campaign_id).contacts)
    api.delete(f"phone-number/delete/{last}/")
    box.play_out()

    assert len(box.ledger.dialled) == 19
    assert api.campaign(campaign_id)["progress_percent"] == 100


def test_a_campaign_deleted_while_it_runs_dials_no_further(box, api):
    campaign_id = api.create(40)
    api.run(campaign_id)
    box.clock.push(3)
    assert api.delete(f"campaign/{campaign_id}/").status_code == 204
    dialled = len(box.ledger.dialled)
    box.clock.push(3600)

    assert len(box.ledger.dialled) == dialled
    assert api.get(f"campaign/{campaign_id}/").status_code == 404


def test_contacts_added_after_the_start_wait_for_another_run(box, api):
    campaign_id = api.create(1)
    api.run(campaign_id)
    api.post(f"campaign/{campaign_id}/add-contact/", json={"number": "9851000000"})
    box.play_out()

    assert box.world.campaign(campaign_id).statuses_at(box.clock.time())["not started"] == 1
    assert box.ledger.times_dialled() == {"9841000000": 1}


def test_each_contact_gets_its_own_message_and_missing_tags_as_they_are_written(box, api):
    campaign_id = api.create(message="Namaste {name}, {age} barsa", services="SMS & PHONE", sms_message="Hi {name}")
    rows = [
        {"number": "9841000000", "other_variables": {"name": "Sita", "age": 31}},
        {"number": "9841000001", "other_variables": {"name": "राम"}},
    ]
    api.post(f"campaign/{campaign_id}/add-contact/", json={"contacts": rows})
    api.run(campaign_id)
    box.play_out()

    heard = {(entry.number, entry.channel): entry.text for entry in box.ledger.dialled}
    assert heard == {
        ("9841000000", "call"): "Namaste Sita, 31 barsa",
        ("9841000000", "sms"): "Hi Sita",
        ("9841000001", "call"): "Namaste राम, {age} barsa",
        ("9841000001", "sms"): "Hi राम",
    }


def test_the_ledger_keeps_the_spoken_text_when_the_contact_changes_later(box, api):
    campaign_id = api.create(1)
    api.run(campaign_id)
    box.play_out()
    contact_id = next(iter(box.world.campaign(campaign_id).contacts))
    api.patch(f"campaign/{contact_id}/attributes/", json={"name": "Gita"})

    assert box.ledger.dialled[0].text == "Namaste Sita"


def test_an_sms_campaign_calls_no_contact(box, api):
    campaign_id = api.create(5, voice=None, services="SMS", sms_message="Hi {name}")
    api.run(campaign_id)
    box.play_out()

    assert {entry.channel for entry in box.ledger.dialled} == {"sms"}
    assert api.campaign(campaign_id)["status"] == "Completed"
    assert {row["call_duration"] for row in contacts_of(api, campaign_id)} == {"0s"}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"contacts": 0}, "no contacts"),
        ({"voice": None}, "voice"),
        ({"draft": True}, "draft"),
    ],
)
def test_a_campaign_that_is_not_ready_is_not_run(box, api, change, said):
    draft = change.pop("draft", False)
    campaign_id = api.create(**{"contacts": 1, **change})
    if draft:
        api.patch(f"campaign/create/{campaign_id}/message/", json={"voice": 3, "category": "Text", "draft": True})
    response = api.run(campaign_id)

    assert response.status_code == 400
    assert said in response.text
    assert api.campaign(campaign_id)["status"] == "Not Started"
    assert box.play_out() and box.ledger.dialled == []


def test_a_report_fetched_in_the_middle_agrees_with_the_list_of_contacts(box, api):
    campaign_id = api.create(10)
    api.run(campaign_id)
    box.clock.push(8)
    listed = {row["number"]: row["status"] for row in contacts_of(api, campaign_id)}
    report = api.get(f"download/{campaign_id}/report/").content.decode()
    table = report[report.index("Number,Status") :]
    reported = {row["Number"]: row["Status"] for row in csv.DictReader(io.StringIO(table, newline=""))}

    assert reported == listed
    assert len(set(listed.values())) > 1


def world_after(times_read: list[float], *, contacts: int, credits: int) -> tuple[object, ...]:
    """Two campaigns share an account; both are read after each of these seconds."""
    world = World(Settings(start="2025-07-07T14:00:00+05:45", credits=credits), speed=0)
    for services in ("PHONE", "SMS & PHONE"):
        campaign = world.create_campaign(
            name="x", services=services, user_phone=[3], message="hello", sms_message="hi", voice=3
        )
        world.add_contacts(campaign.id, [(str(9841000000 + position), {}) for position in range(contacts)])
        world.run_campaign(campaign.id)
    for seconds in times_read:
        world.clock.push(seconds)
        world.campaign(1).statuses_at(world.clock.time())
    world.clock.push(10_000 - sum(times_read))
    return (
        world.credits,
        [(campaign.status, campaign.spent, campaign.updated_at) for campaign in world.campaigns.values()],
        [(entry.number, entry.campaign_id, entry.seconds, entry.channel) for entry in world.ledger.dialled],
        world.campaign(1).statuses_at(world.clock.time()),
        world.campaign(2).statuses_at(world.clock.time()),
    )


@settings(max_examples=25, deadline=None)
@given(
    times_read=st.lists(st.floats(0, 40, allow_nan=False), max_size=30),
    contacts=st.integers(0, 25).map(lambda count: count + 1),
    credits=st.integers(0, 60),
)
def test_reading_often_or_seldom_gives_the_same_world(times_read, contacts, credits):
    assert world_after(times_read, contacts=contacts, credits=credits) == world_after(
        [], contacts=contacts, credits=credits
    )


def test_the_same_seed_repeats_a_run_and_another_does_not():
    def endings(seed):
        world = World(Settings(seed=seed, start="2025-07-07T14:00:00+05:45"), speed=0)
        world.create_campaign(name="x", services="PHONE", user_phone=[3], message="hello", voice=3)
        world.add_contacts(1, [(str(9841000000 + position), {}) for position in range(60)])
        world.run_campaign(1)
        world.clock.push(10_000)
        world.campaign(1).statuses_at(world.clock.time())
        return [entry.status for entry in world.ledger.dialled]

    assert endings(7) == endings(7)
    assert endings(7) != endings(8)
    assert set(endings(7)) == ENDINGS
