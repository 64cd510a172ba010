"""Apache Airflow provider for TingTing: bulk AI voice calls and SMS in Nepal.

This module imports nothing, so that Airflow and `api/` users alike may import it for free.
"""

__version__ = "0.1.0"
