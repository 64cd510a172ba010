"""The commands of `airflow tingting …` and `python -m airflow_provider_tingting …`, one module for each command."""
