"""Reports: the bytes that TingTing sends become typed rows, figures, files and database tables.

`parser` reads a campaign report, `summary` counts it, `completeness` checks it, `reading` does the three together.
`writers` writes it to a file, `table` loads it into a database, `chart` draws it, `survey` writes a survey report.
`outcomes` and `unreached` make the audience of the next campaign.
"""

from typing import Final

#: What the arguments of a report may be.
FORMATS: Final = ("csv", "jsonl", "parquet", "xlsx", "raw")
NUMBERS: Final = ("plain", "masked", "sha256")
VARIABLE_MODES: Final = ("json", "columns", "none")
#: The statuses of a contact that TingTing documents.
CONTACT_STATUSES: Final = (
    "not started",
    "dialing",
    "ringing",
    "answered",
    "hungup",
    "unanswered",
    "failed",
    "terminated",
    "completed",
)
