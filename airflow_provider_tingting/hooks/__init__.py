"""How the provider reaches TingTing from Airflow."""
