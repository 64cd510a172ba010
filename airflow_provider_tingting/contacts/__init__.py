"""People in, batches out: from whatever holds the people to contacts that TingTing has accepted.

The way of a contact: `sources` reads rows and remembers where each came from, `audience` makes contacts of them and
says what is wrong before anything is sent, `send` posts them in batches or `workbook` writes them for an upload.
This room imports no Airflow and no HTTP library; format libraries are loaded when a file of that format is read.
"""
