"""Files that appear whole or not at all, locally or on object storage. Imports no Airflow."""
