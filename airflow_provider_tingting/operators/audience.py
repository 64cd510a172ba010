"""What the operators share that read people: where from, which of them, and what is wrong with them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_tingting.errors import TingTingConfigError, TingTingContactsError
from airflow_provider_tingting.formatting import counted
from airflow_provider_tingting.operators.base import TingTingBaseOperator
from airflow_provider_tingting.utils.arguments import check_rendered, shown, storage_path_of

if TYPE_CHECKING:
    from airflow_provider_tingting.api.models import Campaign
    from airflow_provider_tingting.contacts.audience import ValidatedAudience
    from airflow_provider_tingting.contacts.exclusion import Exclusion

#: A text that may be a path ends like a file, and is no row of a table.
_LIKE_A_PATH = re.compile(r"([^\r\n,;]*|[^\r\n]*/[^\r\n]*)\.\w{1,10}/?")


class _RowFunction:
    """A function given as `where`, which Airflow is to leave alone.

    In a template field Airflow 3 calls whatever can be called. Older ones keep its text, in which a function's address
    in memory would make the DAG look changed at every parse.
    """

    def __init__(self, function: Any) -> None:
        self.function = function

    def __repr__(self) -> str:
        return f"<function {getattr(self.function, '__qualname__', type(self.function).__name__)}>"


class TingTingBaseAudienceOperator(TingTingBaseOperator):
    """Base of the operators that read and check people; the arguments are described there."""

    template_fields: Sequence[str] = (
        *TingTingBaseOperator.template_fields,
        "contacts",
        "sql",
        "sql_conn_id",
        "sql_parameters",
        "number_column",
        "variables",
        "constants",
        "where",
        "exclude",
        "rejects_path",
        "sheet",
    )
    template_ext: Sequence[str] = (".sql",)
    template_fields_renderers: ClassVar[dict[str, str]] = {
        "contacts": "json",
        "sql": "sql",
        "sql_parameters": "json",
        "variables": "json",
        "constants": "json",
        "where": "json",
        "exclude": "json",
    }

    def __init__(
        self,
        *,
        contacts: Any = None,
        sql: str | None = None,
        sql_conn_id: str | None = None,
        sql_parameters: Any = None,
        number_column: str | None = None,
        variables: Mapping[str, str] | None = None,
        constants: Mapping[str, Any] | None = None,
        where: Any = None,
        exclude: Any = None,
        on_invalid: str = "fail",
        rejects_path: str | None = None,
        number_policy: str = "nepal_mobile",
        sheet: str | None = None,
        encoding: str | None = None,
        delimiter: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.contacts = contacts
        self.sql = sql
        self.sql_conn_id = sql_conn_id
        self.sql_parameters = sql_parameters
        self.number_column = number_column
        self.variables = variables
        self.constants = constants
        self.where = _RowFunction(where) if callable(where) else where
        self.exclude = exclude
        self.on_invalid = on_invalid
        self.rejects_path = rejects_path
        self.number_policy = number_policy
        self.sheet = sheet
        self.encoding = encoding
        self.delimiter = delimiter

    def check_templates(self) -> None:
        """Refuse templated arguments that rendered to nothing, the sources inside `exclude` included."""
        super().check_templates()
        check_rendered({"exclude": _texts_in(self.exclude)})

    @contextmanager
    def checked(self, *messages: str | None, campaign: Campaign | None = None) -> Iterator[ValidatedAudience]:
        """Read and check everybody.

        :param messages: whose tags each contact must fill.
        :param campaign: named in errors, since it stays when its contacts are refused.
        :raises TingTingContactsError: the people cannot be read as given, or lack what a tag needs.
        :raises TingTingConfigError: an argument cannot be meant.
        :raises TingTingSourceError: their database or storage fails.
        """
        from airflow_provider_tingting.contacts.audience import AudienceOptions, check_audience
        from airflow_provider_tingting.contacts.message import tags_in

        with ExitStack() as opened:
            with named_in_errors(campaign):
                options = AudienceOptions(
                    number_column=self.number_column or None,
                    variables=self.variables or None,
                    constants=self.constants or None,
                    on_invalid=self.on_invalid,  # type: ignore[arg-type]
                    required_tags=tags_in(*messages),
                    number_policy=self.number_policy,  # type: ignore[arg-type]
                    where=self.where.function if isinstance(self.where, _RowFunction) else self.where,
                )
                rows = self._rows()
                exclude = self._exclusion()
                with closing(rows):
                    audience = opened.enter_context(check_audience(rows, options, exclude=exclude))
                self._tell(audience, exclude)
            yield audience

    def write_rejects(self, audience: ValidatedAudience) -> str | None:
        """Write the rows that were left out, if there are any and somebody wants them; return where they are."""
        if not self.rejects_path or not audience.invalid:
            return None
        audience.write_rejects(storage_path_of(self.rejects_path, "rejects_path", "rejects.csv"))
        self.log.warning("%s rows were left out; they are in %s", audience.invalid, self.rejects_path)
        return self.rejects_path

    def _rows(self) -> Any:
        from airflow_provider_tingting.contacts.sources import read_rows
        from airflow_provider_tingting.utils.sql_source import query_rows

        if self.sql is not None:
            if self.contacts is not None:
                raise TingTingConfigError("contacts and sql are both given; keep one of them.")
            return query_rows(self.sql, self.sql_conn_id, self.sql_parameters)
        if self.sql_parameters or (self.sql_conn_id and not self.exclude):
            raise TingTingConfigError("sql_conn_id or sql_parameters is given without sql. Give the query.")
        return read_rows(
            self._source(), encoding=self.encoding or None, delimiter=self.delimiter or None, sheet=self.sheet or None
        )

    def _source(self) -> Any:
        example = "people.xlsx, or a list of numbers or dicts, or sql="
        if not isinstance(self.contacts, str):
            return storage_path_of(None, "contacts", example) if self.contacts is None else self.contacts
        if self.contacts.lstrip()[:1] in ("[", "{", "("):
            raise TingTingConfigError(
                "contacts is a list that a template has made into text. Pass the task's output itself "
                "(contacts=audience.output), or set render_template_as_native_obj=True on the DAG."
            )
        if self.contacts.strip() and not _LIKE_A_PATH.fullmatch(self.contacts):
            raise TingTingConfigError(
                f"contacts is {shown(self.contacts)}, which is no path of a file. Give a path or URI such as "
                "people.xlsx, or put numbers into a list."
            )
        return storage_path_of(self.contacts, "contacts", example)

    def _exclusion(self) -> Exclusion:
        from airflow_provider_tingting.contacts.exclusion import Exclusion
        from airflow_provider_tingting.utils.exclusion_sources import exclusion_rows

        exclusion = Exclusion(number_policy=self.number_policy, number_column=self.number_column or None)
        sources = exclusion_rows(self.exclude, encoding=self.encoding or None, sql_conn_id=self.sql_conn_id or None)
        for rows, number_column in sources:
            with closing(rows):
                exclusion.add(rows, number_column=number_column)
        return exclusion

    def _tell(self, audience: ValidatedAudience, exclude: Exclusion) -> None:
        counts = {
            "cannot": audience.invalid,
            "were there before": audience.duplicates,
            "are excluded": audience.excluded,
            "are not wanted by where": audience.filtered_out,
        }
        others = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
        self.log.info("%s can be called%s", counted(audience.valid, "contact"), f"; {others}" if others else "")
        if exclude.unusable:
            self.log.warning("%s entries of exclude hold no number that could be called", exclude.unusable)
        for example in audience.examples:
            self.log.warning("Left out: %s", example)
        if audience.conflicting:
            self.log.warning(
                "%s of the numbers that were there twice had other variables the second time; the first row stays",
                audience.conflicting,
            )
        for example in audience.conflicts:
            self.log.warning("Other variables: %s", example)


def _texts_in(exclude: Any) -> Any:
    """Return what a template may have filled in `exclude`: paths and queries; contacts are data."""
    if isinstance(exclude, Mapping):
        is_source = "sql" in exclude or "contacts" in exclude
        return {key: value for key, value in exclude.items() if isinstance(value, str)} if is_source else None
    return [_texts_in(one) for one in exclude] if isinstance(exclude, list | tuple) else exclude


@contextmanager
def named_in_errors(campaign: Campaign | None) -> Iterator[None]:
    """Say in an error about contacts that nothing was sent, and which campaign is left as it was."""
    try:
        yield
    except (TingTingConfigError, TingTingContactsError) as error:
        if campaign is None:
            raise
        said = str(error)
        nothing = "" if "othing was sent" in said else " Nothing was sent."
        count = campaign.campaign_action_count
        state = "is still empty" if count == 0 else f"has {count} contacts as before" if count else "is as it was"
        raise type(error)(
            f"{said}{nothing} Campaign {campaign.id} {state}: correct this and clear this task."
        ) from error
