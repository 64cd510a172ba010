"""Whether Airflow's database can be read. What fails is said, not raised."""

from __future__ import annotations

from dataclasses import dataclass

from airflow_provider_tingting.masking import mask_text


@dataclass(frozen=True)
class Trouble:
    """Why the database cannot be read.

    :param said: what is wrong, in a sentence.
    :param remedy: what to do.
    """

    said: str
    remedy: str


def database_trouble() -> Trouble | None:
    """Return what is wrong with Airflow's database, or None when it can be read."""
    try:
        from airflow.utils.session import create_session

        with create_session() as session:
            connection = session.connection()
            migrated = all(connection.dialect.has_table(connection, table) for table in ("connection", "job"))
    except Exception as error:
        # The text of a database driver may span lines; its first one says what is wrong.
        reason = mask_text(str(getattr(error, "orig", None) or error)).strip().splitlines() or [type(error).__name__]
        return Trouble(
            f"it cannot be reached ({type(error).__name__}: {reason[0]}).",
            "Start it, or correct [database] sql_alchemy_conn; connections in environment variables work without it.",
        )
    if not migrated:
        return Trouble("it is not initialised.", "Run: airflow db migrate")
    return None
