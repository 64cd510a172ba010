"""The helper that runs DAGs in tests must itself be right on every Airflow version, or the rest proves nothing."""

from __future__ import annotations

from textwrap import dedent

IMPORTS = """
from datetime import timedelta

try:
    from airflow.sdk import DAG, BaseOperator, task
except ImportError:
    from airflow.decorators import task
    from airflow.models import DAG, BaseOperator

"""


def write_dag(folder, body):
    (folder / "a_dag.py").write_text(IMPORTS + dedent(body))


def test_a_run_gives_its_state_the_states_of_its_tasks_and_their_values(tmp_path, run_dag):
    write_dag(
        tmp_path,
        """
        with DAG("numbers", schedule=None) as dag:
            @task
            def first(**context):
                context["ti"].xcom_push("greeting", context["dag_run"].conf["greeting"])
                return [1, 2]

            @task
            def double(number):
                return {"doubled": number * 2}

            double.expand(number=first())
        """,
    )

    run = run_dag("numbers", folder=tmp_path, conf={"greeting": "namaste"})

    assert run.state == "success"
    assert run.states == {"first": "success", "double[0]": "success", "double[1]": "success"}
    assert run.xcom("first") == [1, 2]
    assert run.xcom("first", key="greeting") == "namaste"
    assert run.xcom("double", map_index=1) == {"doubled": 4}
    assert run.xcom("first", key="absent") is None


def test_a_failed_task_fails_the_run_and_its_downstream(tmp_path, run_dag):
    write_dag(
        tmp_path,
        """
        with DAG("failing", schedule=None) as dag:
            @task
            def breaks():
                raise ValueError("on purpose")

            @task
            def after():
                pass

            breaks() >> after()
        """,
    )

    run = run_dag("failing", folder=tmp_path)

    assert run.state == "failed"
    assert run.states == {"breaks": "failed", "after": "upstream_failed"}


def test_a_deferred_task_is_resumed_with_its_event(tmp_path, run_dag):
    write_dag(
        tmp_path,
        """
        class Waits(BaseOperator):
            def execute(self, context):
                from airflow.providers.standard.triggers.temporal import TimeDeltaTrigger
                self.defer(trigger=TimeDeltaTrigger(timedelta(seconds=0)), method_name="resume")

            def resume(self, context, event=None):
                return event is not None

        with DAG("deferring", schedule=None) as dag:
            Waits(task_id="waits")
        """.replace("airflow.providers.standard.triggers.temporal", _temporal_triggers()),
    )

    run = run_dag("deferring", folder=tmp_path)

    assert run.states == {"waits": "success"}
    assert run.xcom("waits") is True


def test_a_dag_of_another_folder_with_the_same_id_is_not_mistaken_for_the_first(tmp_path, run_dag):
    source = """
        with DAG("twin", schedule=None) as dag:
            @task
            def {name}():
                return "{name}"

            {name}()
        """
    for name in ("older", "newer"):
        (tmp_path / name).mkdir()
        write_dag(tmp_path / name, source.format(name=name))

    assert run_dag("twin", folder=tmp_path / "older").xcom("older") == "older"
    assert run_dag("twin", folder=tmp_path / "newer").states == {"newer": "success"}


def _temporal_triggers():
    try:
        import airflow.providers.standard.triggers.temporal as triggers
    except ImportError:
        import airflow.triggers.temporal as triggers
    return triggers.__name__
