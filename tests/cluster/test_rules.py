"""The rules of the connection, a ladder, and the end of the calling window, each on several machines."""

from __future__ import annotations

import csv
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import psycopg2
import pytest
from cluster.cluster import Cluster
from cluster.scene import CONTACTS, Figures, Scene

from airflow_provider_tingting.timezones import NEPAL

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(700)]

_LISTED = 3
# The response to the adding takes so long; meanwhile the test fixes the window.
_SECONDS_TO_FIX_THE_WINDOW = 5
# Long enough for the start of the run on a busy machine; a window closes at a full minute.
_SECONDS_UNTIL_IT_CLOSES = 60


@pytest.fixture(scope="module", autouse=True)
def audiences(scenes: dict[str, Scene]) -> dict[str, list[str]]:
    """The numbers of each campaign's contacts; the scenarios of this file go on side by side."""
    made = {name: scenes[name].new_contacts() for name in ("rules", "ladder", "window")}
    shared = scenes["rules"].folder
    # The contacts of the list are written into it in another form.
    listed = [f"+977 {number[:3]}-{number[3:]}" for number in made["rules"][:_LISTED]]
    (shared / "do_not_call.csv").write_text("\n".join(["Mobile", *listed]) + "\n")
    trigger(scenes["rules"], "rules_of_the_connection", made["rules"])
    trigger(scenes["ladder"], "ladder", made["ladder"])
    return made


def trigger(scene: Scene, dag_id: str, numbers: list[str], name: str = "first") -> None:
    """Begin a run of a DAG for these numbers."""
    contacts, report = (scene.folder / f"{scene.name}-{name}.{kind}.csv" for kind in ("contacts", "report"))
    contacts.write_text("\n".join(["number", *numbers]) + "\n")
    scene.trigger(dag_id, {"contacts": str(contacts), "report": str(report)})


def report_of(scene: Scene, name: str = "first") -> list[dict[str, str]]:
    """Return the rows of the file that a run has written."""
    return list(
        csv.DictReader(Path(scene.folder / f"{scene.name}-{name}.report.csv").read_text("utf-8-sig").splitlines())
    )


def test_the_end_of_the_window_stops_a_campaign_and_the_rest_is_known(
    scenes: dict[str, Scene], audiences: dict[str, list[str]], note: Callable[[Figures], Figures]
) -> None:
    scene = scenes["window"]
    # The run task reads the window when it starts, so the window is fixed as late as possible.
    scene.sandbox.faults.add("slow", call="add_contacts", value=_SECONDS_TO_FIX_THE_WINDOW)
    trigger(scene, "window_close", audiences["window"])
    scene.until(lambda: scene.requests("add_contacts"), "the request to add contacts")
    closes = datetime.now(NEPAL) + timedelta(seconds=_SECONDS_UNTIL_IT_CLOSES + 60)
    (scene.folder / "window.txt").write_text(f"{closes - timedelta(hours=8):%H:%M}-{closes:%H:%M}")
    scene.until(lambda: scene.requests("run_campaign") and scene.tasks_in("deferred"), "the wait for its end")
    while not scene.sandbox.ledger.times_dialled():
        scene.sandbox.clock.push(1)
    scene.until(lambda: scene.requests("stop_campaign"), "the end of the window")

    figures = note(scene.end(1, note=f"{scene.requests('stop_campaign')} stops"))

    assert not figures.red
    assert (figures.creates, figures.runs, figures.doubles, scene.requests("stop_campaign")) == (1, 1, 0, 1)
    assert 0 < figures.calls < CONTACTS
    dialled = scene.sandbox.ledger.times_dialled()
    assert {row["number"] for row in report_of(scene)} >= set(audiences["window"]) - set(dialled)


def test_a_contact_of_the_do_not_call_list_or_over_the_cap_is_not_called(
    cluster: Cluster, scenes: dict[str, Scene], audiences: dict[str, list[str]], note: Callable[[Figures], Figures]
) -> None:
    scene, first = scenes["rules"], audiences["rules"]
    scene.until(lambda: scene.has_ended(), "the first run")
    second = scene.new_contacts()
    trigger(scene, "rules_of_the_connection", [*first, *second], "second")

    figures = note(scene.end(2, note="a do-not-call list and a cap of one call"))

    assert not figures.red
    assert scene.sandbox.ledger.times_dialled() == dict.fromkeys([*first[_LISTED:], *second], 1)
    with psycopg2.connect(cluster.database.uri) as database, database.cursor() as cursor:
        cursor.execute("SELECT count(*), count(DISTINCT number) FROM contact_log")
        assert cursor.fetchone() == (figures.calls, figures.calls)


def test_a_ladder_calls_only_contacts_that_it_has_not_reached(
    scenes: dict[str, Scene], audiences: dict[str, list[str]], note: Callable[[Figures], Figures]
) -> None:
    scene = scenes["ladder"]

    figures = note(scene.end(3, note="two steps of calls and one of messages"))

    assert not figures.red
    assert (figures.creates, figures.runs, figures.lost) == (3, 3, 0)
    called, sent = (scene.sandbox.ledger.times_dialled(channel=channel) for channel in ("call", "sms"))
    rows = report_of(scene)
    assert {row["number"] for row in rows} == set(audiences["ladder"])
    assert max(called.values()) == 2
    # A contact gets the message only after both calls.
    assert set(sent) <= {number for number, times in called.items() if times == 2}
