"""What the person on call hears, and how often, by the sandbox's ledger of calls."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from support.airflow_home import AIRFLOW_VERSION
from support.at_once import at_once
from support.notices import FIRST, SECOND, THIRD, both_ways, dialled, said
from support.virtual_time import run

from airflow_provider_tingting.campaigns.run import CampaignJob
from airflow_provider_tingting.clock import wall_time
from airflow_provider_tingting.errors import TingTingConfigError
from airflow_provider_tingting.notifications.tingting import TingTingNotifier
from airflow_provider_tingting.sandbox import Sandbox


def quiet_now():
    """Quiet hours that it is now in the middle of, in Nepal."""
    now = datetime.fromtimestamp(wall_time(), ZoneInfo("Asia/Kathmandu"))
    return tuple((now + timedelta(hours=hours)).strftime("%H:%M") for hours in (-2, 2))


@both_ways
def test_a_failure_phones_the_person_on_call_and_names_dag_and_task(tell, quick, failure):
    tell(TingTingNotifier(to=FIRST), failure())

    assert dialled(quick) == [("call", FIRST)]
    [text] = said(quick)
    assert "daily water असफल" in text
    assert "fetch people" in text


@both_ways
def test_forty_failures_phone_once(tell, quick, failure):
    for _ in range(40):
        tell(TingTingNotifier(to=FIRST), failure())

    assert dialled(quick) == [("call", FIRST)]
    assert len(quick.world.campaigns) == 1


def test_forty_failures_at_the_same_time_phone_once(quick, failure):
    def five():
        for _ in range(5):
            TingTingNotifier(to=FIRST)(failure())

    at_once(quick, *[five] * 8)

    assert dialled(quick) == [("call", FIRST)]
    assert len(quick.world.campaigns) == 1


def test_forty_failures_at_the_same_time_phone_once_even_when_the_fastest_has_died(quick, failure, monkeypatch):
    died = threading.Event()

    def run_or_die(self, **_):
        if not died.is_set():
            died.set()
            raise SystemExit("killed")
        return run_once(self)

    run_once = CampaignJob.run_once
    monkeypatch.setattr(CampaignJob, "run_once", run_or_die)

    def five():
        for _ in range(5):
            with contextlib.suppress(SystemExit):
                TingTingNotifier(to=FIRST)(failure())

    at_once(quick, *[five] * 8)

    assert died.is_set()
    assert dialled(quick) == [("call", FIRST)]


def test_forty_deadlines_at_the_same_time_in_one_triggerer_phone_once(quick, failure):
    async def all_at_once():
        await asyncio.gather(*(TingTingNotifier(to=FIRST, context=failure())._awaited() for _ in range(40)))

    run(all_at_once())

    assert dialled(quick) == [("call", FIRST)]


def test_without_a_cooldown_each_failure_phones(quick, failure):
    for _ in range(3):
        TingTingNotifier(to=FIRST, cooldown=0)(failure())

    assert dialled(quick) == [("call", FIRST)] * 3


def test_another_dag_another_event_and_another_recipient_are_distinguished(quick, failure):
    TingTingNotifier(to=FIRST)(failure())
    TingTingNotifier(to=FIRST)(failure(dag_id="another"))
    TingTingNotifier(to=SECOND)(failure())
    TingTingNotifier(to=FIRST)({**failure(), "reason": "success"})

    assert dialled(quick) == [("call", FIRST), ("call", FIRST), ("call", SECOND), ("call", FIRST)]


def test_dags_with_the_same_cooldown_key_phone_once(quick, failure):
    for dag_id in ("one", "another"):
        TingTingNotifier(to=FIRST, cooldown_key="warehouse down")(failure(dag_id=dag_id))

    assert dialled(quick) == [("call", FIRST)]


@both_ways
def test_an_sms_in_english_is_sent_and_no_contact_is_called(tell, quick, failure):
    tell(TingTingNotifier(to=FIRST, services="SMS", language="en"), failure())

    assert dialled(quick) == [("sms", FIRST)]
    assert said(quick) == [
        "Hello, this is Airflow. daily water has failed. The task is fetch people. Please have a look."
    ]


def test_the_text_of_an_exception_is_not_spoken_and_what_is_said_is_masked(quick, failure):
    TingTingNotifier(to=FIRST)(failure())
    TingTingNotifier(to=FIRST, message="{{ exception }} {{ '{tag}' }}", cooldown=0)(failure())

    by_default, by_hand = said(quick)
    assert "hunter2" not in by_default
    assert "9812345678" not in by_hand
    assert "(tag)" in by_hand


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("postgresql://airflow:hunter2/@db:5432/x is away", "postgresql://***@db:5432/x is away"),
        ("login with password=hunter2 failed", "login with password=*** failed"),
        ('{"client_secret": "hunter2"} is refused', '("client_secret": *** is refused'),
        ("Authorization: Basic hunter2", "Authorization: ***"),
        ("Half \ud83d and \x00 none", "Half and none"),
    ],
)
def test_a_password_in_an_error_is_not_spoken_and_what_cannot_be_sent_stops_no_call(quick, failure, text, spoken):
    TingTingNotifier(to=FIRST, message="{{ params.said }}", cooldown_key="{{ params.said }}")(
        {**failure(), "params": {"said": text}}
    )

    assert said(quick) == [spoken]
    assert not any("hunter2" in campaign.name for campaign in quick.world.campaigns.values())


def test_a_secret_that_airflow_knows_is_not_spoken(quick, failure):
    if AIRFLOW_VERSION >= (3, 0):
        from airflow.sdk.log import mask_secret
    else:
        from airflow.utils.log.secrets_masker import mask_secret
    mask_secret("kathmandu-secret")
    TingTingNotifier(to=FIRST, message="it is kathmandu-secret")(failure())

    assert said(quick) == ["it is ***"]


def test_a_notifier_that_serves_two_runs_speaks_of_each(quick, failure):
    notifier = TingTingNotifier(to=FIRST, message="{{ ti.dag_id }}", cooldown=0)
    notifier(failure(dag_id="one"))
    notifier(failure(dag_id="another"))

    assert said(quick) == ["one", "another"]


def test_numbers_may_come_from_a_template_as_one_text(quick, failure):
    TingTingNotifier(to="{{ on_call }}")(failure(on_call=f"+977 {FIRST}, {SECOND}"))

    assert dialled(quick)[0] == ("call", FIRST)


@both_ways
def test_when_the_first_does_not_pick_up_the_next_is_called(tell, quick, failure):
    quick.world.script_outcome(FIRST, "unanswered")
    quick.world.script_outcome(SECOND, "completed")
    tell(TingTingNotifier(to=[FIRST, SECOND, THIRD]), failure())

    assert dialled(quick) == [("call", FIRST), ("call", SECOND)]


def test_when_the_first_picks_up_no_other_recipient_is_called(quick, failure):
    quick.world.script_outcome(FIRST, "completed")
    TingTingNotifier(to=[FIRST, SECOND])(failure())

    assert dialled(quick) == [("call", FIRST)]


def test_while_it_rings_too_long_the_next_is_called(quick, failure):
    quick.clock.speed = 0.001
    TingTingNotifier(to=[FIRST, SECOND], escalate_after=timedelta(seconds=30))(failure())

    assert dialled(quick) == [("call", FIRST), ("call", SECOND)]


def test_in_quiet_hours_an_sms_is_sent_instead_of_a_call(quick, failure):
    TingTingNotifier(to=FIRST, quiet_hours=quiet_now())(failure())

    assert dialled(quick) == [("sms", FIRST)]


@both_ways
def test_in_quiet_hours_that_are_silent_nothing_is_sent(tell, quick, failure, logged):
    tell(TingTingNotifier(to=FIRST, quiet_hours=quiet_now(), in_quiet_hours="silent"), failure())

    assert not quick.requests
    assert "no notification is sent" in logged()


def test_quiet_hours_that_wait_leave_one_call_for_their_end(sandbox, tingting_conn, virtual_time, failure):
    notifier = TingTingNotifier(to=FIRST, quiet_hours=quiet_now(), in_quiet_hours="wait", cooldown=60)
    for _ in range(3):
        notifier(failure())

    [campaign] = sandbox.world.campaigns.values()
    assert campaign.status == "Scheduled"
    assert not sandbox.ledger.dialled
    end = sandbox.play_out()
    [call] = sandbox.ledger.dialled
    assert call.at.strftime("%H:%M") == quiet_now()[1]
    assert end > call.at


BAD_ARGUMENTS = {
    "language": ["fr", None, 1],
    "services": ["FAX", None],
    "in_quiet_hours": ["shout"],
    "quiet_hours": [("22:00", "25:00"), "22:00"],
    "cooldown": [-1, "soon", None, float("nan"), float("inf"), True],
    "escalate_after": [0, "soon", None, float("nan")],
    "to": [-1, "12345", [FIRST, "12345"], "", [], None, True, b"9841234501", {"number": FIRST}, 1.5, f"{FIRST}, none"],
    "message": [7, b"Look.", ["Look."]],
    "voice": [True, 1.5, ["Rija"]],
    "user_phone": [-1, True, [], ["three"], 1.5],
    "cooldown_key": [7, ["key"]],
    "tingting_conn_id": [7],
}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        pytest.param(name, value, id=f"{name}-{number}")
        for name, values in BAD_ARGUMENTS.items()
        for number, value in enumerate(values)
    ],
)
def test_what_is_written_wrongly_is_refused_when_the_dag_is_parsed(name, value):
    with pytest.raises(TingTingConfigError, match=name) as raised:
        TingTingNotifier(**{"to": FIRST, name: value})

    assert FIRST not in str(raised.value)


@pytest.mark.parametrize(
    "to",
    [FIRST, f"+977 {FIRST}, {SECOND}", [FIRST, "{{ on_call }}"], "{{ on_call }}", int(FIRST), [f"0{FIRST}"]],
    ids=["text", "texts", "list with a template", "template", "number", "with a zero"],
)
def test_recipients_that_are_written_rightly_or_come_from_a_template_are_accepted(to):
    TingTingNotifier(to=to)


@pytest.mark.parametrize(
    ("written", "called"),
    [
        ("९८४१२३४५०१", [FIRST]),
        (f"{FIRST}/09", [FIRST, f"{FIRST[:-2]}09"]),
        (f"{FIRST} / {SECOND}", [FIRST, SECOND]),
        (f"{FIRST} {SECOND}", [FIRST, SECOND]),
        (f"{FIRST}। {SECOND}|", [FIRST, SECOND]),
        (f"Mob: {FIRST} (NTC), whatsapp:+977{SECOND}", [FIRST, SECOND]),
        ([float(FIRST), f"'{SECOND}"], [FIRST, SECOND]),
        ([{"name": "Sita", "Mobile No.": FIRST}, {"name": "Ram", "मोवाइल नं.": SECOND}], [FIRST, SECOND]),
        ([{"name": "Sita", "ward": 7}, SECOND], [SECOND]),
        (["9.84E+09", "01-4412345", "(*$!@#$%)!", FIRST], [FIRST]),
    ],
    ids=[
        "Devanagari digits",
        "last digits only",
        "slash",
        "space",
        "danda",
        "labels and carriers",
        "as a spreadsheet writes them",
        "rows of a list",
        "a row without a number",
        "what is not a mobile",
    ],
)
def test_recipients_are_read_as_the_numbers_of_a_list_are(quick, failure, written, called):
    for number in called:
        quick.world.script_outcome(number, "failed")
    TingTingNotifier(to=lambda **_: written)(failure())

    assert [number for _, number in dialled(quick)] == called


@pytest.mark.parametrize(
    ("outcome", "says"),
    [("completed", "has reached 98******01: completed"), ("unanswered", "has not reached 98******01: unanswered")],
)
def test_the_last_line_says_how_the_call_ended(quick, failure, logged, outcome, says):
    quick.world.script_outcome(FIRST, outcome)
    TingTingNotifier(to=FIRST)(failure())

    text = logged()
    assert says in text
    assert FIRST not in text


def test_a_call_that_rings_longer_than_the_notifier_waits_is_reported_so(quick, failure, logged):
    quick.clock.speed = 0.001
    TingTingNotifier(to=FIRST, escalate_after=30)(failure())

    assert "has not reached 98******01 within 30 s" in logged()


def test_an_account_that_may_not_read_its_balance_is_notified(failure, virtual_time, monkeypatch):
    with Sandbox(dialect={"dashboard": "403"}) as box:
        monkeypatch.setenv("AIRFLOW_CONN_TINGTING_DEFAULT", box.connection_json())
        TingTingNotifier(to=FIRST)(failure())

        assert dialled(box) == [("call", FIRST)]


DAG_FILE = """
{imports}
from airflow_provider_tingting.notifications.tingting import TingTingNotifier

with DAG(
    "a_dag_that_fails",
    schedule=None,
    default_args={{"on_failure_callback": TingTingNotifier(to="9841234501")}},
    on_failure_callback=TingTingNotifier(to="9801234502", language="en"),
):

    @task
    def fail(number):
        raise ValueError("no")

    fail.expand(number=[1, 2, 3])
"""


def test_the_failures_of_a_real_dag_phone_once_for_its_tasks_and_once_for_itself(quick, tmp_path, run_dag):
    new = "from airflow.sdk import DAG, task"
    old = "from airflow import DAG\nfrom airflow.decorators import task"
    imports = new if AIRFLOW_VERSION >= (3, 0) else old
    (tmp_path / "a_dag.py").write_text(DAG_FILE.format(imports=imports))
    run = run_dag("a_dag_that_fails", folder=tmp_path)
    quick.play_out()
    by_number = {call.number: call.text for call in quick.ledger.dialled}

    assert set(run.states.values()) == {"failed"}
    assert len(quick.ledger.dialled) == len(by_number)
    assert "a dag that fails असफल भयो" in by_number[FIRST]
    assert "काम: fail" in by_number[FIRST]
    # Not every version calls a DAG's own callbacks in `dag.test()`.
    assert by_number.get(SECOND, "Hello, this is Airflow. a dag that fails has failed. Please have a look.") == (
        "Hello, this is Airflow. a dag that fails has failed. Please have a look."
    )
