"""Waits that arrive one after another, in two triggerers, share their requests like waits that began together."""

from __future__ import annotations

import math
import os
import time
from collections import Counter
from collections.abc import Callable

import pytest
from cluster.cluster import Cluster
from cluster.scene import Figures, Scene
from durability.airflow_settings import IS_AIRFLOW_3
from support.campaigns import a_campaign

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.timeout(1200),
    pytest.mark.skipif(not IS_AIRFLOW_3, reason="once is enough"),
]

WAITS = int(os.environ.get("TINGTING_CLUSTER_WAITS", "40"))
_POLL_INTERVAL = 20  # as in the DAG; a wait reads sooner in its first 16 seconds, as its campaign may be short
_SECONDS_TO_START = 5  # until a triggerer has started the last trigger; on a slow machine that takes longer
_INTERVALS = 2
_WINDOWS = 5  # how often the requests of these intervals are counted until the last triggers have started
_PAGE = 100


def test_waits_that_arrive_one_after_another_share_their_requests(
    cluster: Cluster, scenes: dict[str, Scene], note: Callable[[Figures], Figures]
) -> None:
    scene = scenes["arrivals"]
    campaigns = [
        a_campaign(scene.sandbox, scene.new_contacts(2), name=f"Arrival {number}", services="PHONE")
        for number in range(WAITS)
    ]
    scene.trigger("many_waits", {"campaigns": campaigns})
    scene.until(lambda: scene.tasks_in("deferred"), "the first wait")
    first = time.monotonic()
    scene.until(lambda: len(scene.tasks_in("deferred")) == WAITS, "the last wait")
    apart = (time.monotonic() - first) / WAITS
    scene.until(lambda: len(triggerers(scene)) == WAITS, "the last trigger")
    time.sleep(_SECONDS_TO_START + _POLL_INTERVAL)
    for _ in range(_WINDOWS):
        lists, own = reads(scene)
        # Waits that began together: each triggerer reads the pages of the list with its campaigns, once an interval.
        together = len(set(triggerers(scene))) * math.ceil(WAITS / _PAGE)
        # A campaign that has not changed for eight intervals is read on its own page, too, once.
        if is_shared := lists <= 1.2 * together + 1 and own <= 1:
            break
    figures = note(scene.end(WAITS, note=f"{apart:.2f} s apart, {lists:.1f} lists an interval, together {together}"))

    figures.assert_each_contact_was_called_once()
    assert is_shared


def triggerers(scene: Scene) -> list[int]:
    """Return the triggerer of each wait that has one."""
    return [task.triggerer for task in scene.tasks_in("deferred") if task.triggerer is not None]


def reads(scene: Scene) -> tuple[float, int]:
    """Return how many lists are read in an interval, and how often at most one campaign, of the next few intervals."""
    before, since = len(scene.sandbox.requests), time.monotonic()
    time.sleep(_INTERVALS * _POLL_INTERVAL)
    intervals = (time.monotonic() - since) / _POLL_INTERVAL
    new = scene.sandbox.requests[before:]
    own = Counter(entry.path for entry in new if entry.call == "get_campaign")
    return sum(entry.call == "list_campaigns" for entry in new) / intervals, max(own.values(), default=0)
