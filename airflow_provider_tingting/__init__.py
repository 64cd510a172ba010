"""Apache Airflow provider for TingTing: bulk AI voice calls and SMS in Nepal."""

__version__ = "0.1.0"
