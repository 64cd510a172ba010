"""The TingTing connection: its fields, the form that shows them, and the settings that are read from it."""

from airflow_provider_tingting.connection.fields import EXTRA_FIELDS
from airflow_provider_tingting.connection.settings import (
    CONN_NAME,
    CONN_TYPE,
    DEFAULT_CONN_ID,
    DEFAULT_HOST,
    HOOK_CLASS,
    ConnectionSettings,
    describe_failure,
    is_loopback,
    normalize_base_url,
)

__all__ = [
    "CONN_NAME",
    "CONN_TYPE",
    "DEFAULT_CONN_ID",
    "DEFAULT_HOST",
    "EXTRA_FIELDS",
    "HOOK_CLASS",
    "ConnectionSettings",
    "describe_failure",
    "is_loopback",
    "normalize_base_url",
]
