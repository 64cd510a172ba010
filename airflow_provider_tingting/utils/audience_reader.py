"""Reads and checks the audience of an operator: its contacts, its exclusion list, and the file of rejected rows.

The operators import this module when a task runs, so a DAG file does not load the readers of files and databases.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from typing import TYPE_CHECKING, Any

from airflow_provider_tingting.contacts.add import AddResult, add_audience
from airflow_provider_tingting.contacts.audience import AudienceOptions, check_audience
from airflow_provider_tingting.contacts.checkpoint import Checkpoint
from airflow_provider_tingting.contacts.estimate import Prices, summary_of
from airflow_provider_tingting.contacts.exclusion import Exclusion
from airflow_provider_tingting.contacts.frequency_cap import FrequencyCap, OverCap
from airflow_provider_tingting.contacts.message import clean_tags, tags_in, unfillable_tags
from airflow_provider_tingting.contacts.sources import read_rows
from airflow_provider_tingting.errors import TingTingConfigError, TingTingContactsError, TingTingSourceError
from airflow_provider_tingting.files.target import refuse_input
from airflow_provider_tingting.formatting import counted
from airflow_provider_tingting.utils.arguments import is_like_a_path, shown, storage_path_of
from airflow_provider_tingting.utils.connection_contact_log import ConnectionContactLog
from airflow_provider_tingting.utils.do_not_call import read_do_not_call
from airflow_provider_tingting.utils.exclusion_sources import exclusion_rows, files_in
from airflow_provider_tingting.utils.sql_source import query_rows

if TYPE_CHECKING:
    from airflow_provider_tingting.api.client import TingTingClient
    from airflow_provider_tingting.api.models import Campaign
    from airflow_provider_tingting.connection import ConnectionSettings
    from airflow_provider_tingting.contacts.validated_audience import ValidatedAudience
    from airflow_provider_tingting.utils.task_state import TaskState

__all__ = [
    "AudienceReader",
    "Prices",
    "campaign_in_errors",
    "send_audience",
    "sent_messages",
    "summary_of",
    "texts_in_sources",
]

log = logging.getLogger(__name__)

#: What an upload does on some servers, by its name in the connection's dialect.
_UNUSABLE_UPLOADS = {
    "replace": "replaces the contacts that the campaign has",
    "nothing": "adds nothing",
    "repeat": "adds numbers that the campaign has a second time",
}
_EXAMPLE = "people.xlsx, or a list of numbers or dicts, or sql="


class AudienceReader:
    """The audience that an operator's arguments describe.

    :param arguments: the operator, or any object with the audience arguments of `TingTingAddContactsOperator` as
        attributes; a templated argument is rendered by then.
    :param settings: the connection, which may have a do-not-call list and a contact log.
    :param log: the task's logger.
    """

    def __init__(self, arguments: Any, settings: ConnectionSettings, log: logging.Logger | Any = log) -> None:
        self._arguments = arguments
        self._settings = settings
        self._log = log

    @contextmanager
    def validated(self, campaign: Campaign | None, *messages: str | None) -> Iterator[ValidatedAudience]:
        """Read and check all contacts; the audience is closed at the end of the `with` block.

        A tag such as `{ name }` is refused: TingTing fills only what stands between the braces letter by letter.

        :param campaign: the campaign that the contacts are for; None when there is none.
        :param messages: texts whose `{tags}` every contact must fill; None and empty texts have none.
        :raises TingTingContactsError: the contacts, the exclusion list or the do-not-call list cannot be used as given.
        :raises TingTingConfigError: an argument has a wrong value.
        :raises TingTingSourceError: the database or the storage of the contacts or a list fails.
        :raises TingTingReportError: the database of the contact log fails.
        """
        arguments = self._arguments
        if unfillable := unfillable_tags(*messages):
            tag = f"{{{unfillable[0]}}}"
            raise TingTingConfigError(
                f"The message uses {tag} with spaces, which TingTing does not fill. Write {clean_tags(tag)} in the "
                "message; TingTingUpdateCampaignOperator changes the message of a campaign."
            )
        options = AudienceOptions(
            number_column=arguments.number_column or None,
            variables=arguments.variables or None,
            constants=arguments.constants or None,
            on_invalid=arguments.on_invalid,
            required_tags=tags_in(*messages),
            number_policy=arguments.number_policy,
            where=getattr(arguments.where, "function", arguments.where),
            several_numbers=arguments.several_numbers,
        )
        rows = self._rows()
        self._keep_inputs()
        exclusion = self._exclusion()
        do_not_call = read_do_not_call(
            self._settings.do_not_call,
            arguments.tingting_conn_id,
            self._log,
            number_policy=arguments.number_policy,
        )
        over_cap = self._over_cap(campaign, messages)
        with ExitStack() as stack:
            with closing(rows):
                audience = stack.enter_context(
                    check_audience(rows, options, exclude=exclusion, do_not_call=do_not_call, over_cap=over_cap)
                )
            self._log_counts(audience, exclusion)
            yield audience

    def write_rejects(self, audience: ValidatedAudience) -> str | None:
        """Write the rejected rows to `rejects_path`; return that path, or None when no file was written.

        :param audience: the audience from `validated`.
        :raises TingTingConfigError: `rejects_path` cannot be used.
        :raises TingTingStorageError: the file cannot be written.
        """
        path: str | None = self._arguments.rejects_path
        left_out = audience.invalid + audience.over_cap
        if not path or not left_out:
            return None
        audience.write_rejects(storage_path_of(path, "rejects_path", "rejects.csv"))
        self._log.warning("%s left out: the rows and their reasons are in %s", counted(left_out, "row"), path)
        return path

    def _keep_inputs(self) -> None:
        """Refuse a `rejects_path` that is one of the files to be read."""
        arguments = self._arguments
        if not arguments.rejects_path:
            return
        read = {
            # A list holds contacts, not files.
            "contacts": None if isinstance(arguments.contacts, list | tuple | Mapping) else arguments.contacts,
            "exclude": arguments.exclude,
            f"do_not_call of connection {arguments.tingting_conn_id!r}": self._settings.do_not_call,
        }
        target = storage_path_of(arguments.rejects_path, "rejects_path", "rejects.csv")
        refuse_input(target, "rejects_path", (file for name, one in read.items() for file in files_in(one, name)))

    def _rows(self) -> Any:
        arguments = self._arguments
        if arguments.sql is not None:
            if arguments.contacts is not None:
                raise TingTingConfigError("contacts and sql are both given; keep one of them.")
            for name in ("sheet", "delimiter"):
                if getattr(arguments, name) not in (None, ""):
                    raise TingTingConfigError(f"{name} and sql are both given: a query has no {name}. Leave it out.")
            return query_rows(arguments.sql, arguments.sql_conn_id, arguments.sql_parameters)
        if arguments.sql_parameters or (arguments.sql_conn_id and not arguments.exclude):
            raise TingTingConfigError("sql_conn_id or sql_parameters is given without sql. Give the query.")
        return read_rows(
            _source(arguments.contacts),
            encoding=arguments.encoding or None,
            delimiter=arguments.delimiter or None,
            sheet=None if arguments.sheet == "" else arguments.sheet,
            hidden_rows=arguments.hidden_rows,
            number_column=arguments.number_column or None,
        )

    def _exclusion(self) -> Exclusion:
        arguments = self._arguments
        exclusion = Exclusion(
            number_policy=arguments.number_policy,
            number_column=arguments.number_column or None,
            on_invalid=arguments.on_invalid_exclude,
            several_numbers=arguments.several_numbers,
        )
        sources = exclusion_rows(
            arguments.exclude,
            encoding=arguments.encoding or None,
            sql_conn_id=arguments.sql_conn_id or None,
            hidden_rows=arguments.hidden_rows,
        )
        for rows, number_column in sources:
            with closing(rows):
                exclusion.add(rows, number_column=number_column)
        return exclusion

    def _over_cap(self, campaign: Campaign | None, messages: tuple[str | None, ...]) -> OverCap | None:
        cap = FrequencyCap.read(self._arguments.frequency_cap)
        if cap is None:
            return None
        if campaign is not None:
            services = campaign.services.upper()
        else:
            services = " & ".join(name for name, text in zip(("PHONE", "SMS"), messages, strict=True) if text)
        campaign_id = None if campaign is None else campaign.id
        return ConnectionContactLog(self._settings, self._arguments.tingting_conn_id).over_cap(
            cap, services=services, campaign_id=campaign_id
        )

    def _log_counts(self, audience: ValidatedAudience, exclusion: Exclusion) -> None:
        counts = {
            "invalid": audience.invalid,
            "duplicates": audience.duplicates,
            "excluded": audience.excluded,
            "on the do-not-call list": audience.do_not_call,
            "over frequency_cap": audience.over_cap,
            "filtered out by where": audience.filtered_out,
        }
        others = ", ".join(f"{count:,} {what}" for what, count in counts.items() if count)
        self._log.info("%s can be called%s", counted(audience.valid, "contact"), f"; {others}" if others else "")
        if exclusion.passed_over:
            reasons = ", ".join(f"{reason} {count:,}" for reason, count in exclusion.passed_over.items())
            self._log.warning("Entries of exclude without a number that can be called: %s", reasons)
        for variable, rows in audience.legacy_text.items():
            self._log.warning(
                "%s of the variable %r probably in a legacy Nepali font such as Preeti, which is spoken as nonsense: "
                "convert the column to Unicode",
                counted(rows, "value"),
                variable,
            )


def _source(contacts: Any) -> Any:
    """Return what `read_rows` takes: a path object, or the Python values as they are."""
    if not isinstance(contacts, str):
        return storage_path_of(None, "contacts", _EXAMPLE) if contacts is None else contacts
    if contacts.lstrip()[:1] in ("[", "{", "("):
        raise TingTingConfigError(
            "contacts is a list that a template has made into text. Pass the task's output itself "
            "(contacts=audience.output), or set render_template_as_native_obj=True on the DAG."
        )
    if contacts.strip() and not is_like_a_path(contacts):
        raise TingTingConfigError(
            f"contacts is {shown(contacts)}, which is not a path of a file. Give a path or URI such as people.xlsx, or "
            "put numbers into a list."
        )
    return storage_path_of(contacts, "contacts", _EXAMPLE)


@contextmanager
def campaign_in_errors(campaign: Campaign | None) -> Iterator[None]:
    """Add to an error that precedes the first batch that nothing was sent, and what the campaign holds.

    :param campaign: the campaign that the contacts are for, as it was read before; None when there is none.
    """
    try:
        yield
    except (TingTingConfigError, TingTingContactsError) as error:
        if campaign is None:
            raise
        count = campaign.campaign_action_count
        state = "is still empty" if count == 0 else f"has {count} contacts as before" if count else "is unchanged"
        raise type(error)(
            f"{error} Nothing was sent. Campaign {campaign.id} {state}: correct this and clear this task."
        ) from error
    except TingTingSourceError as error:
        raise TingTingSourceError(f"{error} Nothing was sent.") from error


def texts_in_sources(exclude: Any) -> Any:
    """Return what a template may have filled in `exclude`: its paths and queries, without its contacts.

    :param exclude: the argument as rendered.
    """
    if isinstance(exclude, Mapping):
        is_source = "sql" in exclude or "contacts" in exclude
        return {key: value for key, value in exclude.items() if isinstance(value, str)} if is_source else None
    return [texts_in_sources(one) for one in exclude] if isinstance(exclude, list | tuple) else exclude


def sent_messages(campaign: Campaign) -> tuple[str | None, str | None]:
    """Return the call message and the SMS text that a campaign sends by its services; both where it names neither.

    :param campaign: the campaign as it was read.
    """
    services = campaign.services.upper()
    if "PHONE" not in services and "SMS" not in services:
        return campaign.message, campaign.sms_message
    return campaign.message if "PHONE" in services else None, campaign.sms_message if "SMS" in services else None


def send_audience(
    client: TingTingClient,
    campaign: Campaign,
    audience: ValidatedAudience,
    state: TaskState,
    *,
    transport: str,
    batch_size: int,
    concurrency: int,
    read_at: float | None,
) -> AddResult:
    """Send an audience and save the progress in the task's state, so that a retry continues.

    :param client: the client of the task's connection.
    :param campaign: the campaign.
    :param audience: the audience after the check.
    :param state: the task's state.
    :param transport: `json` or `xlsx`.
    :param batch_size: contacts in one request.
    :param concurrency: requests at the same time.
    :param read_at: when the campaign was read, by `monotonic`; None reads it again.
    :raises TingTingError: as `add_audience`.
    """
    upload = client.dialect.upload
    if transport == "xlsx" and upload in _UNUSABLE_UPLOADS:
        raise TingTingConfigError(
            f"transport='xlsx' uploads a workbook, and a probe of this account has found that an upload "
            f"{_UNUSABLE_UPLOADS[upload]} (dialect in the connection's extra). Use transport='json'."
        )
    entry = state.load() or {}
    checkpoint = Checkpoint.from_json(entry.get("progress")) if entry.get("campaign_id") == campaign.id else None

    def save(checkpoint: Checkpoint | None) -> None:
        progress = {"progress": checkpoint.to_json()} if checkpoint is not None else {}
        state.save({"phase": "sending", "campaign_id": campaign.id, "total": audience.valid, **progress})

    save(checkpoint)
    added = add_audience(
        client,
        campaign,
        audience,
        transport=transport,
        batch_size=batch_size,
        concurrency=concurrency,
        read_at=read_at,
        checkpoint=checkpoint,
        save_checkpoint=save,
    )
    state.save({"phase": "sent", "campaign_id": campaign.id, "total": audience.valid})
    return added
