"""JSON lines, parquet, Python values, and files that cannot be opened."""

from __future__ import annotations

import gzip
import io
import json
import os
import socket
import sys
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from upath import UPath

from airflow_provider_tingting.contacts.contact import Place
from airflow_provider_tingting.contacts.sources import Row, read_rows, source_file
from airflow_provider_tingting.errors import TingTingConfigError, TingTingContactsError, TingTingSourceError


def refusal(source: object) -> str:
    with pytest.raises(TingTingContactsError) as caught:
        list(read_rows(source))
    return str(caught.value)


def test_json_lines_may_be_flat_api_shaped_or_bare(tmp_path: Path) -> None:
    path = tmp_path / "people.jsonl"
    lines = [
        '{"number": "9841234567", "name": "राम"}',
        "",
        '{"number": 9841234568, "other_variables": {"age": 5}}',
        "9841234569",
        '{"number": 9.84E+09}',
    ]
    path.write_text("\n".join(lines), "utf-8")
    rows = list(read_rows(path))
    assert [row.place.row for row in rows] == [1, 3, 4, 5]
    assert [row.values for row in rows] == [
        {"number": "9841234567", "name": "राम"},
        {"number": 9841234568, "other_variables": {"age": 5}},
        {"number": 9841234569},
        {"number": "9.84E+09"},
    ]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"number": "98', "row 2: this line is not JSON"),
        ("[1, 2]", "row 2 is a list"),
        ("true", "row 2 is a bool"),
        ("[" * 100_000, "row 2: this line is not JSON"),
        ('{"number": "1", "other_variables": 5}', "row 2: other_variables must be a dict"),
        ('{"number": "1", "other_variables": {}, "name": "x"}', "has other_variables and also 'name'"),
    ],
)
def test_a_wrong_line_of_json_is_named(tmp_path: Path, line: str, said: str) -> None:
    path = tmp_path / "people.jsonl"
    path.write_text(f'{{"number": "9841234567"}}\n{line}\n', "utf-8")
    assert said in refusal(path)


def test_json_in_another_encoding_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "people.jsonl"
    path.write_bytes('{"number": "9841234567", "name": "José"}\n'.encode("cp1252"))
    assert "bytes that are not UTF-8" in refusal(path)
    assert [row.values["name"] for row in read_rows(path, encoding="cp1252")] == ["José"]


def test_parquet_is_read_in_batches(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    table = pyarrow.table(
        {"number": [9841234567, 9841234568], "name": ["राम", None], "due": [datetime(2025, 7, 8), None]}
    )
    parquet.write_table(table, tmp_path / "people.parquet")
    packed = tmp_path / "people.parquet.gz"
    packed.write_bytes(gzip.compress((tmp_path / "people.parquet").read_bytes()))
    for path in (tmp_path / "people.parquet", packed):
        rows = list(read_rows(path))
        assert [row.place for row in rows] == [Place(path.name, 1), Place(path.name, 2)]
        assert rows[0].values == {"number": 9841234567, "name": "राम", "due": datetime(2025, 7, 8)}
        assert rows[1].columns == ("number", "name", "due")


def test_a_parquet_file_that_is_none_or_empty_is_refused(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "people.parquet"
    path.write_bytes(b"number,name\n")
    assert "not a parquet file" in refusal(path)
    parquet.write_table(pyarrow.table({"number": pyarrow.array([], pyarrow.int64())}), path)
    assert "is empty" in refusal(path)


def test_without_pyarrow_parquet_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    (tmp_path / "people.parquet").write_bytes(b"")

    with pytest.raises(TingTingConfigError, match=r"people\.parquet needs pyarrow.* Run: pip install 'pyarrow>="):
        list(read_rows(tmp_path / "people.parquet"))


def test_python_values_are_rows_in_three_shapes() -> None:
    given = [
        "9841234567",
        9841234568,
        {"number": "9841234569", "name": "राम"},
        {"number": 9841234560, "other_variables": {"number": 5}},
        {"number": "9841234561", "other_variables": None},
        Row(Place("a query", 7), {"phone": "9841234562"}, ("phone",)),
    ]
    rows = list(read_rows(iter(given)))
    assert [row.values for row in rows] == [
        {"number": "9841234567"},
        {"number": 9841234568},
        {"number": "9841234569", "name": "राम"},
        {"number": 9841234560, "other_variables": {"number": 5}},
        {"number": "9841234561", "other_variables": {}},
        {"phone": "9841234562"},
    ]
    assert str(rows[1].place) == "the given contacts, row 2"
    assert str(rows[5].place) == "a query, row 7"


def test_python_values_are_read_one_by_one() -> None:
    read = []

    def people() -> Any:
        for number in range(9841234567, 9841234600):
            read.append(number)
            yield number

    rows = read_rows(people())
    next(rows)
    next(rows)
    assert len(read) == 2


@pytest.mark.parametrize("item", [None, ["9841234567"], True, b"9841234567", object()])
def test_an_item_of_another_kind_is_named_by_its_place(item: object) -> None:
    assert "the given contacts, row 2 is a" in refusal(["9841234567", item])


class Frame:
    """Looks like a data frame, which iterates over its column names."""

    columns = ("number",)

    def to_dict(self) -> None: ...

    def __iter__(self) -> Any:
        return iter(self.columns)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (None, "from a NoneType"),
        (9841234567, "from a int"),
        ({"number": "9841234567"}, "from a dict"),
        (b"people.csv", "from a bytes"),
        (Frame(), "to_dict"),
        ("s3://bucket/people.csv", "ObjectStoragePath('s3://bucket/people.csv')"),
    ],
)
def test_what_is_no_source_is_an_error_in_the_argument(source: object, said: str) -> None:
    with pytest.raises(TingTingConfigError) as caught:
        list(read_rows(source))
    assert said in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    for path in (tmp_path / "people.csv", str(tmp_path / "people.csv")):
        with pytest.raises(TingTingSourceError, match=f"no file {path} on the machine {socket.gethostname()}.*shared"):
            list(read_rows(path))


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "people.csv").mkdir()
    assert "Is a directory. Add a file name" in refusal(tmp_path / "people.csv")


class Elsewhere:
    """A file on a storage that answers in its own way."""

    name = "people.csv"

    def __init__(self, error: Exception) -> None:
        self._error = error

    def __str__(self) -> str:
        return "s3://bucket/people.csv"

    def open(self, mode: str) -> Any:
        raise self._error


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (PermissionError(13, "Permission denied"), "s3://bucket/people.csv cannot be read: Permission denied"),
        (FileNotFoundError("gone"), "s3://bucket/people.csv cannot be read: gone. Check the path"),
    ],
)
def test_a_storage_that_refuses_is_reported_in_one_sentence(error: Exception, said: str) -> None:
    assert said in refusal(Elsewhere(error))


def test_a_storage_that_fails_is_an_error_that_a_retry_may_cure() -> None:
    with pytest.raises(TingTingSourceError, match=r"s3://bucket/people.csv cannot be read: Input/output error"):
        list(read_rows(Elsewhere(OSError(5, "Input/output error"))))


def test_an_unknown_ending_names_the_known_ones(tmp_path: Path) -> None:
    (tmp_path / "people.ods").write_bytes(b"")
    said = refusal(tmp_path / "people.ods")
    assert "no known format" in said
    assert ".xlsx" in said


@pytest.mark.parametrize("cut", [5, 30])
def test_a_packed_file_that_is_cut_off_is_refused(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "people.csv.gz"
    path.write_bytes(gzip.compress(b"number\n" + b"9841234567\n" * 100)[:cut])
    assert "is not a whole gzip file" in refusal(path)
    path.write_bytes(b"number\n9841234567\n")
    assert "is not a whole gzip file" in refusal(path)


def test_an_unpacked_bomb_stops_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_file, "LARGEST_UNPACKED", 1024 * 1024)
    path = tmp_path / "people.xlsx.gz"
    path.write_bytes(gzip.compress(bytes(4_000_000)))
    assert "is larger than" in refusal(path)


@pytest.mark.parametrize("name", ["people.csv.gz", "people.jsonl.gz"])
def test_a_line_that_never_ends_does_not_fill_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(source_file, "LONGEST_LINE", 100_000)
    path = tmp_path / name
    with gzip.open(path, "wt") as packed:
        packed.write('{"number": "9841234567"}\n' if "jsonl" in name else "number,name\n9841234567,x\n")
        packed.write("a," * 10_000_000)
    said = refusal(path)
    assert "is longer than 100,000 characters" in said
    assert len(said) < 300


def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text("number\n" + "9841234567\n" * 100_000)
    rows = read_rows(path)
    next(rows)
    with path.open("a") as more:
        more.write("9841234568\n")
    with pytest.raises(TingTingSourceError, match="changed while it was read"):
        list(rows)


@pytest.mark.parametrize("change", ["rewritten", "replaced"])
def test_a_file_that_changes_between_two_passes_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    """The separator and the encoding are found in a first pass, the rows read in a second."""
    path = tmp_path / "people.csv"
    path.write_text("number;name\n9841234567;x\n")
    opened = []
    real_open = Path.open

    def open_and_change(self: Path, *arguments: Any, **named: Any) -> Any:
        if self == path and opened:
            other = tmp_path / "other.csv"
            other.write_bytes(b"number,name\n9841234568,y\n" if change == "replaced" else b"number;name\n")
            other.replace(path)
        opened.append(self)
        return real_open(self, *arguments, **named)

    monkeypatch.setattr(Path, "open", open_and_change)
    with pytest.raises(TingTingSourceError, match=r"changed while it was read"):
        list(read_rows(path))
    assert len([one for one in opened if one == path]) == 2


def test_a_stored_object_that_changes_between_two_passes_is_refused() -> None:
    class Stored(Elsewhere):
        size = 100

        def open(self, mode: str) -> Any:
            return io.BytesIO(b"number\n9841234567\n")

        def stat(self) -> Any:
            self.size += 1
            return SimpleNamespace(st_size=self.size)

    with pytest.raises(TingTingSourceError, match="changed while it was read"):
        list(read_rows(Stored(OSError())))


def test_object_storage_of_airflow_is_read_in_every_format(tmp_path: Path) -> None:
    try:
        from airflow.sdk import ObjectStoragePath
    except ImportError:
        from airflow.io.path import ObjectStoragePath
    from openpyxl import Workbook

    (tmp_path / "people.csv").write_text("number\n9841234567\n")
    (tmp_path / "people.csv.gz").write_bytes(gzip.compress(b"number\n9841234567\n"))
    (tmp_path / "people.jsonl").write_text(json.dumps({"number": "9841234567"}))
    book = Workbook()
    book.active.append(("number",))  # type: ignore[union-attr]
    book.active.append(("9841234567",))  # type: ignore[union-attr]
    book.save(tmp_path / "people.xlsx")
    for name in ("people.csv", "people.csv.gz", "people.jsonl", "people.xlsx"):
        (row,) = read_rows(ObjectStoragePath(f"file://{tmp_path}/{name}"))
        assert row.values == {"number": "9841234567"}
        assert row.place.source == name
    with pytest.raises(TingTingSourceError, match="There is no file"):
        list(read_rows(ObjectStoragePath(f"file://{tmp_path}/missing.csv")))


@pytest.mark.timeout(120)
def test_a_pipe_is_refused_instead_of_being_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    os.mkfifo(path)

    for source in (path, str(path), UPath(f"file://{path}")):
        assert "is a pipe or a device" in refusal(source)


def test_the_lock_file_of_an_open_workbook_is_named_as_such(tmp_path: Path) -> None:
    path = tmp_path / "~$people.xlsx"
    path.write_bytes(b"\x05Sita" + bytes(160))

    assert "is the lock file" in refusal(path)
    assert "'people.xlsx'" in refusal(path)


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    ("filling", "reason"),
    [
        (b"\n" * 1024**2, "more than 2,000,000 blank lines"),
        ((b" " * 1023 + b"\n") * 1024, "is packed more than 200 times"),
    ],
    ids=["line ends", "spaces"],
)
def test_a_packed_file_that_grows_without_measure_is_refused(tmp_path: Path, filling: bytes, reason: str) -> None:
    path = tmp_path / "people.csv.gz"
    with gzip.open(path, "wb", compresslevel=9) as file:
        file.write(b"number\n9841234501\n")
        for _ in range(70):
            file.write(filling)

    assert reason in refusal(path)


@pytest.mark.parametrize("name", ["people.csv", "people.jsonl", "people.parquet", "people.csv.gz", None])
def test_a_sheet_of_what_is_no_workbook_is_refused(tmp_path: Path, name: str | None) -> None:
    with pytest.raises(TingTingConfigError, match=f"sheet='East' is given, and .*{name or 'a list'} is not a workbook"):
        read_rows(tmp_path / name if name else ["9841234567"], sheet="East")


@pytest.mark.parametrize("name", ["people.xlsx", "people.jsonl", "people.parquet", None])
def test_a_delimiter_of_what_is_no_text_file_is_refused(tmp_path: Path, name: str | None) -> None:
    with pytest.raises(
        TingTingConfigError, match=f"delimiter=';' is given, and .*{name or 'a list'} is not a text file"
    ):
        read_rows(tmp_path / name if name else ["9841234567"], delimiter=";")
