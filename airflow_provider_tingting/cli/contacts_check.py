"""`contacts check FILE`: what `TingTingCheckContactsOperator` does, without Airflow and without TingTing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_tingting.cli.execution import with_options
from airflow_provider_tingting.cli.options import path_text
from airflow_provider_tingting.cli.tables import print_json
from airflow_provider_tingting.errors import TingTingConfigError, TingTingContactsError, TingTingError
from airflow_provider_tingting.formatting import counted
from airflow_provider_tingting.masking import mask_number, mask_text

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from rich.console import Console

    from airflow_provider_tingting.contacts.audience import AudienceOptions
    from airflow_provider_tingting.contacts.contact import Row
    from airflow_provider_tingting.contacts.exclusion import Exclusion
    from airflow_provider_tingting.contacts.validated_audience import ValidatedAudience

#: Exit codes.
ALL_GOOD, SOME_ARE_NOT, CANNOT_BE_READ = 0, 1, 2

_STEP = 2_000
_SHOWN_MESSAGES = 3
#: `--sheet` belongs to FILE, and an exclusion list has no such option.
_SEVERAL_SHEETS = "Save the one that is meant as a file of its own."


def add_arguments(parser: ArgumentParser) -> None:
    """Describe the command's arguments.

    :param parser: of the command itself.
    """
    parser.add_argument(
        "file",
        type=path_text,
        metavar="FILE",
        help="a .csv, .xlsx, .jsonl or .parquet with the contacts, also .gz",
    )
    parser.add_argument("--message", help="the message of a call: each {tag} must be filled")
    parser.add_argument(
        "--sms-message", help="the text of an SMS: each {tag} must be filled, and its parts are counted"
    )
    parser.add_argument(
        "--number-column", metavar="COLUMN", help="the column of the numbers, when no usual name says it"
    )
    parser.add_argument(
        "--variable", metavar="TAG=COLUMN", action="append", default=[], help="which column fills a tag; several times"
    )
    parser.add_argument(
        "--constant", metavar="TAG=VALUE", action="append", default=[], help="a tag with one value for all contacts"
    )
    parser.add_argument(
        "--where",
        metavar="COLUMN=VALUE",
        action="append",
        default=[],
        help="only rows with this value; for one column several times: with any of these values",
    )
    parser.add_argument(
        "--exclude",
        type=path_text,
        metavar="FILE",
        action="append",
        default=[],
        help="contacts to leave out; several times",
    )
    parser.add_argument(
        "--on-invalid-exclude",
        choices=("fail", "skip"),
        default="fail",
        help="whether an entry of --exclude that cannot be read refuses the list (default: %(default)s)",
    )
    parser.add_argument(
        "--rejects", type=path_text, metavar="PATH", help="write the bad rows with the reason to this .csv or .xlsx"
    )
    parser.add_argument(
        "--number-policy",
        choices=("nepal_mobile", "as_is"),
        default="nepal_mobile",
        help="which numbers are good: mobiles of Nepal, or any as they are written (default: %(default)s)",
    )
    parser.add_argument(
        "--several-numbers",
        choices=("refuse", "first_mobile", "all"),
        default="refuse",
        help="what a cell with several numbers gives (default: %(default)s)",
    )
    parser.add_argument("--sheet", help="the sheet of a workbook")
    parser.add_argument(
        "--hidden-rows",
        choices=("ask", "include", "skip"),
        default="ask",
        help="what happens to rows of a workbook that a filter has hidden (default: %(default)s)",
    )
    parser.add_argument("--encoding", help="of a text file that is neither UTF-8 nor UTF-16, such as cp1252")
    parser.add_argument("--delimiter", help="the character between the values of a text file")
    parser.add_argument(
        "--conn-id",
        help="also compare the estimate, one credit a call and a part of an SMS, with the last campaigns of this "
        "Airflow connection's account",
    )
    parser.add_argument("--json", action="store_true", help="write the result as JSON, for a program")


def run(arguments: Namespace, console: Console) -> int:
    """Check the file and show what was found.

    :param arguments: as `add_arguments` describes them.
    :param console: where the result goes; errors go to standard error.
    :return: 0 when every row can be contacted, 1 when some cannot, 2 when the file cannot be read or an argument
        is invalid.
    """
    from airflow_provider_tingting.campaigns.forecast import drift_text
    from airflow_provider_tingting.contacts.audience import check_audience
    from airflow_provider_tingting.contacts.estimate import summary_of
    from airflow_provider_tingting.contacts.message import clean_tags
    from airflow_provider_tingting.files.target import refuse_input

    # As the operators send them: `{ name }` is written `{name}`.
    arguments.message, arguments.sms_message = (
        clean_tags(text) if text else text for text in (arguments.message, arguments.sms_message)
    )
    try:
        if arguments.rejects is not None and not arguments.rejects.lower().endswith((".csv", ".xlsx")):
            raise TingTingConfigError("--rejects must end in .csv or .xlsx.")
        if arguments.rejects:
            read = [("FILE", arguments.file), *(("--exclude", path) for path in arguments.exclude)]
            refuse_input(_place(arguments.rejects), "--rejects", [(name, _place(path)) for name, path in read])
        options = _options(arguments)
        exclude = _exclusion(arguments)
        with (
            _rows(arguments, console) as rows,
            check_audience(rows, options, exclude=exclude) as audience,
        ):
            found = summary_of(audience, message=arguments.message, sms_message=arguments.sms_message)
            # The balance is left out, since the file alone does not show it.
            estimate = found.pop("credits")["estimate"]
            if arguments.conn_id is not None:
                found["drift"] = _drift(arguments, estimate, found["valid"])
            messages = list(_first_messages(audience, arguments))
            found["rejects_path"] = None
            if arguments.rejects and audience.invalid:
                audience.write_rejects(_place(arguments.rejects))
                found["rejects_path"] = arguments.rejects
    except TingTingError as error:
        from rich.console import Console as AnyConsole

        AnyConsole(stderr=True).print(
            f"tingting: {with_options(str(error))}", style="red", markup=False, highlight=False, soft_wrap=True
        )
        return CANNOT_BE_READ
    found["examples"], found["conflicts"] = audience.examples, audience.conflicts
    found["legacy_text"] = audience.legacy_text
    if arguments.json:
        print_json(console, found)
    else:
        _show(console, arguments, found)
        _list(console, "The first messages", messages)
        if warning := drift_text(found.get("drift")):
            console.print(f"{warning}.", style="yellow", markup=False, highlight=False, soft_wrap=True)
    return ALL_GOOD if found["valid"] and not found["invalid"] else SOME_ARE_NOT


def _drift(arguments: Namespace, estimate: float, contacts: int) -> dict[str, Any] | None:
    """Return how the last campaigns of the account differ from the estimate, or None when that is not known."""
    from airflow_provider_tingting.api import run_flow
    from airflow_provider_tingting.campaigns.forecast import drift_of
    from airflow_provider_tingting.campaigns.history import recent_campaigns
    from airflow_provider_tingting.cli.connections import connect

    texts = (("SMS", arguments.sms_message), ("PHONE", arguments.message or not arguments.sms_message))
    services = " & ".join(name for name, text in texts if text)
    with connect(arguments.conn_id) as client:
        return drift_of(run_flow(client, recent_campaigns(services)), estimate, contacts)


def _options(arguments: Namespace) -> AudienceOptions:
    from airflow_provider_tingting.contacts.audience import AudienceOptions
    from airflow_provider_tingting.contacts.message import tags_in

    where: dict[str, list[str]] = {}
    for column, value in _pairs(arguments.where, "--where", "COLUMN=VALUE"):
        where.setdefault(column, []).append(value)
    return AudienceOptions(
        number_column=arguments.number_column,
        variables=dict(_pairs(arguments.variable, "--variable", "TAG=COLUMN")) or None,
        constants=dict(_pairs(arguments.constant, "--constant", "TAG=VALUE")) or None,
        on_invalid="skip",
        required_tags=tags_in(arguments.message, arguments.sms_message),
        number_policy=arguments.number_policy,
        where=where or None,
        several_numbers=arguments.several_numbers,
    )


def _pairs(given: Iterable[str], option: str, shape: str) -> Iterator[tuple[str, str]]:
    for pair in given:
        name, equals, value = pair.partition("=")
        if not equals or not name.strip():
            raise TingTingConfigError(f"{option} is written as {shape}.")
        yield name.strip(), value


def _exclusion(arguments: Namespace) -> Exclusion:
    from airflow_provider_tingting.contacts.exclusion import Exclusion
    from airflow_provider_tingting.contacts.sources import read_rows

    exclusion = Exclusion(
        number_policy=arguments.number_policy,
        number_column=arguments.number_column,
        on_invalid=arguments.on_invalid_exclude,
        several_numbers=arguments.several_numbers,
    )
    for path in arguments.exclude:
        try:
            rows = read_rows(
                _place(path),
                encoding=arguments.encoding,
                may_be_empty=True,
                hidden_rows=arguments.hidden_rows,
                several_sheets=_SEVERAL_SHEETS,
            )
            exclusion.add(rows)
        except TingTingContactsError as error:
            raise TingTingContactsError(f"--exclude {path}: {str(error).removeprefix('exclude: ')}") from error
    return exclusion


def _place(path: str) -> Any:
    if "://" not in path:
        return Path(path)
    try:
        from upath import UPath

        found = UPath(path)
        # Only now does it check that it knows the storage.
        _ = found.fs
        return found
    except (ImportError, ValueError) as error:
        raise TingTingConfigError(f"{path} cannot be used: {error}. Give a path on this machine.") from error


@contextmanager
def _rows(arguments: Namespace, console: Console) -> Iterator[Iterable[Row]]:
    """Yield the file's rows, with a progress bar on a terminal."""
    from airflow_provider_tingting.contacts.sources import read_rows

    how = {
        "encoding": arguments.encoding,
        "delimiter": arguments.delimiter,
        "sheet": arguments.sheet,
        "hidden_rows": arguments.hidden_rows,
        "number_column": arguments.number_column,
    }
    path = _place(arguments.file)
    if not console.is_terminal or arguments.json:
        yield read_rows(path, **how)
        return
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        file = _Watched(path)
        task = progress.add_task("Reading", total=file.size())

        def watched(rows: Iterable[Row]) -> Iterator[Row]:
            for count, row in enumerate(rows, 1):
                if count % _STEP == 0:
                    progress.update(task, completed=file.position(), description=f"{count:,} rows")
                yield row

        yield watched(read_rows(file, **how))


class _Watched:
    """A file that reports how far it has been read."""

    def __init__(self, path: Any) -> None:
        self._path = path
        self._opened: Any = None
        self.name = path.name

    def __str__(self) -> str:
        return str(self._path)

    def open(self, mode: str) -> Any:
        self._opened = self._path.open(mode)
        return self._opened

    def stat(self) -> Any:
        return self._path.stat()

    def size(self) -> int | None:
        try:
            return int(self._path.stat().st_size)
        except OSError:
            return None

    def position(self) -> int | None:
        try:
            return int(self._opened.tell())
        except (OSError, ValueError):
            return None


def _show(console: Console, arguments: Namespace, found: dict[str, Any]) -> None:
    from rich.table import Table
    from rich.text import Text

    from airflow_provider_tingting.contacts.validated_audience import reason_text

    name = Path(arguments.file).name
    rows = Table(title=f"{name}: {counted(found['total'], 'row')}", title_justify="left", show_header=False)
    rows.add_column()
    rows.add_column(justify="right")
    rows.add_column(style="dim")
    rows.add_row(Text("can be contacted", "green"), f"{found['valid']:,}", _listed(found["carriers"]))
    for reason, count in found["reasons"].items():
        rows.add_row(Text(reason, "red"), f"{count:,}", Text(with_options(reason_text(reason))))
    conflicting = f"{found['conflicting']:,} of them with other variables" if found["conflicting"] else ""
    for label, count, note in (
        ("repeat an earlier row", found["duplicates"], conflicting),
        ("are excluded", found["excluded"], ""),
        ("left out by --where", found["filtered_out"], "not counted above"),
    ):
        if count:
            rows.add_row(Text(label, "yellow"), f"{count:,}", note)
    console.print(rows)
    for tag, filled in found["tags"].items():
        blank = f", blank in {filled['blank']:,}" if filled["blank"] else ""
        console.print(Text(f"{{{tag}}} is filled in {counted(filled['filled'], 'row')}{blank}"))
    console.print(*_size(found), sep="\n", markup=False, highlight=False)
    _list(
        console, "Bad rows" if found["invalid"] <= len(found["examples"]) else "The first bad rows", found["examples"]
    )
    _list(console, "Other variables for the same number", found["conflicts"])
    for variable, count in found["legacy_text"].items():
        console.print(
            f"{variable}: {counted(count, 'value')} in a legacy Nepali font such as Preeti, spoken as nonsense",
            style="yellow",
            markup=False,
            highlight=False,
        )
    if found["rejects_path"]:
        console.print(f"The bad rows are in {found['rejects_path']}", markup=False, highlight=False, soft_wrap=True)


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.items())


def _first_messages(audience: ValidatedAudience, arguments: Namespace) -> Iterator[str]:
    """Yield the first messages as they are spoken and sent, so that a person sees what the variables hold."""
    from airflow_provider_tingting.contacts.message import fill

    texts = [("call", arguments.message), ("SMS", arguments.sms_message)]
    for contact in islice(audience.contacts(), _SHOWN_MESSAGES):
        for channel, text in texts:
            if text:
                yield f"{mask_number(contact.number)} {channel}: {mask_text(fill(text, contact.variables))}"


def _size(found: dict[str, Any]) -> Iterator[str]:
    if found["calls"]:
        yield counted(found["calls"], "call")
    if sms := found["sms"]:
        unicode = f"; {sms['unicode']:,} in Unicode, 70 characters a part" if sms["unicode"] else ""
        yield f"{sms['messages']:,} SMS in {counted(sms['parts'], 'part')}, at most {sms['most_parts']} each{unicode}"


def _list(console: Console, title: str, sentences: Sequence[str]) -> None:
    if sentences:
        console.print(f"\n{title}:", markup=False)
    for sentence in sentences:
        console.print(f"  {with_options(sentence)}", markup=False, highlight=False, soft_wrap=True)
