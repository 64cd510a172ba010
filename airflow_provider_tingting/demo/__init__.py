"""`python -m airflow_provider_tingting.demo`: an example campaign as a real DAG run, with nothing but this package."""
