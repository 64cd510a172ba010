"""The run task keeps the report that it has read, and the report task takes it: one download for both."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from support.campaigns import NUMBERS, a_campaign, connection, dialled_once, reads
from support.report_download import downloading, rows_of
from support.run_task import run_task
from support.task_context import REFUSED, context_of, execute, execute_through

from airflow_provider_tingting._compat import AirflowFailException
from airflow_provider_tingting.errors import TingTingCampaignFailedError
from airflow_provider_tingting.sandbox import Sandbox

pytestmark = pytest.mark.usefixtures("tingting_conn")


@pytest.fixture(autouse=True)
def _speed_of_the_world(sandbox: Sandbox, virtual_time: Any) -> None:
    sandbox.clock.speed = 2000


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    return tmp_path / "kept" / "campaign.report"


@pytest.fixture
def campaign(sandbox: Sandbox, kept: Path) -> int:
    """A campaign that a task has run and whose report it has kept."""
    number = a_campaign(sandbox)
    execute(run_task(number, keep_report=str(kept)))
    assert kept.exists()
    return number


def calls_of_report_task(sandbox: Sandbox) -> list[str]:
    """The calls since the run task has downloaded the report, which it does last."""
    calls = [request.call for request in sandbox.requests]
    return calls[calls.index("download_campaign_report") + 1 :]


DOWNLOADED = ["get_campaign", "download_campaign_report"]


def left_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


# -- kept and taken ----------------------------------------------------------------------------------------------------


def test_the_report_task_sends_no_request_for_a_report_that_the_run_task_has_kept(
    sandbox: Sandbox, kept: Path, tmp_path: Path, deferrable: bool
) -> None:
    number = a_campaign(sandbox)
    context = context_of(run_task(number))
    ran, _ = execute_through(lambda: run_task(number, keep_report=str(kept), deferrable=deferrable), context)
    assert ran["kept_report"] == context["ti"].xcoms["kept_report"] == str(kept)

    result, _ = execute(downloading(number, tmp_path / "taken.csv", kept_report=ran["kept_report"]))

    assert calls_of_report_task(sandbox) == []
    downloaded, _ = execute(downloading(number, tmp_path / "downloaded.csv"))
    assert (tmp_path / "taken.csv").read_bytes() == (tmp_path / "downloaded.csv").read_bytes()
    assert result == {**downloaded, "path": result["path"]}
    assert dialled_once(sandbox)


@pytest.mark.parametrize("changes", [{"format": "raw"}, {"numbers": "masked"}], ids=["raw", "masked"])
def test_a_kept_report_is_written_like_a_downloaded_one(
    sandbox: Sandbox, campaign: int, kept: Path, tmp_path: Path, changes: dict[str, Any]
) -> None:
    execute(downloading(campaign, tmp_path / "taken.csv", kept_report=str(kept), **changes))
    assert calls_of_report_task(sandbox) == []

    execute(downloading(campaign, tmp_path / "downloaded.csv", **changes))
    assert (tmp_path / "taken.csv").read_bytes() == (tmp_path / "downloaded.csv").read_bytes()


def test_the_kept_report_is_for_its_owner_only_and_gone_once_it_is_written(
    sandbox: Sandbox, kept: Path, tmp_path: Path
) -> None:
    number = a_campaign(sandbox)
    kept.parent.mkdir()
    kept.write_text("of yesterday", encoding="utf-8")
    kept.chmod(0o644)
    before = os.umask(0o000)
    try:
        execute(run_task(number, keep_report=str(kept)))
    finally:
        os.umask(before)
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600

    execute(downloading(number, tmp_path / "report.csv", kept_report=str(kept)))

    assert left_in(tmp_path) == ["report.csv"]


def test_without_the_argument_nothing_is_left(sandbox: Sandbox, tmp_path: Path) -> None:
    result, xcoms = execute(run_task(a_campaign(sandbox)))

    assert "kept_report" not in {**result, **xcoms}
    assert left_in(tmp_path) == []


def test_a_retry_of_the_report_task_takes_it_when_the_first_try_could_not_write(
    sandbox: Sandbox, campaign: int, kept: Path, tmp_path: Path
) -> None:
    taking = {"path": tmp_path / "folder" / "report.csv", "kept_report": str(kept)}
    (tmp_path / "folder").write_text("in the way", encoding="utf-8")
    with pytest.raises(AirflowFailException):
        execute(downloading(campaign, retries=2, **taking))
    (tmp_path / "folder").unlink()

    execute(downloading(campaign, retries=2, **taking), try_number=2)

    assert calls_of_report_task(sandbox) == []
    assert len(rows_of(taking["path"])) == len(NUMBERS)


def test_a_retry_of_the_report_task_downloads_when_the_first_try_has_used_it_up(
    sandbox: Sandbox, campaign: int, kept: Path, tmp_path: Path
) -> None:
    for try_number in (1, 2):
        execute(downloading(campaign, tmp_path / "report.csv", kept_report=str(kept), retries=1), try_number=try_number)

    assert calls_of_report_task(sandbox) == DOWNLOADED
    assert len(rows_of(tmp_path / "report.csv")) == len(NUMBERS)


def test_a_run_task_that_is_killed_between_keeping_and_ending_keeps_it_again(
    sandbox: Sandbox, kept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = a_campaign(sandbox)

    class Killed(BaseException):
        pass

    def kill(*_: Any) -> None:
        raise Killed

    operator = run_task(number, keep_report=str(kept), retries=1)
    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(operator, "emit_outcome", kill)
        execute(operator)
    first = kept.stat().st_ino

    result, _ = execute(run_task(number, keep_report=str(kept), retries=1), try_number=2)

    assert result["kept_report"] == str(kept)
    assert kept.stat().st_ino != first
    assert left_in(tmp_path) == [kept.name]
    assert dialled_once(sandbox)


# -- not taken: the report is downloaded -------------------------------------------------------------------------------


def _cut(kept: Path) -> None:
    kept.write_bytes(kept.read_bytes()[:-40])


def _in_the_report(kept: Path) -> None:
    kept.write_bytes(kept.read_bytes().replace(b"9841234501", b"9841234599"))


def _in_the_campaign(kept: Path) -> None:
    kept.write_bytes(kept.read_bytes().replace(b'"campaign_action_count": 4', b'"campaign_action_count": 3'))


def _a_plain_report(kept: Path) -> None:
    kept.write_text("Number,Status\n9841234501,Completed\n", encoding="utf-8")


def _a_folder(kept: Path) -> None:
    kept.unlink()
    kept.mkdir()


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        pytest.param(Path.unlink, "the file does not exist", id="missing"),
        pytest.param(lambda kept: kept.write_bytes(b""), "is damaged, or not a kept report", id="empty"),
        pytest.param(_cut, "is damaged, or not a kept report", id="cut off"),
        pytest.param(_in_the_report, "is damaged, or not a kept report", id="another number in the report"),
        pytest.param(_in_the_campaign, "is damaged, or not a kept report", id="another count of contacts"),
        pytest.param(_a_plain_report, "is damaged, or not a kept report", id="a plain report"),
        pytest.param(_a_folder, "cannot be read: Is a directory", id="a folder"),
    ],
)
def test_a_kept_report_that_is_not_whole_is_not_used(
    sandbox: Sandbox, campaign: int, kept: Path, tmp_path: Path, logged: Any, damage: Any, says: str
) -> None:
    damage(kept)

    result, _ = execute(downloading(campaign, tmp_path / "report.csv", kept_report=str(kept)))

    assert calls_of_report_task(sandbox) == DOWNLOADED
    assert sorted(row["number"] for row in rows_of(tmp_path / "report.csv")) == sorted(NUMBERS)
    assert result["rows"] == len(NUMBERS)
    assert says in logged()


def test_the_kept_report_of_another_campaign_is_not_used_and_not_removed(
    sandbox: Sandbox, campaign: int, kept: Path, tmp_path: Path, logged: Any
) -> None:
    other = a_campaign(sandbox, NUMBERS[:2])
    execute(run_task(other))
    before = reads(sandbox, "download_campaign_report")

    result, _ = execute(downloading(other, tmp_path / "report.csv", kept_report=str(kept)))

    assert (result["campaign_id"], result["rows"]) == (other, 2)
    assert reads(sandbox, "download_campaign_report") == before + 1
    assert "it is the report of another campaign" in logged()
    assert kept.exists()


def test_the_kept_report_of_another_server_is_not_used(
    sandbox: Sandbox, campaign: int, kept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, logged: Any
) -> None:
    host = json.loads(sandbox.connection_json())["host"].replace("127.0.0.1", "localhost")
    monkeypatch.setenv("AIRFLOW_CONN_TINGTING_DEFAULT", connection(sandbox, host=host))

    execute(downloading(campaign, tmp_path / "report.csv", kept_report=str(kept)))

    assert calls_of_report_task(sandbox) == DOWNLOADED
    assert "it is the report of another campaign" in logged()


def test_a_cleared_report_task_downloads(
    sandbox: Sandbox, campaign: int, kept: Path, tmp_path: Path, logged: Any
) -> None:
    operator = downloading(campaign, tmp_path / "report.csv", kept_report=str(kept), retries=2)

    execute(operator, try_number=2, cleared_after=1)

    assert calls_of_report_task(sandbox) == DOWNLOADED
    assert "this task was cleared, so the report is downloaded again" in logged()


@pytest.mark.parametrize("nothing", [None, ""], ids=["None", "an empty text"])
def test_without_a_kept_report_the_report_is_downloaded(
    sandbox: Sandbox, campaign: int, tmp_path: Path, nothing: str | None
) -> None:
    execute(downloading(campaign, tmp_path / "report.csv", kept_report=nothing))

    assert calls_of_report_task(sandbox) == DOWNLOADED


def test_a_kept_report_that_cannot_be_removed_is_named(
    campaign: int, kept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, logged: Any
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patched:
        patched.setattr("pathlib.Path.unlink", refuse)
        result, _ = execute(downloading(campaign, tmp_path / "report.csv", kept_report=str(kept)))

    assert result["rows"] == len(NUMBERS)
    assert f"{kept} holds the contacts' numbers and cannot be removed; remove it" in logged()


# -- not kept: the run task ends as without the argument ---------------------------------------------------------------


def test_a_listing_in_place_of_the_report_is_not_kept(sandbox: Sandbox, kept: Path, logged: Any) -> None:
    number = a_campaign(sandbox)
    sandbox.faults.add("500", call="download_campaign_report", times="*")

    result, xcoms = execute(run_task(number, keep_report=str(kept)))

    assert (result["reached"], result["kept_report"], xcoms["kept_report"]) == (4, "", "")
    assert "its report is not kept: the listing of the contacts replaces TingTing's report" in logged()
    assert not kept.exists()


def test_a_place_that_cannot_be_written_fails_no_campaign(sandbox: Sandbox, tmp_path: Path, logged: Any) -> None:
    (tmp_path / "a file").write_text("", encoding="utf-8")
    number = a_campaign(sandbox)

    result, _ = execute(run_task(number, keep_report=str(tmp_path / "a file" / "campaign.report")))

    assert (result["reached"], result["kept_report"]) == (4, "")
    assert "its report is not kept: The kept report cannot be written to" in logged()


def test_a_campaign_that_is_no_success_leaves_nothing(sandbox: Sandbox, kept: Path, tmp_path: Path) -> None:
    number = a_campaign(sandbox, outcome="failed")

    with pytest.raises(TingTingCampaignFailedError, match="no contact was reached"):
        execute(run_task(number, keep_report=str(kept)))

    assert left_in(tmp_path) == []


# -- refused before the first request ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        pytest.param({"keep_report": 79}, "keep_report must be a path or URI", id="no path"),
        pytest.param({"keep_report": "kept/"}, "is a folder", id="a folder"),
        pytest.param({"keep_report": "nowhere://bucket/kept"}, "keep_report 'nowhere", id="unknown storage"),
        pytest.param({"keep_report": "kept", "wait_for_completion": False}, "waits for the end", id="not waiting"),
    ],
)
def test_a_place_that_is_a_mistake_is_named_before_a_contact_is_called(
    sandbox: Sandbox, changes: dict[str, Any], says: str
) -> None:
    number = a_campaign(sandbox)

    with pytest.raises(REFUSED, match=says):
        execute(run_task(number, **changes))

    assert sandbox.requests == ()


@pytest.mark.parametrize("argument", ["path", "chart_path"])
def test_the_report_task_does_not_write_over_the_kept_report(
    sandbox: Sandbox, campaign: int, kept: Path, tmp_path: Path, argument: str
) -> None:
    page = tmp_path / "page.html"
    kept.rename(page)

    with pytest.raises(AirflowFailException, match="path and kept_report are the same file"):
        execute(
            downloading(
                campaign,
                **{"path": tmp_path / "report.csv", argument: str(page)},
                kept_report=str(page.parent / "." / page.name),
            )
        )

    assert calls_of_report_task(sandbox) == []
    assert left_in(tmp_path) == ["page.html"]
