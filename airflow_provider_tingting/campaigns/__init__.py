"""The life cycle of one campaign: create, run, watch, judge. Imports no Airflow."""
