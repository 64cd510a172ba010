"""Each task that yields people has a file of its own: one list is never called in the place of another."""

from __future__ import annotations

import pytest

from airflow_provider_tingting.contacts.sources import read_rows

DAG_FILE = """
try:
    from airflow.sdk import DAG, task
except ImportError:
    from airflow import DAG
    from airflow.decorators import task

with DAG("people_of_wards", schedule=None) as dag:

    @task.tingting_audience(path={path!r})
    def people(ward):
        yield {{"number": 9841234500 + ward, "ward": ward}}

    {calls}
"""


@pytest.fixture
def people_of_wards(run_dag, tmp_path):
    """`people_of_wards(path, calls)` runs a DAG that yields people for several wards into a path."""

    def run(path, calls):
        folder = tmp_path / "dags"
        folder.mkdir()
        (folder / "dag.py").write_text(DAG_FILE.format(path=f"{tmp_path}/{path}", calls=calls), encoding="utf-8")
        return run_dag("people_of_wards", folder=folder)

    return run


def wards_of(run, *tasks):
    return [[row.values["ward"] for row in read_rows(run.xcom(task, map_index=index))] for task, index in tasks]


TWO = "people(7); people(8)"
MAPPED = "people.expand(ward=[7, 8])"


@pytest.mark.parametrize(
    ("path", "calls"),
    [
        ("people/", TWO),
        ("people/", MAPPED),
        ("{{ run_id }}_{{ ti.task_id }}.jsonl", TWO),
        ("{{ ti.map_index }}.jsonl.gz", MAPPED),
        ("{{ task.op_kwargs.ward }}.jsonl", "people(ward=7); people(ward=8)"),
    ],
)
def test_each_task_has_a_file_of_its_own(people_of_wards, path, calls):
    run = people_of_wards(path, calls)

    tasks = [("people", 0), ("people", 1)] if calls == MAPPED else [("people", -1), ("people__1", -1)]
    assert wards_of(run, *tasks) == [[7], [8]]


@pytest.mark.parametrize(
    ("calls", "says"),
    [(TWO, "for people and for people__1"), (MAPPED, "for each of the mapped instances of people")],
)
def test_a_file_for_several_is_refused(people_of_wards, tmp_path, calls, says, logged):
    run = people_of_wards("{{ run_id }}.jsonl", calls)

    said = logged()
    assert run.state == "failed"
    assert says in said
    assert "overwrite each other's contacts" in said
    assert not list(tmp_path.glob("*.jsonl"))


NO_PATH = """
try:
    from airflow.sdk import DAG, task
except ImportError:
    from airflow import DAG
    from airflow.decorators import task

with DAG("contacts_of_wards", schedule=None) as dag:

    @task.tingting_audience
    def people(ward):
        yield {"number": 9841234500 + ward, "ward": ward}

    people(7)
    people(8)
"""


@pytest.mark.parametrize("folder", ["audiences", None], ids=["a default folder", "no folder"])
def test_a_task_without_a_path_writes_to_the_folder_of_the_configuration(
    run_dag, tmp_path, monkeypatch, logged, folder
):
    if folder is not None:
        monkeypatch.setenv("AIRFLOW__TINGTING__AUDIENCE_FOLDER", str(tmp_path / folder))
    (tmp_path / "dags").mkdir()
    (tmp_path / "dags" / "dag.py").write_text(NO_PATH, encoding="utf-8")

    run = run_dag("contacts_of_wards", folder=tmp_path / "dags")

    if folder is None:
        assert run.state == "failed"
        assert "AIRFLOW__TINGTING__AUDIENCE_FOLDER" in logged()
    else:
        assert wards_of(run, ("people", -1), ("people__1", -1)) == [[7], [8]]
        assert run.xcom("people").startswith(f"{tmp_path}/audiences/contacts_of_wards/")
