"""A process that carries out several rehearsals one after the other, which saves the start of Airflow for each.

It reads their orders from standard input, and writes a report or an error for each to a file.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from airflow_provider_tingting.errors import TingTingError
from airflow_provider_tingting.rehearsal.__main__ import carry_out

if __name__ == "__main__":
    several = json.load(sys.stdin)
    answers = []
    for orders in several["orders"]:
        try:
            answers.append({"report": carry_out(orders)})
        except TingTingError as error:
            answers.append({"error": str(error)})
    Path(several["result"]).write_text(json.dumps(answers, default=str), encoding="utf-8")
