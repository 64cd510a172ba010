"""Creating a campaign: one campaign whatever happens, and nothing at all when something is wrong."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from types import SimpleNamespace

import pytest
from support.campaigns import connection, writes
from support.task_context import REFUSED, context_of, execute

from airflow_provider_tingting._compat import AirflowFailException
from airflow_provider_tingting.campaigns import create
from airflow_provider_tingting.errors import (
    TingTingNeverSentError,
    TingTingOutcomeUnknownError,
    TingTingUnreadableReplyError,
)
from airflow_provider_tingting.operators.campaign import TingTingCreateCampaignOperator

pytestmark = pytest.mark.usefixtures("tingting_conn", "virtual_time")

CREATED = ["create_campaign", "set_campaign_message"]


def creating(**changes):
    arguments = {
        "task_id": "create",
        "name": "Water notice",
        "user_phone": [3],
        "message": "नमस्कार {name} जी",
        "voice": "Rija",
        **changes,
    }
    return TingTingCreateCampaignOperator(**arguments)


def only_campaign(sandbox):
    (found,) = sandbox.world.campaigns.values()
    return found


def test_a_campaign_is_created_as_asked(sandbox):
    schedule = sandbox.clock.now() + timedelta(days=2)
    operator = creating(
        services="sms & phone",
        sms_message="Pani {name}",
        description="Announced by the ward office",
        schedule=schedule,
        voice="prashanna",
        length_factor=1.2,
        credit_limit="250",
    )

    result, xcoms = execute(operator)

    made = only_campaign(sandbox)
    assert result == made.id
    assert xcoms == {
        "campaign_id": made.id,
        "tingting_campaign_link": f"{sandbox.root_url}#campaign-{made.id}",
    }
    assert (made.name, made.services, made.user_phone) == ("Water notice", "SMS & PHONE", [3])
    assert (made.message, made.sms_message) == ("नमस्कार {name} जी", "Pani {name}")
    assert (made.voice, made.length_factor, made.credit_limit) == (3, "1.20", 250)
    assert made.description.startswith("[airflow:")
    assert made.description.endswith("] Announced by the ward office")
    assert made.schedule == pytest.approx(schedule.timestamp(), abs=1)
    assert made.status == "Not Started"
    assert writes(sandbox) == CREATED


@pytest.mark.parametrize("voice", [4, "4", "Binod", " binod "])
def test_a_voice_is_found_by_its_id_or_its_display_name(sandbox, voice):
    execute(creating(voice=voice))

    assert only_campaign(sandbox).voice == 4


def test_without_a_voice_none_is_set(sandbox):
    execute(creating(voice=None))

    assert only_campaign(sandbox).voice is None
    assert writes(sandbox) == ["create_campaign"]


@pytest.mark.parametrize("user_phone", [[3], (3,), "[3]", "3", 3])
def test_caller_numbers_may_come_through_a_template_as_text(sandbox, user_phone):
    execute(creating(user_phone=user_phone))

    assert only_campaign(sandbox).user_phone == [3]


def test_a_schedule_without_an_offset_is_nepal_time(sandbox):
    day = (sandbox.clock.now() + timedelta(days=3)).date()

    execute(creating(schedule=f"{day}T14:00:00"))

    expected = datetime(day.year, day.month, day.day, 14, tzinfo=timezone(timedelta(hours=5, minutes=45)))
    assert only_campaign(sandbox).schedule == expected.timestamp()


# -- what is refused before anything is created ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        pytest.param({"name": "  "}, ["name is empty"], id="no name"),
        pytest.param({"message": ""}, ["message is empty"], id="no message"),
        pytest.param({"services": "FAX"}, ["services", "'FAX'", "SMS & PHONE"], id="unknown service"),
        pytest.param({"services": "SMS"}, ["sms_message is empty", "'SMS'"], id="SMS without text"),
        pytest.param({"services": "SMS & PHONE", "sms_message": " "}, ["sms_message is empty"], id="blank SMS"),
        pytest.param({"user_phone": []}, ["user_phone is empty", "list_caller_numbers"], id="no caller number"),
        pytest.param(
            {"user_phone": ["main"]}, ["user_phone", "of 4 characters"], id="a caller number that is not an id"
        ),
        pytest.param({"voice": "Sunita"}, ["'Sunita'", "'Rija' (1)", "'Binod' (4)"], id="unknown voice"),
        pytest.param({"voice": "np_rija"}, ["shared by several"], id="ambiguous voice"),
        pytest.param({"length_factor": "fast"}, ["length_factor", "'fast'"], id="speed that is not a number"),
        pytest.param({"credit_limit": -1}, ["credit_limit", "-1"], id="negative credits"),
        pytest.param({"credit_limit": float("inf")}, ["credit_limit", "inf"], id="endless credits"),
        pytest.param({"voice": None, "draft": True}, ["draft", "give a voice"], id="a draft without a voice"),
        pytest.param({"voice": None, "length_factor": 1.1}, ["length_factor", "voice"], id="a speed without a voice"),
        pytest.param({"schedule": "tomorrow"}, ["schedule", "'tomorrow'", "ISO 8601"], id="unreadable schedule"),
        pytest.param({"schedule": "2020-01-01"}, ["2020-01-01T00:00:00+05:45", "run_now"], id="past schedule"),
        pytest.param(
            {"on_past_schedule": "skip"}, ["on_past_schedule", "'skip'"], id="unknown way with a past schedule"
        ),
        pytest.param({"on_clear": "again"}, ["on_clear", "'again'", "reattach"], id="unknown way with a clear"),
    ],
)
def test_a_mistake_is_named_and_nothing_is_created(sandbox, changes, says):
    with pytest.raises(REFUSED) as raised:
        execute(creating(**changes))

    for part in says:
        assert part in str(raised.value)
    assert writes(sandbox) == []


def test_an_unknown_voice_id_fails_with_the_voices_and_the_corrected_task_completes_the_campaign(sandbox):
    with pytest.raises(AirflowFailException, match=r"'99' does not exist.*'Shreegya' \(5\)"):
        execute(creating(voice=99))

    execute(creating(voice=5), try_number=2)

    assert only_campaign(sandbox).voice == 5


def test_what_tingting_refuses_is_named_and_not_tried_again(sandbox):
    with pytest.raises(AirflowFailException, match=r"create_campaign.*user_phone.*99"):
        execute(creating(user_phone=[99]))

    assert sandbox.world.campaigns == {}


@pytest.mark.parametrize(
    ("changes", "error", "says"),
    [
        pytest.param({"password": ""}, AirflowFailException, "no API token", id="no token"),
        pytest.param({"password": "wrong"}, AirflowFailException, "Put a valid API token", id="wrong token"),
        pytest.param({"host": "http://127.0.0.1:9"}, TingTingNeverSentError, "127.0.0.1:9", id="no server"),
        pytest.param({"host": "no-such-host.invalid"}, TingTingNeverSentError, "no-such-host", id="no such host"),
    ],
)
def test_a_connection_that_does_not_work_is_named(sandbox, monkeypatch, changes, error, says):
    monkeypatch.setenv("AIRFLOW_CONN_TINGTING_DEFAULT", connection(sandbox, max_retries=0, **changes))

    with pytest.raises(error, match=says):
        execute(creating())

    assert writes(sandbox) == []


def test_a_host_that_is_not_tingting_is_named_before_anything_is_sent_to_it(sandbox):
    sandbox.faults.add("garbage", times="*")

    with pytest.raises(TingTingUnreadableReplyError, match="base URL"):
        execute(creating())

    assert writes(sandbox) == []


# -- a late DAG --------------------------------------------------------------------------------------------------------


def test_a_late_dag_may_run_at_once(sandbox):
    execute(creating(schedule="2020-01-01", on_past_schedule="run_now"))

    assert only_campaign(sandbox).schedule is None


def test_a_retry_after_the_schedule_has_passed_uses_the_campaign_that_was_created_in_time(sandbox, monkeypatch):
    operator = creating(schedule=sandbox.clock.now() + timedelta(hours=1))
    first, _ = execute(operator)
    monkeypatch.setattr(create, "is_past", lambda moment: True)

    again, _ = execute(operator, try_number=2)

    assert again == first
    assert len(sandbox.world.campaigns) == 1


# -- one campaign whatever happens -------------------------------------------------------------------------------------


@pytest.mark.parametrize("draft", [None, True, False])
@pytest.mark.parametrize("try_number", [1, 2])
def test_trying_again_uses_the_same_campaign(sandbox, draft, try_number):
    first, _ = execute(creating(draft=draft))
    again, xcoms = execute(creating(draft=draft), try_number=try_number)

    assert again == first == only_campaign(sandbox).id
    assert xcoms["campaign_id"] == first
    assert sandbox.ledger.times_called("create_campaign") == 1


@pytest.mark.parametrize(
    "fault", ["lose-reply", "500-after-commit", "503-after-commit", "502-after-commit", "truncate", "garbage"]
)
def test_a_lost_reply_leaves_one_campaign(sandbox, fault):
    sandbox.faults.add(fault, call="create_campaign")

    result, _ = execute(creating())

    assert result == only_campaign(sandbox).id
    assert only_campaign(sandbox).voice == 1
    assert writes(sandbox) == CREATED


@pytest.mark.parametrize("fault", ["cut-before", "500", "503-html", "502-empty"])
def test_a_campaign_that_was_not_created_is_created_once_that_is_certain(sandbox, fault):
    sandbox.faults.add(fault, call="create_campaign")

    result, _ = execute(creating())

    assert result == only_campaign(sandbox).id
    assert writes(sandbox) == ["create_campaign", *CREATED]


def test_when_it_stays_unknown_the_task_fails_and_a_retry_settles_it(sandbox):
    sandbox.faults.add("cut-before", call="create_campaign", times="*")
    with pytest.raises(TingTingOutcomeUnknownError):
        execute(creating())
    sandbox.faults.clear()

    execute(creating(), try_number=2)

    assert len(sandbox.world.campaigns) == 1


def test_a_worker_killed_before_the_voice_was_set_leaves_a_campaign_that_the_retry_completes(sandbox):
    sandbox.faults.add("cut-before", call="set_campaign_message", times="*")
    with pytest.raises(TingTingOutcomeUnknownError):
        execute(creating())
    sandbox.faults.clear()
    assert only_campaign(sandbox).voice is None

    execute(creating(), try_number=2)

    assert only_campaign(sandbox).voice == 1


def test_a_retry_finds_its_campaign_under_another_name(sandbox):
    first, _ = execute(creating())
    sandbox.world.update_campaign(first, name="Renamed by a person")

    again, _ = execute(creating(), try_number=2)

    assert again == first
    assert len(sandbox.world.campaigns) == 1


@pytest.mark.parametrize(
    "changes", [{"run_id": "another"}, {"map_index": 4}], ids=["another run", "another item of a mapped list"]
)
def test_other_tasks_get_campaigns_of_their_own(sandbox, changes):
    first, _ = execute(creating())
    second, _ = execute(creating(), **changes)

    assert first != second


@pytest.mark.parametrize(
    "changes", [{"message": "नमस्ते {name}"}, {"user_phone": [12]}], ids=["message", "caller number"]
)
def test_a_campaign_with_other_content_is_not_adopted(sandbox, changes):
    first, _ = execute(creating(), map_index=0)
    before = writes(sandbox)

    with pytest.raises(
        AirflowFailException, match=f"Campaign {first}: an earlier attempt.*nothing was created"
    ) as error:
        execute(creating(**changes), map_index=0, try_number=2)

    assert "नमस्ते" not in str(error.value)
    assert writes(sandbox) == before


# -- a task that a person cleared --------------------------------------------------------------------------------------


def test_a_cleared_task_uses_the_same_campaign_and_says_so(sandbox, logged):
    first, _ = execute(creating())
    again, _ = execute(creating(), try_number=2, cleared_after=1)

    assert again == first
    assert "This task was cleared" in (said := logged())
    assert "no contact is called twice" in said


@pytest.mark.parametrize(
    "time_that_is_for_later", [{}, {"logical_date": timedelta(days=1)}], ids=["a usual run", "a logical date to come"]
)
@pytest.mark.parametrize("used_up", [0, 1], ids=["retries edited before the clear", "cleared"])
def test_a_clear_finds_the_campaign_among_many_whatever_airflow_shows_of_it(sandbox, used_up, time_that_is_for_later):
    began = sandbox.clock.now()
    first, _ = execute(creating(retries=1))
    sandbox.world.update_campaign(first, name="Renamed by a person")
    for number in range(15):
        sandbox.world.create_campaign(
            name=f"Another {number}", services="PHONE", user_phone=[3], message="Hello.", voice=1
        )
    sandbox.clock.push(12 * 3600)
    operator = creating(retries=1)
    context = context_of(operator, try_number=2, cleared_after=used_up)
    # Airflow sets the start of a run again when one of its tasks is cleared.
    times = {name: began + later for name, later in time_that_is_for_later.items()}
    context["dag_run"] = SimpleNamespace(
        run_type="manual", run_after=began, start_date=sandbox.clock.now(), **{"logical_date": began, **times}
    )

    assert operator.execute(context) == first


def test_a_cleared_task_creates_another_campaign_if_it_is_configured_to_and_its_retry_uses_that(sandbox):
    first, _ = execute(creating(on_clear="send_again"))
    second, _ = execute(creating(on_clear="send_again"), try_number=2, cleared_after=1)
    retried, _ = execute(creating(on_clear="send_again"), try_number=3, cleared_after=1)
    third, _ = execute(creating(on_clear="send_again"), try_number=4, cleared_after=3)

    assert len({first, second, third}) == 3
    assert retried == second


def test_a_retry_is_not_a_clear(sandbox):
    first, _ = execute(creating(on_clear="fail", retries=3))
    again, _ = execute(creating(on_clear="fail", retries=3), try_number=3)

    assert again == first


def test_a_cleared_task_may_refuse(sandbox):
    execute(creating(on_clear="fail"))
    before = len(sandbox.requests)

    with pytest.raises(AirflowFailException, match=r"cleared.*Nothing was sent"):
        execute(creating(on_clear="fail"), try_number=2, cleared_after=1)

    assert len(sandbox.requests) == before


def test_when_two_attempts_race_both_get_the_older_campaign(sandbox):
    operator = creating()
    first, _ = execute(operator)
    description = only_campaign(sandbox).description
    twin = sandbox.world.create_campaign(
        name="Water notice", services="PHONE", user_phone=[3], message="नमस्कार {name} जी", description=description
    )

    again, _ = execute(operator, try_number=2)

    assert again == first < twin.id
