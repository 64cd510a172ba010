"""A file that cannot be loaded; it would have the DAG `broken`, if Airflow could run it."""

from airflow import DAG  # noqa: F401

undefined_name  # noqa: B018, F821
