"""What lineage hears of campaigns, files and tables, with OpenLineage installed and without."""

from __future__ import annotations

import json
import sys
from importlib import import_module

import pytest
from support.airflow_home import AIRFLOW_VERSION
from support.campaigns import NUMBERS, a_campaign
from support.task_context import context_of, execute

from airflow_provider_tingting._compat import asset_classes
from airflow_provider_tingting.assets import convert_asset_to_openlineage
from airflow_provider_tingting.hooks.tingting import TingTingHook
from airflow_provider_tingting.operators.campaign import TingTingRunCampaignOperator
from airflow_provider_tingting.operators.contacts import TingTingAddContactsOperator, TingTingCheckContactsOperator
from airflow_provider_tingting.operators.report import TingTingDownloadReportOperator, TingTingUnreachedContactsOperator
from airflow_provider_tingting.transfers.tingting_to_sql import TingTingReportToSqlOperator
from airflow_provider_tingting.utils.openlineage import file_dataset

pytestmark = pytest.mark.usefixtures("tingting_conn")


def openlineage():
    return pytest.importorskip("airflow.providers.openlineage.extractors", reason="OpenLineage is not installed")


@pytest.fixture
def campaign(sandbox):
    campaign = a_campaign(sandbox)
    sandbox.world.run_campaign(campaign)
    sandbox.play_out()
    return campaign


@pytest.fixture
def collector(monkeypatch):
    """The collector that Airflow uses when a listener is configured."""
    home = "airflow.sdk.lineage" if AIRFLOW_VERSION >= (3, 2) else "airflow.lineage.hook"
    listening = import_module(home).HookLineageCollector()
    if AIRFLOW_VERSION < (3, 0):
        layers = import_module("airflow.providers.common.compat.lineage.hook")
        listening = layers._add_asset_naming_compatibility_layer(listening)
    monkeypatch.setattr("airflow_provider_tingting.hooks.tingting.hook_lineage_collector", lambda: listening)
    return listening


def test_a_download_by_the_hook_records_the_campaign_and_the_file(sandbox, campaign, tmp_path, collector):
    TingTingHook().download_campaign_report(campaign, tmp_path / "report.csv")
    TingTingHook().download_survey_report(12, tmp_path / "survey.csv")

    recorded = collector.collected_assets
    host = f"tingting://{sandbox.host}:{sandbox.port}"
    assert [found.asset.uri for found in recorded.inputs] == [f"{host}/campaigns/{campaign}", f"{host}/surveys/12"]
    assert [found.asset.uri for found in recorded.outputs] == [
        f"file://{tmp_path}/report.csv",
        f"file://{tmp_path}/survey.csv",
    ]


@pytest.fixture
def another(sandbox):
    """A campaign that has not been run."""
    sandbox.clock.speed = 100
    return a_campaign(sandbox)


@pytest.fixture
def tasks(campaign, another, tmp_path, monkeypatch):
    """Each operator that brings something home, executed."""
    monkeypatch.setenv("AIRFLOW_CONN_LITE", f"sqlite://{tmp_path / 'lite.db'}")
    made = {
        "report": TingTingDownloadReportOperator(
            task_id="report", campaign_id=campaign, path=str(tmp_path / "report.csv")
        ),
        "table": TingTingReportToSqlOperator(task_id="table", campaign_id=campaign, table="calls", sql_conn_id="lite"),
        "run": TingTingRunCampaignOperator(task_id="run", campaign_id=another, poll_interval=0.1),
    }
    for operator in made.values():
        execute(operator)
    return made


def lineage_of(operator):
    return operator.get_openlineage_facets_on_complete(context_of(operator)["ti"])


def test_openlineage_gets_the_campaign_the_outputs_and_the_figures(sandbox, campaign, another, tasks, tmp_path):
    openlineage()
    from openlineage.client.serde import Serde

    host = f"tingting://{sandbox.host}:{sandbox.port}"
    read = (host, f"campaigns/{campaign}")
    size = (tmp_path / "report.csv").stat().st_size
    wanted = {
        "report": ([read], [("file", f"{tmp_path}/report.csv", 4, size)]),
        "table": ([read], [("sqlite", f"{tmp_path}/lite.db.calls", 4, None)]),
        "run": ([], [(host, f"campaigns/{another}", None, None)]),
    }
    for name, (inputs, outputs) in wanted.items():
        lineage = lineage_of(tasks[name])
        assert [(one.namespace, one.name) for one in lineage.inputs] == inputs
        found = []
        for one in lineage.outputs:
            counted = one.outputFacets.get("outputStatistics")
            found.append((one.namespace, one.name, getattr(counted, "rowCount", None), getattr(counted, "size", None)))
        assert found == outputs
        facet = json.loads(Serde.to_json(lineage.run_facets["tingting_campaign"]))
        assert facet["campaignId"] == (another if name == "run" else campaign)
        assert facet["summary"]["reached"] == 4
        written = "".join(map(Serde.to_json, [*lineage.inputs, *lineage.outputs, *lineage.run_facets.values()]))
        assert [number for number in NUMBERS if number in written] == []


def datasets(found):
    return [(one.namespace, one.name) for one in found]


def test_the_files_and_campaigns_of_an_audience_join(sandbox, campaign, tmp_path):
    openlineage()
    report, again, rejects = (str(tmp_path / name) for name in ("report.csv", "again.csv", "rejects.csv"))
    execute(TingTingDownloadReportOperator(task_id="report", campaign_id=campaign, path=report))
    unreached = TingTingUnreachedContactsOperator(
        task_id="again", report=report, path=again, statuses=["completed", "hungup"], max_tries=None
    )
    execute(unreached)
    check = TingTingCheckContactsOperator(task_id="check", contacts=again)
    execute(check)
    (tmp_path / "people.csv").write_text("number\n9841234501\n12\n", encoding="utf-8")
    empty = a_campaign(sandbox, (), message="Hello")
    add = TingTingAddContactsOperator(
        task_id="add",
        campaign_id=empty,
        contacts=str(tmp_path / "people.csv"),
        on_invalid="skip",
        rejects_path=rejects,
    )
    execute(add)

    files = {name: ("file", str(tmp_path / name)) for name in ("report.csv", "again.csv", "people.csv", "rejects.csv")}
    assert datasets(lineage_of(unreached).inputs) == [files["report.csv"]]
    assert datasets(lineage_of(unreached).outputs) == datasets(lineage_of(check).inputs) == [files["again.csv"]]
    assert datasets(lineage_of(add).inputs) == [files["people.csv"]]
    host = f"tingting://{sandbox.host}:{sandbox.port}"
    assert datasets(lineage_of(add).outputs) == [(host, f"campaigns/{empty}"), files["rejects.csv"]]


@pytest.mark.parametrize("path", ["s3://aws_default@bucket/a/people.csv", "s3://bucket/a/people.csv"])
def test_a_stored_file_has_one_name_for_every_connection(path):
    dataset = file_dataset(path)

    assert (dataset.namespace, dataset.name) == ("s3://bucket", "a/people.csv")


def test_openlineage_names_a_tingting_asset_by_host_and_path():
    openlineage()
    asset = asset_classes()[0]("tingting://app.tingting.io/campaigns/79")

    dataset = convert_asset_to_openlineage(asset, None)

    assert (dataset.namespace, dataset.name) == ("tingting://app.tingting.io", "campaigns/79")


def test_a_task_that_has_not_come_to_its_end_reports_nothing(campaign, tmp_path):
    operator = TingTingDownloadReportOperator(task_id="report", campaign_id=campaign, path=str(tmp_path / "x.csv"))

    openlineage()

    lineage = lineage_of(operator)

    assert (lineage.inputs, lineage.outputs, lineage.run_facets) == ([], [], {})


def test_without_openlineage_nothing_is_emitted_and_nothing_breaks(tasks, monkeypatch):
    monkeypatch.setitem(sys.modules, "airflow.providers.openlineage.extractors", None)

    assert [lineage_of(operator) for operator in tasks.values()] == [None, None, None]
