"""`python -m airflow_provider_tingting.demo`: an example campaign as an Airflow DAG, against a local sandbox."""
