"""A report in a database table.

`columns` says what each row has, `definition` what the table is made of, `naming` what it is called, `loading` puts the
rows in.
"""

from airflow_provider_tingting.reports.table.columns import check_columns, table_columns, takes_variables
from airflow_provider_tingting.reports.table.loading import load_table
from airflow_provider_tingting.reports.table.naming import TableName

__all__ = ["TableName", "check_columns", "load_table", "table_columns", "takes_variables"]
