"""Campaigns as assets: their URIs, the events that outlets get, and what lineage hears."""

from __future__ import annotations

import json
from urllib.parse import urlsplit

import pytest
from support.airflow_home import AIRFLOW_VERSION
from support.campaigns import NUMBERS, a_campaign

from airflow_provider_tingting._compat import asset_classes
from airflow_provider_tingting.assets import (
    campaign_uri,
    create_asset,
    file_uri,
    openlineage_name,
    sanitize_uri,
    survey_uri,
)

Asset, _, AssetAlias = asset_classes()

IMPORTS = """
try:
    from airflow.sdk import DAG, Asset, AssetAlias, task
except ImportError:
    from airflow import DAG
    from airflow.datasets import Dataset as Asset, DatasetAlias as AssetAlias
    from airflow.decorators import task
from airflow_provider_tingting.operators.campaign import TingTingRunCampaignOperator
from airflow_provider_tingting.operators.report import TingTingDownloadReportOperator
from airflow_provider_tingting.transfers.tingting_to_sql import TingTingReportToSqlOperator
"""


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("tingting://app.tingting.io/campaigns/79", "tingting://app.tingting.io/campaigns/79"),
        ("tingting://App.TingTing.io:443/campaigns/079/", "tingting://app.tingting.io/campaigns/79"),
        ("tingting://somebody@app.tingting.io/surveys/12", "tingting://app.tingting.io/surveys/12"),
        ("tingting://localhost:8080", "tingting://localhost:8080/"),
        ("tingting://app.tingting.io/clinic/reminders", "tingting://app.tingting.io/clinic/reminders"),
        ("tingting://[::1]:8080/campaigns", "tingting://[::1]:8080/campaigns"),
    ],
)
def test_airflow_normalises_a_uri_by_the_rules_of_its_scheme(written, read):
    assert Asset(written).uri == read
    assert Asset(read).uri == read


@pytest.mark.parametrize("wrong", ["tingting:///campaigns/79", "tingting://h/campaigns/all", "tingting://h/surveys/0"])
def test_an_invalid_uri_is_refused_with_the_reason(wrong):
    with pytest.raises(ValueError, match=r"must contain the host|must end in the id"):
        sanitize_uri(urlsplit(wrong))


def test_a_campaign_has_one_uri_however_its_base_url_is_written():
    hosts = (
        "https://app.tingting.io/api/v1/",
        "app.tingting.io",
        "https://APP.tingting.io:443",
        "http://app.tingting.io",
    )

    assert {campaign_uri(host, 79) for host in hosts} == {"tingting://app.tingting.io/campaigns/79"}
    assert survey_uri("http://127.0.0.1:8080/api/v1/", 12) == "tingting://127.0.0.1:8080/surveys/12"
    assert create_asset(host=hosts[0]).uri == "tingting://app.tingting.io/campaigns"


@pytest.mark.parametrize(
    ("path", "uri", "name"),
    [
        ("/data/कल 1.csv", "file:///data/%E0%A4%95%E0%A4%B2%201.csv", ("file", "/data/कल 1.csv")),
        ("s3://aws_default@bucket/a b.csv", "s3://bucket/a%20b.csv", ("s3://bucket", "a b.csv")),
        ("gs://bucket/x/y.csv", "gs://bucket/x/y.csv", ("gs://bucket", "x/y.csv")),
        ("file:///data/x.csv", "file:///data/x.csv", ("file", "/data/x.csv")),
    ],
)
def test_a_file_has_the_uri_that_others_know_it_by(path, uri, name):
    assert file_uri(path) == uri
    assert openlineage_name(uri) == name
    assert Asset(uri).uri == uri


# -- the events of outlets ---------------------------------------------------------------------------------------------


@pytest.fixture
def campaign(sandbox, tingting_conn):
    campaign = a_campaign(sandbox)
    sandbox.world.run_campaign(campaign)
    sandbox.play_out()
    return campaign


def events_of(run):
    """URI, extra and partition of each event that a run has caused, in their order."""
    from airflow.utils.session import create_session
    from sqlalchemy import text

    kind, partition = ("asset", "partition_key") if AIRFLOW_VERSION >= (3, 0) else ("dataset", "NULL")
    if (3, 0) <= AIRFLOW_VERSION < (3, 2):
        partition = "NULL"
    query = (
        f"SELECT {kind}.uri, {kind}_event.extra, {partition} FROM {kind}_event JOIN {kind} ON {kind}.id = {kind}_id "
        f"WHERE source_dag_id = :dag AND source_run_id = :run ORDER BY {kind}_event.id"
    )
    with create_session() as session:
        rows = session.execute(text(query), {"dag": run.dag_id, "run": run.run_id}).fetchall()
    return [(uri, json.loads(extra) if isinstance(extra, str) else extra, key) for uri, extra, key in rows]


TASKS = {
    "report": 'TingTingDownloadReportOperator(task_id="it", campaign_id={id}, path="{folder}/report.csv", {more})',
    "table": 'TingTingReportToSqlOperator(task_id="it", campaign_id={id}, table="calls", sql_conn_id="lite", {more})',
    "run": 'TingTingRunCampaignOperator(task_id="it", campaign_id={id}, poll_interval=0.1, {more})',
}


@pytest.fixture
def run_one(run_dag, tmp_path, monkeypatch):
    """Run one task in a DAG of its own; its run and its events."""
    monkeypatch.setenv("AIRFLOW_CONN_LITE", f"sqlite://{tmp_path / 'lite.db'}")

    def run(which, campaign, more):
        folder = tmp_path / "dags"
        folder.mkdir()
        task = TASKS[which].format(id=campaign, folder=tmp_path, more=more)
        (folder / "one.py").write_text(f"{IMPORTS}\nwith DAG('one_of_{which}', schedule=None):\n    {task}\n")
        run = run_dag(f"one_of_{which}", folder=folder, known=True)
        return run, events_of(run)

    return run


@pytest.mark.parametrize("which", TASKS)
def test_an_outlet_and_an_alias_get_the_outcome_of_the_campaign(sandbox, campaign, run_one, tmp_path, which):
    if which == "run":
        campaign = a_campaign(sandbox)
        sandbox.clock.speed = 100
    run, events = run_one(
        which, campaign, "outlets=[Asset('tingting://app.tingting.io/campaigns'), AssetAlias('outcome')]"
    )

    assert run.state == "success"
    result = run.xcom("it")
    place = {
        "report": f"file://{tmp_path}/report.csv",
        "table": f"sqlite://{tmp_path}/lite.db/calls",
        "run": f"tingting://{sandbox.host}:{sandbox.port}/campaigns/{campaign}",
    }[which]
    assert sorted(uri for uri, *_ in events) == sorted(["tingting://app.tingting.io/campaigns", Asset(place).uri])
    for uri, extra, _ in events:
        if AIRFLOW_VERSION < (3, 3) and uri == Asset(place).uri:
            # Through an alias, older Airflow takes flat values only.
            extra["summary"] = json.loads(extra["summary"])
        assert extra["campaign_id"] == campaign
        assert extra["summary"]["reached"] == len(NUMBERS)
        if which == "run":
            assert set(extra) == {"campaign_id", "status", "summary"}
        else:
            assert extra == result
    written = json.dumps(events, ensure_ascii=False)
    assert [number for number in NUMBERS if number in written] == []
    assert sandbox.world.campaigns[campaign].message not in written


def test_a_campaign_that_is_not_waited_for_returns_its_status_only(sandbox, tingting_conn, run_one):
    campaign = a_campaign(sandbox)

    _, events = run_one(
        "run", campaign, "wait_for_completion=False, outlets=[Asset('tingting://app.tingting.io/campaigns')]"
    )

    ((_, extra, _),) = events
    assert set(extra) == {"campaign_id", "status"}


def test_a_failed_campaign_notifies_no_recipient(sandbox, tingting_conn, run_one):
    campaign = a_campaign(sandbox, outcome="failed")
    sandbox.clock.speed = 100

    run, events = run_one("run", campaign, "outlets=[Asset('tingting://app.tingting.io/campaigns')]")

    assert (run.state, events) == ("failed", [])


@pytest.mark.skipif(AIRFLOW_VERSION < (3, 3), reason="events have partitions from Airflow 3.3 on")
def test_an_event_may_have_a_partition(campaign, run_one):
    _, events = run_one(
        "report", campaign, "partition_key='{{ 1 + 1 }}', outlets=[Asset('tingting://app.tingting.io/campaigns')]"
    )

    assert [key for *_, key in events] == ["2"]


@pytest.mark.skipif(AIRFLOW_VERSION >= (3, 3), reason="events have partitions from Airflow 3.3 on")
def test_where_events_have_no_partitions_the_log_says_so(campaign, run_one, logged):
    run, _ = run_one("report", campaign, "partition_key='x', outlets=[Asset('tingting://app.tingting.io/campaigns')]")

    assert run.state == "success"
    assert "partition_key is left out" in logged()
