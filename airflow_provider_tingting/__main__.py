"""`python -m airflow_provider_tingting`: the commands, on every supported Airflow version."""

from __future__ import annotations

import sys

from airflow_provider_tingting.cli.commands import main

if __name__ == "__main__":
    sys.exit(main())
