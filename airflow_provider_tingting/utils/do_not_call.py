"""Reads the do-not-call list of a TingTing connection: numbers that no task of the connection calls or texts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

from airflow_provider_tingting.contacts.exclusion import Exclusion
from airflow_provider_tingting.errors import (
    TingTingConfigError,
    TingTingContactsError,
    TingTingSourceError,
    TingTingStorageError,
)
from airflow_provider_tingting.formatting import counted
from airflow_provider_tingting.utils.exclusion_sources import exclusion_rows

NAME = "do_not_call"


def read_do_not_call(source: Any, conn_id: str, log: Any, *, number_policy: str = "nepal_mobile") -> Exclusion | None:
    """Return the numbers of a connection's do-not-call list as they are now; None when it has no list.

    An entry that cannot be read refuses the list, since it may be the number of a contact. So does a list without
    entries, since it may have been emptied by mistake.

    :param source: the connection's field `do_not_call`.
    :param conn_id: the id of the TingTing connection.
    :param log: gets a line with the number of entries.
    :param number_policy: as the audience's: `nepal_mobile` or `as_is`.
    :raises TingTingConfigError: the field has a wrong form.
    :raises TingTingContactsError: an entry cannot be read, or there is none.
    :raises TingTingSourceError: the database or the storage fails.
    """
    if source is None:
        return None
    numbers = Exclusion(number_policy=number_policy, name=NAME, remedy="")
    with _named_in_errors(conn_id):
        if isinstance(source, str) and source.split(None, 1)[0].lower() in ("select", "with"):
            raise TingTingConfigError(
                f'{NAME} is a query without its database. Write it as {{"sql": "SELECT …", "sql_conn_id": "crm"}}.'
            )
        for one in source if isinstance(source, list) else [source]:
            before = numbers.entries
            for rows, number_column in exclusion_rows(one, name=NAME):
                with closing(rows):
                    numbers.add(rows, number_column=number_column)
            if numbers.entries == before:
                raise TingTingContactsError(
                    f"{NAME}: a source has no entries: it may have been emptied by mistake. Fill it again, or clear "
                    "the field if there is no such list."
                )
    log.info("The do-not-call list of connection %r has %s", conn_id, counted(numbers.size, "number"))
    if numbers.passed_over:
        reasons = ", ".join(f"{reason} {count:,}" for reason, count in numbers.passed_over.items())
        log.warning("Entries of the do-not-call list that are not mobile numbers: %s", reasons)
    return numbers


@contextmanager
def _named_in_errors(conn_id: str) -> Iterator[None]:
    try:
        yield
    except (TingTingConfigError, TingTingContactsError, TingTingSourceError, TingTingStorageError) as error:
        raise type(error)(
            f"The do-not-call list of connection {conn_id!r} cannot be used, so no contact is called or texted. {error}"
        ) from error
