"""Files that appear whole or not at all, on this machine or in a store; one writer for everything that is written.

`atomic` writes, `target` says where to, `storage_errors` judges what goes wrong, `csv_escaping` escapes rows of CSV.
"""
