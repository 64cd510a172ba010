"""TaskFlow decorators: Airflow offers them as `@task.…`."""
