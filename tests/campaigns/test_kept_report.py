"""Which reports are kept, and that a kept report is taken only as it was kept."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.report_download import BODY, HEADER, PREAMBLE, ROWS

from airflow_provider_tingting.api.models import Campaign
from airflow_provider_tingting.campaigns.fetch_report import FetchedReport, Source
from airflow_provider_tingting.campaigns.kept_report import keep_report, take_report
from airflow_provider_tingting.errors import TingTingReportError
from airflow_provider_tingting.reports.read_report import read_report

HERE = "http://127.0.0.1/api/v1/"
COMPLETED = {
    "id": 79,
    "name": "Water, notice",
    "services": "PHONE",
    "status": "Completed",
    "campaign_action_count": 3,
    "updated_at": "2026-11-23T10:00:00+05:45",
    "voice": {"id": 4, "voice_display_name": "Rija"},
    "user_phone": [3],
    "of_a_later_server": {"kept": True},
}


def keep(path: Path, body: str = PREAMBLE + BODY, source: Source = "report", **changes: object) -> Campaign:
    """Keep a report at a path; return the campaign that it is of."""
    campaign, spool = Campaign.model_validate({**COMPLETED, **changes}), BytesIO(body.encode())
    keep_report(path, campaign, FetchedReport(read_report(spool), source), spool, server=HERE)
    return campaign


def test_the_campaign_and_the_report_come_back_as_they_were(tmp_path: Path) -> None:
    kept, spool = tmp_path / "kept", BytesIO()
    campaign = keep(kept)

    taken, fetched = take_report(kept, spool, campaign_id=79, server=HERE)

    assert taken == campaign
    assert spool.getvalue() == (PREAMBLE + BODY).encode()
    assert (fetched.source, fetched.read.summary.contacts, fetched.read.summary.reached) == ("report", 3, 3)


@pytest.mark.parametrize(
    ("what", "says"),
    [
        pytest.param({"source": "listing"}, "the listing of the contacts replaces", id="a listing"),
        pytest.param({"status": "Terminated"}, "the campaign is Terminated", id="a stopped campaign"),
        pytest.param({"status": "Running"}, "the campaign is Running", id="a campaign that runs"),
        pytest.param({"status": "Paused"}, "the campaign is Paused", id="an unknown status"),
        pytest.param(
            {"body": BODY.replace("Completed", "Ringing", 1)}, "1 of its contacts have no outcome", id="a call goes on"
        ),
        pytest.param(
            {"body": BODY.replace("Completed", "Queued", 1)}, "1 of its contacts have no outcome", id="unknown outcome"
        ),
    ],
)
def test_a_report_that_another_download_may_complete_is_not_kept(
    tmp_path: Path, what: dict[str, str], says: str
) -> None:
    with pytest.raises(TingTingReportError, match=says):
        keep(tmp_path / "kept", **what)  # type: ignore[arg-type]

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        pytest.param({"campaign_action_count": 4}, "1 is missing", id="contacts are missing"),
        pytest.param({"name": "Power notice"}, "another campaign", id="the name of another campaign"),
    ],
)
def test_a_kept_report_is_checked_like_a_downloaded_one(tmp_path: Path, changes: dict[str, object], says: str) -> None:
    keep(tmp_path / "kept", **changes)  # type: ignore[arg-type]

    with pytest.raises(TingTingReportError, match=says):
        take_report(tmp_path / "kept", BytesIO(), campaign_id=79, server=HERE)


@pytest.mark.parametrize(
    ("campaign_id", "server"),
    [(80, HERE), (79, "http://localhost/api/v1/")],
    ids=["another campaign", "another server"],
)
def test_a_report_is_of_one_campaign_of_one_server(tmp_path: Path, campaign_id: int, server: str) -> None:
    keep(tmp_path / "kept", HEADER + "".join(ROWS))

    with pytest.raises(TingTingReportError, match="it is the report of another campaign"):
        take_report(tmp_path / "kept", BytesIO(), campaign_id=campaign_id, server=server)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bytes]:
    """The bytes of a kept report, and a path for a damaged copy."""
    path = tmp_path_factory.mktemp("kept") / "report"
    keep(path)
    return path, path.read_bytes()


@given(data=st.data())
def test_no_damage_goes_unnoticed(whole: tuple[Path, bytes], data: st.DataObject) -> None:
    path, content = whole
    begin = data.draw(st.integers(0, len(content) - 1), label="begin")
    end = data.draw(st.integers(begin, len(content)), label="end")
    damaged = content[:begin] + data.draw(st.binary(max_size=40), label="instead") + content[end:]
    path.write_bytes(damaged)

    if damaged == content:
        take_report(path, BytesIO(), campaign_id=79, server=HERE)
    else:
        with pytest.raises(TingTingReportError, match="is damaged, or not a kept report"):
            take_report(path, BytesIO(), campaign_id=79, server=HERE)
