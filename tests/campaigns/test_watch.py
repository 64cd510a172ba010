"""The rules of a wait: when it reads in an outage, and what it believes of responses that contradict each other."""

from __future__ import annotations

import itertools
import logging
from dataclasses import replace

import pytest
from support.scripted_server import ScriptedServer
from support.virtual_time import VirtualTime

from airflow_provider_tingting.api.models import Campaign
from airflow_provider_tingting.campaigns.observation import Observation, Reason, Snapshot
from airflow_provider_tingting.campaigns.watch import Outage, Progress, Wait, WaitPlan, read_status, watch
from airflow_provider_tingting.clock import monotonic, sleep, use_clock
from airflow_provider_tingting.errors import (
    TingTingConfigError,
    TingTingForbiddenError,
    TingTingRateLimitedError,
    TingTingServerError,
)

log = logging.getLogger("waiting")
AWAY = TingTingServerError("get_campaign", "502", status_code=502)


@pytest.fixture(autouse=True)
def virtual_time():
    with use_clock(VirtualTime(0.0)):
        yield


def reads_in_an_outage(**patience):
    """The times of the reads of a TingTing that never answers, from the first one to the end of the wait."""
    began = monotonic()
    wait = Wait(WaitPlan(79, **patience), log)
    times = []
    while True:
        times.append(monotonic() - began)
        ended = wait.unanswered(AWAY)
        if ended is not None:
            assert ended.reason is Reason.OUTAGE
            return times
        sleep(wait.next_read())


def test_rare_reads_become_more_frequent_so_that_two_bad_moments_are_no_outage():
    times = reads_in_an_outage(poll_interval=1800, tolerate_outage=600)

    assert len(times) == 11
    assert times[-1] == 600


@pytest.mark.parametrize(("poll_interval", "apart"), [(30, 30), (60, 60), (3600, 60)])
def test_no_read_comes_sooner_than_the_interval_or_a_tenth_of_the_patience(poll_interval, apart):
    times = reads_in_an_outage(poll_interval=poll_interval, tolerate_outage=600)

    assert {later - earlier for earlier, later in itertools.pairwise(times)} == {apart}


def test_a_short_patience_does_not_hammer_a_server_that_is_in_trouble():
    times = reads_in_an_outage(poll_interval=60, tolerate_outage=10)

    assert times == [0, 5, 10]


# -- contradictions ----------------------------------------------------------------------------------------------------


def shown(status, percent=50.0, updated_at=None):
    return Snapshot(79, status, percent, 4, None, updated_at)


def at(minutes):
    return f"2026-11-23T20:{minutes:02d}:00+05:45"


class Waiting:
    """A wait from the campaign's begin on, at the time 0; it must have begun by 900 seconds."""

    def __init__(self, **plan):
        plan = {"starts_by": 900.0, "poll_interval": 30.0, **plan}
        self.wait = Wait(WaitPlan(79, **plan), log)

    def sees(self, *snapshots, after=0.0):
        sleep(after)
        return [self.wait.answered(one) for one in snapshots][-1]

    @property
    def status(self):
        return self.wait.progress.seen.status


@pytest.mark.parametrize("old", ["Not Started", "Scheduled"])
def test_an_old_status_after_the_begin_is_no_failure_to_begin(old):
    waiting = Waiting()
    waiting.sees(shown("Running"), after=880)

    assert waiting.sees(shown(old), after=30) is None
    assert waiting.status == "Running"
    assert waiting.wait.next_read() == 3
    assert waiting.sees(shown("Completed", 100.0), after=30).reason is Reason.REACHED


def test_an_old_status_that_stays_is_accepted_in_the_end(caplog):
    waiting = Waiting()
    waiting.sees(shown("Running"), after=880)
    with caplog.at_level(logging.INFO):
        ended = [waiting.sees(shown("Not Started"), after=10) for _ in range(10)]

    assert [one is None for one in ended[:6]] == [True] * 6
    assert ended[6].reason is Reason.NOT_BEGUN
    assert caplog.text.count("may be an old state") == 1


def test_an_answer_with_an_older_time_changes_nothing():
    waiting = Waiting(until=("Scheduled",))
    waiting.sees(shown("Running", 60.0, at(10)))

    assert waiting.sees(shown("Scheduled", 0.0, at(9)), after=30) is None
    assert (waiting.status, waiting.wait.progress.seen.progress_percent) == ("Running", 60.0)


def test_a_schedule_that_is_taken_back_is_no_contradiction():
    waiting = Waiting(starts_by=None)
    waiting.sees(shown("Scheduled"), shown("Not Started"))

    assert waiting.status == "Not Started"


def test_progress_that_falls_because_contacts_were_added_is_no_contradiction():
    waiting = Waiting()
    waiting.sees(shown("Running", 80.0), shown("Running", 40.0))

    assert waiting.wait.progress.seen.progress_percent == 40.0


# -- what else a wait keeps --------------------------------------------------------------------------------------------


def test_before_the_first_read_a_wait_has_seen_nothing_of_its_campaign():
    waiting = Waiting()

    assert waiting.wait.timed_out() == Observation(Reason.TIMED_OUT, 79)
    assert waiting.wait.progress.may_read_connection_again()
    assert not waiting.wait.progress.may_read_connection_again()
    waiting.sees(shown("Running"))
    assert waiting.wait.progress.may_read_connection_again()


@pytest.mark.parametrize(
    ("status", "until", "ends"),
    [
        ("Completed", (), True),
        ("Terminated", (), True),
        ("Running", (), False),
        ("Running", ("Running",), True),
        ("Scheduled", ("Running",), False),
        ("Paused", (), False),
    ],
)
def test_a_final_or_a_wanted_status_ends_the_wait(status, until, ends):
    assert (Waiting(until=until, starts_by=None).sees(shown(status)) is not None) is ends


@pytest.mark.parametrize(("seconds", "ends"), [(899, False), (900, True)])
def test_a_campaign_that_has_not_begun_in_time_ends_the_wait(seconds, ends):
    ended = Waiting().sees(shown("Not Started"), after=seconds)

    assert (ended is not None and ended.reason is Reason.NOT_BEGUN) is ends


def test_a_wanted_status_is_no_failure_to_begin():
    assert Waiting(until=("Not Started",)).sees(shown("Not Started"), after=1000).reason is Reason.REACHED


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (TingTingForbiddenError("get_campaign", "no.", status_code=403), Reason.REFUSED),
        (TingTingConfigError("no token."), Reason.REFUSED),
        (TingTingRateLimitedError("get_campaign", "slowly.", status_code=429), None),
        (AWAY, None),
    ],
    ids=["403", "a wrong connection", "429", "502"],
)
def test_a_refusal_ends_the_wait_and_what_may_pass_does_not(error, reason):
    waiting = Waiting()
    waiting.sees(shown("Running"))
    ended = waiting.wait.unanswered(error)

    assert (ended and ended.reason) is reason
    if ended:
        assert (ended.status, ended.detail) == ("Running", getattr(error, "message", str(error)))


def test_an_outage_keeps_the_last_error_and_what_was_seen():
    waiting = Waiting(tolerate_outage=0.0)
    waiting.sees(shown("Running"))

    ended = waiting.wait.unanswered(AWAY)

    assert (ended.reason, ended.status, ended.detail, ended.status_code) == (Reason.OUTAGE, "Running", "502", 502)


def test_an_outage_ends_the_wait_at_its_limit_and_not_before():
    waiting = Waiting(tolerate_outage=600.0)
    assert waiting.wait.unanswered(AWAY) is None
    sleep(599.5)
    assert waiting.wait.unanswered(AWAY) is None
    sleep(0.5)
    assert waiting.wait.unanswered(AWAY).reason is Reason.OUTAGE


def test_a_pause_that_tingting_asks_for_counts_until_the_next_response():
    waiting = Waiting(poll_interval=30.0)
    waiting.sees(shown("Running"))
    busy = TingTingServerError("get_campaign", "busy.", status_code=503, retry_after=200)
    waiting.wait.unanswered(busy)
    assert waiting.wait.pause() == 200
    waiting.wait.unanswered(AWAY)
    assert waiting.wait.pause() == 30
    waiting.wait.unanswered(busy)
    waiting.sees(shown("Running"))
    waiting.wait.unanswered(AWAY)
    assert waiting.wait.pause() == 30


def test_a_pause_that_is_shorter_than_a_second_is_not_lengthened_by_an_outage():
    waiting = Waiting(poll_interval=0.5)
    waiting.wait.unanswered(AWAY)

    assert waiting.wait.pause() == 0.5


@pytest.mark.parametrize(("starts_by", "sooner"), [(900.0, True), (None, False)], ids=["was requested", "was not"])
def test_a_campaign_that_is_about_to_begin_is_read_sooner(starts_by, sooner):
    waiting = Waiting(starts_by=starts_by)
    waiting.sees(shown("Not Started"))

    assert (waiting.wait.pause() < 30) is sooner


def test_an_outage_is_logged_when_it_begins_and_when_it_ends(caplog):
    waiting = Waiting()
    with caplog.at_level(logging.INFO):
        waiting.wait.unanswered(AWAY)
        waiting.wait.unanswered(AWAY)
        waiting.sees(shown("Running"))

    assert [record.getMessage() for record in caplog.records[:2]] == [
        f"TingTing does not respond; the wait goes on for 600 s. {AWAY}",
        "TingTing responds again",
    ]


def test_a_final_refusal_is_no_outage():
    outage = Outage(600.0, log)

    assert not outage.tolerates(TingTingForbiddenError("get_campaign", "no.", status_code=403))
    assert not outage.is_running


def test_jitter_lengthens_a_pause_and_the_deadline_ends_it():
    waiting = Waiting(poll_interval=30.0, deadline=1000.0)
    waiting.wait.unanswered(AWAY)

    assert waiting.wait.next_read(0.2) == 36
    sleep(990)
    assert waiting.wait.next_read(0.2) == 10


def test_each_tenth_of_the_progress_is_logged_once(caplog):
    waiting = Waiting()
    with caplog.at_level(logging.INFO):
        for percent in (None, 0.0, 5.0, 9.0, 10.0, 15.0, 19.0, 20.0):
            waiting.sees(shown("Running", percent), after=5)

    lines = [record.getMessage().split(";")[0] for record in caplog.records]
    assert lines == [f"Campaign 79 is Running, {percent} % done" for percent in (0, 10, 20)]


def test_the_progress_is_logged_with_the_time_that_is_left(caplog):
    waiting = Waiting()
    with caplog.at_level(logging.INFO):
        waiting.sees(shown("Running", 10.0))
        waiting.sees(shown("Running", 20.0), after=60)

    assert [record.getMessage() for record in caplog.records] == [
        "Campaign 79 is Running, 10 % done",
        "Campaign 79 is Running, 20 % done; about 8 min left",
    ]


def test_an_unknown_status_is_warned_of_once(caplog):
    waiting = Waiting()
    with caplog.at_level(logging.WARNING):
        waiting.sees(shown("Paused"))
        assert len(caplog.records) == 1
        waiting.sees(shown("Paused"), shown("Paused", 99.0), shown("Running"))

    assert [record.getMessage() for record in caplog.records] == [
        "Campaign 79: this provider does not know the status 'Paused'"
    ]


def test_a_scheduled_campaign_is_logged_with_the_time_until_its_start(caplog):
    waiting = Waiting(starts_by=None)
    with caplog.at_level(logging.INFO):
        waiting.sees(Snapshot(79, "Scheduled", 0.0, 4, 10_800.0, None), after=3600)

    assert caplog.records[-1].getMessage() == "Campaign 79 is Scheduled, 0 % done; it is to start in about 2 h 0 min"


# -- the requests of a wait --------------------------------------------------------------------------------------------

PLAN = WaitPlan(79, poll_interval=30.0, deadline=1000.0, tolerate_outage=600.0)


def campaign(status):
    return Campaign(id=79, status=status, campaign_action_count=4)


def test_a_campaign_that_was_just_read_is_not_read_again():
    server = ScriptedServer(now=0.0)
    progress = Progress(79)

    ended = server.run(watch(PLAN, log, progress, just_read=campaign("Completed")))

    assert (ended.reason, ended.status) == (Reason.REACHED, "Completed")
    assert progress.campaign == campaign("Completed")
    assert server.sent() == []


def test_after_what_was_just_read_the_campaign_is_read_until_it_ends():
    server = ScriptedServer(now=0.0, get_campaign=[campaign("Running"), campaign("Completed")])

    assert server.run(watch(PLAN, log, just_read=campaign("Running"))).status == "Completed"
    assert server.sent() == ["get_campaign", "get_campaign"]


@pytest.mark.parametrize("wait_by", [watch, read_status], ids=["watch", "read_status"])
def test_the_last_read_of_a_wait_is_at_its_deadline(wait_by):
    server = ScriptedServer(now=0.0, get_campaign=AWAY)

    assert server.run(wait_by(replace(PLAN, deadline=100.0), log)).reason is Reason.TIMED_OUT
    assert server.times[-1] == server.now == 100.0


def test_the_deadline_is_waited_for_when_it_is_less_than_a_second_away():
    server = ScriptedServer(now=0.0, get_campaign=campaign("Running"))

    assert server.run(watch(replace(PLAN, deadline=0.5), log)).reason is Reason.TIMED_OUT
    assert server.times == [0.0, 0.5]


def test_reads_are_apart_by_the_interval_or_up_to_a_fifth_more():
    server = ScriptedServer(now=0.0, get_campaign=[campaign("Running")] * 30 + [campaign("Completed")])

    server.run(watch(WaitPlan(79, poll_interval=600.0), log))

    # The first reads may come sooner.
    pauses = server.pauses("get_campaign")[5:]
    assert 600 <= min(pauses) < max(pauses) <= 720


def test_before_the_first_response_nothing_is_known_of_a_campaign():
    assert Progress(79).seen == Observation(Reason.TIMED_OUT, 79)


def test_one_read_goes_on_from_what_an_earlier_one_has_seen():
    server = ScriptedServer(now=0.0, get_campaign=[campaign("Running"), AWAY])
    progress = Progress(79)

    assert server.run(read_status(PLAN, log, progress)).status == "Running"
    assert progress.campaign == campaign("Running")
    assert server.run(read_status(PLAN, log, progress)).status == "Running"
