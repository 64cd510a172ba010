"""Contact sources in, batches out: from files, queries and Python values to contacts that TingTing has accepted.

`sources` reads rows and records where each comes from, `audience` makes contacts of them and gives the reason for each
row that cannot be one, `send` posts them in batches or `workbook` writes them for an upload, and `add` verifies that
the campaign holds them.
"""
