"""In a shell an error names the option to give, not the argument of an operator."""

from __future__ import annotations

import pytest
from openpyxl import Workbook

from airflow_provider_tingting.cli.commands import main


@pytest.fixture
def two_sheets(tmp_path):
    book = Workbook()
    book.active.title = "वडा ७"
    book.active.append(["Mobile", "Name"])
    book.active.append(["+91 98412 34567", "राम"])
    book.create_sheet("Others").append(["Mobile"])
    path = tmp_path / "people.xlsx"
    book.save(path)
    return str(path)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "for example --sheet 'वडा ७'."),
        (("--sheet", "वडा ७", "--message", "Hi {tags_name}"), "pass --variable tags_name=Name or correct the message"),
        (("--sheet", "वडा ७", "--message", "Hi {other}"), "name the variable's column with --variable."),
    ],
)
def test_a_remedy_names_options_instead_of_arguments(two_sheets, capsys, arguments, says):
    main(["contacts", "check", two_sheets, *arguments])

    shown = capsys.readouterr()
    assert says in shown.err
    assert "='" not in shown.err and "variables=" not in shown.err


@pytest.mark.parametrize("pair", ["tag", "=Name"])
def test_a_pair_without_its_two_sides_names_the_option(two_sheets, capsys, pair):
    assert main(["contacts", "check", two_sheets, "--sheet", "वडा ७", f"--variable={pair}"]) == 2

    assert "--variable is written as TAG=COLUMN." in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--variable", "--delimiter"])
def test_two_dashes_as_a_value_are_refused_on_every_python(two_sheets, capsys, option):
    with pytest.raises(SystemExit) as ended:
        main(["contacts", "check", two_sheets, f"{option}=--"])

    assert ended.value.code == 2
    assert f"argument {option}: the value '--' is not allowed" in capsys.readouterr().err


def test_a_list_of_people_to_leave_out_with_two_sheets_is_to_be_saved_apart(two_sheets, tmp_path, capsys):
    path = tmp_path / "people.csv"
    path.write_text("9841234567\n")
    assert main(["contacts", "check", str(path), "--exclude", two_sheets]) == 2

    shown = capsys.readouterr().err
    assert f"--exclude {two_sheets}: " in shown
    assert "Save the one that is meant as a file of its own." in shown
    assert "--sheet" not in shown


def test_a_bad_row_names_the_option_that_would_take_it(two_sheets, capsys):
    assert main(["contacts", "check", two_sheets, "--sheet", "वडा ७"]) == 1

    shown = capsys.readouterr().out
    assert "--number-policy as_is" in shown
    assert "number_policy=" not in shown


@pytest.mark.parametrize(
    ("file", "options", "says"),
    [
        ("people.csv", ("--sheet", "East"), "--sheet East is given, and"),
        ("people.jsonl", ("--delimiter", ";"), "--delimiter ';' is given, and"),
    ],
    ids=["sheet", "delimiter"],
)
def test_an_option_that_does_not_fit_the_file_is_named(tmp_path, capsys, file, options, says):
    (tmp_path / file).write_text("9841234567\n")

    assert main(["contacts", "check", str(tmp_path / file), *options]) == 2
    assert says in capsys.readouterr().err
