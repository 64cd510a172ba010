"""Reads .parquet with pyarrow, batch by batch; pyarrow is an optional extra and is loaded when a file is read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import partial

from airflow_provider_tingting.contacts.contact import Place, Row
from airflow_provider_tingting.contacts.sources.source_file import SourceFile
from airflow_provider_tingting.errors import TingTingContactsError
from airflow_provider_tingting.extras import import_extra

_BATCH = 10_000


def read_parquet(file: SourceFile, *, may_be_empty: bool = False) -> Iterator[Row]:
    """Yield the rows of a parquet file, counted from 1.

    :param file: the file.
    :param may_be_empty: whether a file without rows is allowed.
    :raises TingTingConfigError: when pyarrow is not installed.
    :raises TingTingContactsError: when the file is damaged, empty or no parquet.
    """
    need = partial(import_extra, extra="parquet", purpose=f"To read {file.name}", otherwise="give a .csv")
    pyarrow, parquet = need("pyarrow"), need("pyarrow.parquet")
    with file.open_seekable() as stream:
        try:
            table = parquet.ParquetFile(stream)
            columns = tuple(table.schema_arrow.names)
            doubled = sorted(name for name, count in Counter(columns).items() if count > 1)
            if doubled:
                raise TingTingContactsError(f"{file.name}: the column '{doubled[0]}' is there more than once.")
            if not table.metadata.num_rows and not may_be_empty:
                raise TingTingContactsError(f"{file.name} is empty. It needs a row for each contact.")
            position = 0
            for batch in table.iter_batches(batch_size=_BATCH):
                for values in batch.to_pylist():
                    position += 1
                    yield Row(Place(file.name, position), values, columns)
        except pyarrow.ArrowException as error:
            raise TingTingContactsError(
                f"{file.name} is not a parquet file, or damaged ({type(error).__name__}). Write it again."
            ) from None
