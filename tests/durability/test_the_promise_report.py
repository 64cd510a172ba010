"""The promise when the report breaks off in the middle: nothing at the path, then all of it."""

from __future__ import annotations

import pytest
from durability.in_process import Life, promise_is_kept

from airflow_provider_tingting.errors import TingTingOutcomeUnknownError, TingTingReportError

pytestmark = pytest.mark.usefixtures("virtual_lives")


@pytest.mark.parametrize("fault", ["truncate", "cut-before", "garbage", "503-html"])
def test_when_the_report_breaks_off_nothing_appears_at_the_path_and_the_retry_writes_all_of_it(
    sandbox, tmp_path, fault
):
    life = Life(tmp_path, has_store=True).live("create", "add", "run")
    # The listing of contacts would take the report's place, so it breaks off too.
    for call in ("download_campaign_report", "list_contacts"):
        sandbox.faults.add(fault, call=call, times="*")

    with pytest.raises((TingTingReportError, TingTingOutcomeUnknownError)):
        life.try_task("report")
    assert list(tmp_path.iterdir()) == []
    sandbox.faults.clear()
    life.live("report")

    promise_is_kept(sandbox, life)
