"""`contacts check` from a shell: a table for people, JSON for programs, an exit code for both."""

from __future__ import annotations

import argparse
import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console
from support.campaigns import a_campaign
from support.docs_pages import DOCS, blocks

from airflow_provider_tingting.cli import contacts_check

MESSY = """Phone No.,Householder,Ward
+977 984-1234567,राम,7
9841234568,सीता,7
984123,Hari,7
01-4412345,Gita,8
9841234567,Ram,8
9.84E+09,Maya,8
9851234567,,9
9861234567,Gopal,9
"""


@pytest.fixture
def messy(tmp_path):
    path = tmp_path / "people.csv"
    path.write_text(MESSY, encoding="utf-8")
    return str(path)


def run(*arguments, terminal=False, width=120):
    """The exit code and what was written."""
    parser = argparse.ArgumentParser()
    contacts_check.add_arguments(parser)
    written = io.StringIO()
    console = Console(file=written, width=width, force_terminal=terminal, color_system=None)
    code = contacts_check.run(parser.parse_args([str(argument) for argument in arguments]), console)
    return code, written.getvalue()


def test_a_messy_file_is_shown_in_a_table(messy):
    code, said = run(messy, "--message", "Hi {name}", "--variable", "name=householder", "--sms-message", "{name} जी")

    assert code == 1
    for part in (
        "people.csv: 8 rows",
        "can be contacted",
        "NTC 3",
        "lost_digits",
        "1 of them with other variables",
        "{name} is filled in 4 rows, blank in 1",
        "3 calls",
        "3 SMS in 3 parts, at most 1 each; 3 in Unicode",
        "people.csv, row 5: 01*****45 is a landline",
        "people.csv, row 6: 98******67 came before with other variables",
    ):
        assert part in said
    assert [secret for secret in ("9841234567", "984-1234567", "Hari", "Maya") if secret in said] == []


def test_the_first_messages_are_shown_as_they_are_spoken_and_sent(messy):
    _, said = run(messy, "--message", "Hi { name }", "--variable", "name=householder", "--sms-message", "{name} जी")

    assert (
        "The first messages:\n  98******67 call: Hi राम\n  98******67 SMS: राम जी\n  98******68 call: Hi सीता" in said
    )


def test_numbers_in_the_texts_of_the_first_messages_are_masked(tmp_path):
    (tmp_path / "list.csv").write_text("number,name,office\n9841234567,Sita,Ph.984-9876543\n", "utf-8")
    _, said = run(tmp_path / "list.csv", "--message", "Na {name}, call {office} or 9851112233")

    assert "98******67 call: Na Sita, call Ph.98******43 or 98******33" in said


def test_text_of_a_legacy_font_is_named(tmp_path):
    path = tmp_path / "people.csv"
    path.write_text("number,name\n9841234501,/fd axfb'/\n", encoding="utf-8")

    _, said = run(path, "--message", "Hi {name}")

    assert "name: 1 value in a legacy Nepali font such as Preeti" in said


def test_a_list_to_leave_out_is_refused_for_an_entry_that_cannot_be_read(messy, tmp_path, capsys):
    excluded = tmp_path / "do_not_call.csv"
    excluded.write_text("number\n9861234567\n9.86E+09\n")

    assert run(messy, "--exclude", excluded)[0] == 2
    assert "do_not_call.csv, row 3" in capsys.readouterr().err
    assert run(messy, "--exclude", excluded, "--on-invalid-exclude", "skip")[0] == 1


def test_the_docs_show_what_is_shown(tmp_path):
    [shown] = [
        block.code for block in blocks(DOCS / "check-contacts.md", "text") if block.code.startswith("ward_7.csv")
    ]
    path = tmp_path / "ward_7.csv"
    rows = ["9841234501,सीता", "9851234502,Ram", "9761234503,Hari", "984123,Gita", "01-4412345,Office", "9841234504,"]
    path.write_text("\n".join(["number,tags_name", *rows, "9841234501,Sita", "9861234505,Maya"]), encoding="utf-8")
    excluded = tmp_path / "do_not_call.csv"
    excluded.write_text("number\n9861234505\n")

    _, said = run(
        path, "--message", "Hi {tags_name}", "--sms-message", "नमस्ते {tags_name}", "--exclude", excluded, width=84
    )

    said = "".join(f"{line.rstrip()}\n" for line in said.splitlines())
    assert said.startswith(shown)


def test_a_good_file_is_zero(tmp_path):
    path = tmp_path / "people.jsonl"
    path.write_text('"9841234501"\n{"phone": "9841234502"}\n')

    code, said = run(path)

    assert code == 0
    assert "Bad rows" not in said


def test_a_program_gets_json(messy, tmp_path):
    do_not_call = tmp_path / "do_not_call.csv"
    do_not_call.write_text("number\n9841234568\n")
    rejects = tmp_path / "rejects.csv"

    code, said = run(
        messy,
        *("--json", "--exclude", do_not_call, "--rejects", rejects, "--constant", "city=Pokhara"),
        *("--where", "Ward=7", "--where", "Ward=8", "--sms-message", "{city}"),
    )

    found = json.loads(said)
    assert code == 1
    assert found["reasons"] == {"too_short": 1, "landline": 1, "lost_digits": 1}
    assert {name: found[name] for name in ("total", "valid", "invalid", "duplicates", "excluded", "filtered_out")} == {
        "total": 6,
        "valid": 1,
        "invalid": 3,
        "duplicates": 1,
        "excluded": 1,
        "filtered_out": 2,
    }
    assert (found["calls"], found["sms"]["parts"]) == (0, 1)
    assert found["rejects_path"] == str(rejects)
    with rejects.open(encoding="utf-8-sig", newline="") as file:
        assert [row["Householder"] for row in csv.DictReader(file)] == ["Hari", "Gita", "Maya"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["gone.csv"], "There is no file"),
        (["FILE", "--exclude", "gone.csv"], "There is no file"),
        (["FILE", "--message", "{nmae}"], "people.csv has no column of that name"),
        (["FILE", "--number-column", "Fax"], "no column 'Fax'"),
        (["FILE", "--where", "Ward"], "--where is written as COLUMN=VALUE"),
        (["FILE", "--delimiter", ";;"], "delimiter is the one character"),
        (["FILE", "--encoding", "klingon"], "--encoding klingon is not known"),
        (["FILE", "--rejects", "rejects.pdf"], ".csv or .xlsx"),
        (["nowhere://bucket/people.csv"], "nowhere://bucket/people.csv cannot be used"),
    ],
)
def test_what_cannot_be_read_or_meant_is_two(messy, capsys, arguments, says):
    code, said = run(*(messy if argument == "FILE" else argument for argument in arguments))

    assert (code, said) == (2, "")
    assert says in capsys.readouterr().err


def test_a_contact_who_watches_sees_how_far_it_is(tmp_path):
    path = tmp_path / "people.csv"
    path.write_text("number\n" + "".join(f"98412{row:05}\n" for row in range(1, 30_000)))

    _, said = run(path, terminal=True)
    _, in_a_log = run(path)

    assert "rows" in said
    assert "%" in said
    assert "%" not in in_a_log
    assert "29,999" in in_a_log


def test_a_stored_file_is_read(tmp_path):
    fsspec = pytest.importorskip("fsspec")
    with fsspec.filesystem("memory").open("/people.csv", "w") as file:
        file.write("number\n9841234501\n")

    assert run("memory://people.csv")[0] == 0


def test_it_needs_no_airflow(messy):
    program = f"""
import argparse, sys
from rich.console import Console
from airflow_provider_tingting.cli import contacts_check
parser = argparse.ArgumentParser()
contacts_check.add_arguments(parser)
assert not {{"openpyxl", "phonenumbers", "pyarrow"}} & set(sys.modules)
contacts_check.run(parser.parse_args([{messy!r}]), Console(quiet=True))
print([name for name in sys.modules if name.partition(".")[0] == "airflow"])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("read", ["FILE", "--exclude"])
def test_rejects_are_not_written_over_a_file_that_is_read(messy, tmp_path, capsys, read):
    listed = tmp_path / "listed.csv"
    listed.write_text("number\n9861234567\n", encoding="utf-8")
    written = {"FILE": messy, "--exclude": str(listed)}[read]

    code, _ = run(messy, "--exclude", listed, "--rejects", written)

    assert code == contacts_check.CANNOT_BE_READ
    assert f"--rejects and {read} are the same file" in capsys.readouterr().err
    assert Path(messy).read_text(encoding="utf-8") == MESSY
    assert listed.read_text(encoding="utf-8") == "number\n9861234567\n"


def test_rejects_may_go_to_a_storage(messy):
    from upath import UPath

    rejects = UPath("memory://checked/rejects.csv")

    code, said = run(messy, "--rejects", rejects)

    assert code == 1
    assert "people.csv: 8 rows" in said
    assert len(rejects.read_text(encoding="utf-8-sig").splitlines()) == 4


@pytest.mark.parametrize("outcome", ["completed", "failed"])
def test_with_a_connection_it_warns_when_the_last_campaigns_cost_another_price(
    sandbox, tingting_conn, tmp_path, outcome
):
    numbers = [f"98412{number:05d}" for number in range(30)]
    # A text of this length takes the sandbox three credits a call; a call that fails costs nothing.
    campaign = a_campaign(sandbox, numbers, outcome=outcome, message="नमस्कार " * 150)
    sandbox.world.run_campaign(campaign)
    sandbox.play_out()
    path = tmp_path / "people.csv"
    path.write_text("number\n" + "\n".join(numbers), encoding="utf-8")

    code, said = run(path, "--message", "Hi", "--conn-id", "tingting_default", width=300)

    assert code == 0
    assert f"The last campaigns ({campaign}) spent" in said
    assert "a contact, and the estimate assumes 1: correct credits_per_call" in said


def test_a_connection_that_does_not_exist_is_named(tmp_path, capsys):
    path = tmp_path / "people.csv"
    path.write_text("number\n9841234567\n", encoding="utf-8")

    assert run(path, "--conn-id", "no_such_connection")[0] == 2
    assert "no_such_connection" in capsys.readouterr().err
