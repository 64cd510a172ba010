"""TingTing is asked to run a campaign once: not again when its yes is followed by trouble, and never by a kill."""

from __future__ import annotations

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred
from durability.in_process import Killed, Store, in_both_modes, killed_before, once, running, with_and_without_a_store
from support.campaigns import a_campaign, dialled_once, writes
from support.task_context import context_of

from airflow_provider_tingting._compat import AirflowFailException
from airflow_provider_tingting.api.client import TingTingClient
from airflow_provider_tingting.errors import TingTingCampaignError, TingTingCampaignTimeoutError

pytestmark = pytest.mark.usefixtures("virtual_lives")


@pytest.fixture
def lags(sandbox, virtual_time, monkeypatch):
    """`lags(campaign, *faults)`: TingTing says yes to a run, shows the old status on and has trouble with a read."""
    sandbox.clock.speed = 0
    really = TingTingClient.send

    def begin(campaign, *faults):
        def send(self, call):
            answer = really(self, call)
            if call.name == "run_campaign":
                sandbox.world.campaigns[campaign].status = "Not Started"
                for fault in faults:
                    sandbox.faults.add(fault, call="get_campaign", value=1 if fault == "429" else None)
            return answer

        monkeypatch.setattr(TingTingClient, "send", send)

    return begin


@in_both_modes
@with_and_without_a_store
@pytest.mark.parametrize("fault", ["429", "500", "cut-before", "garbage"])
def test_a_read_that_fails_after_the_yes_is_no_reason_to_ask_again(
    sandbox, virtual_time, lags, fault, deferred, has_store
):
    campaign = a_campaign(sandbox)
    # More than the client's own tries.
    lags(campaign, *[fault] * 3)
    virtual_time.after(300, sandbox.play_out)

    result = once(
        lambda: running(campaign, deferrable=deferred), store=Store() if has_store else None, deferred=deferred
    )

    assert result["status"] == "Completed"
    assert writes(sandbox) == ["run_campaign"]
    assert dialled_once(sandbox)


@with_and_without_a_store
def test_a_status_that_shows_late_is_waited_for_by_a_task_that_does_not_wait_for_the_end(
    sandbox, virtual_time, lags, has_store
):
    campaign = a_campaign(sandbox)
    lags(campaign)

    def shows():
        sandbox.world.campaigns[campaign].status = "Running"

    virtual_time.after(10, shows)
    result = once(lambda: running(campaign, wait_for_completion=False), store=Store() if has_store else None)

    assert result["status"] == "Running"


@pytest.mark.parametrize("changes", [{"wait_for_completion": False}, {"stall_timeout": 100}])
def test_a_campaign_that_was_taken_and_never_shows_is_read_again_by_a_retry(sandbox, lags, changes):
    campaign, store = a_campaign(sandbox), Store()
    lags(campaign)

    for try_number in (1, 2):
        with pytest.raises(TingTingCampaignError, match="not requested again"):
            once(lambda: running(campaign, **changes), store=store, try_number=try_number)

    assert writes(sandbox) == ["run_campaign"]


@pytest.mark.parametrize("changes", [{"wait_for_completion": False}, {"stall_timeout": 100}])
def test_where_nothing_is_remembered_it_has_no_retry_which_would_ask_again(sandbox, lags, changes):
    campaign = a_campaign(sandbox)
    lags(campaign)

    with pytest.raises(AirflowFailException, match=r"not requested again.*there is no retry.*would send it again"):
        once(lambda: running(campaign, **changes), store=None)

    assert writes(sandbox) == ["run_campaign"]


@in_both_modes
@pytest.mark.parametrize("changes", [{"timeout": 100}, {"tolerate_outage": 60}])
def test_no_other_end_of_such_a_wait_has_a_retry_there_either(sandbox, virtual_time, lags, changes, deferred):
    campaign = a_campaign(sandbox)
    lags(campaign)

    def trouble():
        if "tolerate_outage" in changes:
            sandbox.faults.add("500", call="get_campaign", times="*")

    virtual_time.after(1, trouble)
    with pytest.raises(AirflowFailException, match=r"there is no retry.*would send it again"):
        once(lambda: running(campaign, deferrable=deferred, **changes), store=None, deferred=deferred)

    assert writes(sandbox) == ["run_campaign"]


@in_both_modes
def test_a_campaign_that_was_shown_as_begun_has_its_retry_there_too(sandbox, virtual_time, deferred):
    sandbox.clock.speed = 0
    campaign = a_campaign(sandbox)

    with pytest.raises(TingTingCampaignTimeoutError, match="a retry re-attaches to it"):
        once(lambda: running(campaign, deferrable=deferred, timeout=100), store=None, deferred=deferred)


# -- kill --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stop_on_kill", [True, False])
@pytest.mark.parametrize("skip", [0, 1], ids=["before the first read", "after a request that TingTing put off"])
def test_a_kill_before_any_request_stops_nothing_and_says_so(sandbox, monkeypatch, logged, skip, stop_on_kill):
    campaign = a_campaign(sandbox)
    sandbox.faults.add("429", call="run_campaign", value=1, times=2)
    operator = running(campaign, stop_on_kill=stop_on_kill)

    with killed_before(monkeypatch, "get_campaign", skip=skip), pytest.raises(Killed):
        once(lambda: operator, store=Store())
    operator.on_kill()

    assert "stop_campaign" not in writes(sandbox)
    assert f"before it requested campaign {campaign} to run" in logged()
    assert "goes on" not in logged()


def test_a_kill_after_a_request_without_an_answer_stops_the_campaign(sandbox, monkeypatch):
    campaign = a_campaign(sandbox)
    sandbox.faults.add("lose-reply", call="run_campaign")
    operator = running(campaign, stop_on_kill=True)

    with killed_before(monkeypatch, "get_campaign", skip=1), pytest.raises(Killed):
        once(lambda: operator, store=Store())
    operator.on_kill()

    assert writes(sandbox) == ["run_campaign", "stop_campaign"]


def test_a_kill_of_a_later_try_that_knows_nothing_of_the_first_stops_what_may_run(sandbox, monkeypatch):
    campaign = a_campaign(sandbox)
    sandbox.world.run_campaign(campaign)
    operator = running(campaign, stop_on_kill=True)

    with killed_before(monkeypatch, "get_campaign"), pytest.raises(Killed):
        once(lambda: operator, store=None, try_number=2)
    operator.on_kill()

    assert writes(sandbox) == ["stop_campaign"]


def test_a_kill_while_the_figures_are_fetched_says_that_the_campaign_has_ended(sandbox, monkeypatch, logged):
    campaign = a_campaign(sandbox)
    operator = running(campaign, stop_on_kill=True)

    def download(*_, **__):
        raise Killed

    monkeypatch.setattr(TingTingClient, "download", download)
    with pytest.raises(Killed):
        once(lambda: operator, store=Store())
    operator.on_kill()

    assert "stop_campaign" not in writes(sandbox)
    assert f"Campaign {campaign} has ended" in logged()


# -- a wait for the hour after a request without an answer -------------------------------------------------------------


@with_and_without_a_store
def test_who_goes_on_after_a_wait_knows_of_a_request_without_an_answer(sandbox, virtual_time, has_store):
    sandbox.clock.speed = 0
    other, campaign = a_campaign(sandbox, ["9841239999"]), a_campaign(sandbox)
    sandbox.faults.add("cut-before", call="run_campaign")
    store = Store() if has_store else None

    def make(**changes):
        return running(campaign, deferrable=True, one_at_a_time=True, **changes)

    def context():
        return context_of(make()) | ({"task_state_store": store} if has_store else {})

    def another_begins():
        sandbox.world.run_campaign(other)

    virtual_time.after(1, another_begins)
    with pytest.raises(TaskDeferred) as waiting:
        make().execute(context())
    went_on = waiting.value.kwargs

    with pytest.raises(TingTingCampaignError, match="no usable response"):
        make(start_timeout=0.01).execute_start(context(), **{**went_on, "start_deadline": 1.0})
    assert writes(sandbox) == ["run_campaign"]
