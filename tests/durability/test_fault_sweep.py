"""Every call of a campaign's life x every fault x once or stubbornly x deferred or not x with a state store or not.

Whatever the fault, tries of the tasks as Airflow makes them end with one campaign, one run, each contact called once
and in the report once. Each call meets each fault in the default run; all the combinations are marked `durability`.
"""

from __future__ import annotations

import itertools

import pytest
from durability.in_process import LATE, Life, promise_is_kept

# The call, and how many of its kind pass before the fault strikes.
MOMENTS = {
    "the voice is looked up": ("list_voice_models", 0),
    "a search checks whether the campaign exists": ("list_campaigns", 0),
    "a search checks whether another attempt created one too": ("list_campaigns", 1),
    "the campaign is created": ("create_campaign", 0),
    "its voice is set": ("set_campaign_message", 0),
    "it is read before contacts are added": ("get_campaign", 0),
    "the first contacts are added": ("add_contacts", 0),
    "the last contacts are added": ("add_contacts", 1),
    "its contacts are counted": ("get_campaign", 1),
    "it is read before it is run": ("get_campaign", 2),
    "it is run": ("run_campaign", 0),
    "it is read after it was run": ("get_campaign", 3),
    "it is waited for": ("get_campaign", 4),
    "its outcome is read": ("download_campaign_report", 0),
    "its report is downloaded": ("download_campaign_report", 1),
}
FAULTS = {
    "cut-before": None,
    "lose-reply": None,
    "late-commit": LATE,
    "503-html": None,
    "503-after-commit": None,
    "502-empty": None,
    "500": None,
    "500-after-commit": None,
    "429": 2,
    "garbage": "html",
    "garbage-json": "json",
    "truncate": None,
    "stuck": None,
    "stuck-after-commit": None,
}
# Of a read, a fault before and one after the work are the same.
OF_READS = ("cut-before", "503-html", "500", "429", "garbage", "garbage-json", "truncate", "stuck")
WRITES = ("create_campaign", "set_campaign_message", "add_contacts", "run_campaign")
# A stubborn fault outlives the client's retries and a whole try of a task.
STUBBORN = 4


def cases():
    """All combinations; those of the default run are spread evenly over the last three dimensions."""
    for place, (moment, (call, _)) in enumerate(MOMENTS.items()):
        for row, fault in enumerate(FAULTS):
            if call not in WRITES and fault not in OF_READS:
                continue
            for chosen in itertools.product((1, STUBBORN), (False, True), (False, True)):
                times, deferred, has_store = chosen
                turn = place + row
                default = chosen == ((1, STUBBORN)[turn % 2], bool(turn // 2 % 2), bool((turn // 4 + place) % 2))
                if call not in WRITES and fault not in ("cut-before", "garbage", "stuck"):
                    default = False
                yield pytest.param(
                    moment,
                    fault,
                    times,
                    deferred,
                    has_store,
                    id=f"{moment}: {fault} x{times}, {'deferred' if deferred else 'in the worker'}, "
                    f"{'with' if has_store else 'without'} a store",
                    marks=() if default else pytest.mark.durability,
                )


pytestmark = pytest.mark.usefixtures("virtual_lives")


@pytest.mark.parametrize(("moment", "fault", "times", "deferred", "has_store"), cases())
def test_whatever_goes_wrong_each_contact_is_called_once_and_reported_once(
    sandbox, tmp_path, moment, fault, times, deferred, has_store
):
    call, skip = MOMENTS[moment]
    script = sandbox.faults.add(fault.removesuffix("-json"), call=call, times=times, value=FAULTS[fault], skip=skip)

    life = Life(tmp_path, has_store=has_store, deferred=deferred).live()

    assert script.applied >= 1, "the fault has struck"
    promise_is_kept(sandbox, life)
    assert life.results["run"]["status"] == "Completed"
