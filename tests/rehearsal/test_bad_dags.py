"""A DAG that cannot be rehearsed is refused with the reason, and options that name other tasks are, too."""

from __future__ import annotations

import time

import pytest

from airflow_provider_tingting.errors import TingTingConfigError
from airflow_provider_tingting.rehearsal import RehearsalError, RehearsalRequest, rehearse
from airflow_provider_tingting.rehearsal.dag_file import choose_place, clock_reads, load_dag
from airflow_provider_tingting.rehearsal.recorder import Recorder
from airflow_provider_tingting.rehearsal.tasks import prepare

from .conftest import DAGS


def load(dag_id):
    return load_dag(dag_id, choose_place(dag_id, [DAGS]))[0]


def prepare_with(sandbox, tmp_path, dag_id, **options):
    return prepare(load(dag_id), RehearsalRequest(dag_id, **options), sandbox, Recorder(time.time), tmp_path, time.time)


@pytest.mark.parametrize(
    ("dag_id", "message"),
    [
        ("broken", "broken.py cannot be loaded: NameError: name 'undefined_name' is not defined"),
        ("absent", "Airflow finds no DAG 'absent'."),
    ],
    ids=["does not parse", "does not exist"],
)
def test_a_dag_that_airflow_cannot_load(dag_id, message):
    with pytest.raises(TingTingConfigError) as refused:
        load(dag_id)

    assert message in str(refused.value)


@pytest.mark.parametrize(
    ("dag_id", "options", "message"),
    [
        ("no_tingting", {}, "The DAG no_tingting has no TingTing task, so there is nothing to rehearse."),
        ("small", {"skip": ("absent",)}, "The DAG small has no task 'absent'. It has add, create, extra, run."),
        ("small", {"audiences": {"extra": "a.csv"}}, "--audience names extra, which reads no contacts."),
    ],
    ids=["without TingTing", "unknown task", "task without contacts"],
)
def test_options_that_do_not_fit_the_dag(sandbox, tmp_path, dag_id, options, message):
    with pytest.raises(TingTingConfigError) as refused:
        prepare_with(sandbox, tmp_path, dag_id, **options)

    assert message in str(refused.value)


def test_the_error_of_a_dag_file_shows_no_number(tmp_path):
    (tmp_path / "bad.py").write_text("# A DAG of airflow: 'bad'\nraise ValueError('9841000001 is not a ward')\n")

    with pytest.raises(TingTingConfigError, match=r"ValueError: 98\*{6}01 is not a ward"):
        load_dag("bad", choose_place("bad", [tmp_path]))


def test_the_last_lines_of_a_process_that_dies_show_no_number(tmp_path):
    (tmp_path / "dies.py").write_text(
        "import os\n# A DAG of airflow: 'dies'\nprint('9841000001 is busy', flush=True)\nos._exit(3)\n"
    )

    with pytest.raises(RehearsalError, match=r"(?s)ended early.*98\*{6}01 is busy"):
        rehearse(RehearsalRequest("dies", dags=str(tmp_path)))


def test_dag_files_that_do_not_exist():
    with pytest.raises(TingTingConfigError) as refused:
        choose_place("small", [DAGS / "missing"])

    assert "Give the folder or the file with --dags." in str(refused.value)


def test_a_dag_file_that_reads_the_clock(tmp_path):
    path = tmp_path / "clock.py"
    path.write_text(
        "import pendulum, time\n"
        "from datetime import datetime\n"
        "START = datetime.now()\n"
        "def later(): return pendulum.today().add(days=1)\n"
        "NAME = '{{ macros.datetime.now() }}'\n"
        "know = sorted([]); snow = 'now()'\n",
        encoding="utf-8",
    )

    assert clock_reads(path) == ["line 3: datetime.now()", "line 4: pendulum.today()", "line 5: a template"]
