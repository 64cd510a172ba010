"""A demo call, too, rings in the window only."""

from __future__ import annotations

import pytest
from support.calling_hours import AT_EIGHT, AT_THREE, DAYTIME, it_is
from support.campaigns import a_campaign, writes
from support.task_context import execute

from airflow_provider_tingting._compat import AirflowFailException
from airflow_provider_tingting.errors import TingTingConfigError
from airflow_provider_tingting.operators.preview import TingTingDemoCallOperator

pytestmark = pytest.mark.usefixtures("tingting_conn")


def demo_call(sandbox, **changes):
    campaign = a_campaign(sandbox)
    (contact, *_) = sandbox.world.campaigns[campaign].contacts
    return TingTingDemoCallOperator(task_id="demo", contact_id=contact, calling_window=DAYTIME, **changes)


def test_a_demo_call_rings_in_the_window_only(sandbox):
    it_is(sandbox, AT_THREE)
    operator = demo_call(sandbox)

    with pytest.raises(AirflowFailException, match=r"outside the calling window.*No contact was called"):
        execute(operator)
    assert writes(sandbox) == []

    it_is(sandbox, AT_EIGHT)
    assert execute(operator)[0]["called"] is True


def test_a_demo_call_with_a_window_that_never_opens_is_refused_when_the_dag_file_is_read(sandbox):
    with pytest.raises(TingTingConfigError, match="never opens"):
        TingTingDemoCallOperator(task_id="demo", contact_id=1, calling_window=("08:00", "08:00"))
