"""Contact sources in, batches out: from files, queries and Python values to contacts that TingTing has accepted.

`sources` reads rows and records where each comes from, `audience` makes contacts of them and gives the reason for each
row that cannot be one, `send` posts them in batches or `workbook` writes them for an upload, and `add` verifies that
the campaign holds them.
"""

from typing import Final

#: What the arguments of an audience may be.
ON_INVALID: Final = ("fail", "skip")
NUMBER_POLICIES: Final = ("nepal_mobile", "as_is")
SEVERAL_NUMBERS: Final = ("refuse", "first_mobile", "all")
HIDDEN_ROWS: Final = ("ask", "include", "skip")
