"""The files that the sandbox sends: reports byte by byte, their names, previews."""

from __future__ import annotations

import ast
import csv
import io
import math

import pytest
import requests

from airflow_provider_tingting.sandbox.routes.downloads import FRAME_BYTES, FRAME_SECONDS, silent_mp3


def finished(box, api):
    for position, ending in enumerate(("completed", "hungup", "unanswered", "failed")):
        box.world.script_outcome(str(9841000000 + position), ending)
    campaign_id = api.create(
        name="खोप", message='Namaste {name},\n"welcome", thank you', description="one, two", voice=3
    )
    rows = [
        {"number": str(9841000000 + position), "other_variables": {"name": name, "age": 30 + position}}
        for position, name in enumerate(("Sita", "O'Brien", "राम", 'say "hi"'))
    ]
    api.post(f"campaign/{campaign_id}/add-contact/", json={"contacts": rows})
    api.run(campaign_id)
    box.play_out()
    return campaign_id, rows


def test_the_report_is_byte_for_byte_the_known_layout(box, api):
    campaign_id, _ = finished(box, api)
    lines = api.get(f"download/{campaign_id}/report/").content.split(b"\r\n")

    spent = box.world.campaign(campaign_id).spent
    assert lines[:15] == [
        "Campaign Name,खोप".encode(),
        b"Services,PHONE",
        b'Message,"Namaste {name},\n""welcome"", thank you"',
        b'Description,"one, two"',
        b"Status,Completed",
        b'""',
        b"Total Numbers,4",
        b"Not Started,0.00%,0",
        b"Completed,100.00%,4",
        b'""',
        b"Success Rate,50.00%,2",
        b"Failure Rate,50.00%,2",
        f"Total Credit Consumed,{spent}".encode(),
        b'""',
        b"Number,Status,Duration (Seconds),Playback (%),Credit Consumed,Other Info,Action Date,Carrier",
    ]
    assert lines[15].startswith(b"9841000000,completed,")
    assert lines[-1] == b""
    assert len(lines) == 20


def test_every_row_has_the_outcome_and_the_variables_as_a_python_dict(box, api):
    campaign_id, sent = finished(box, api)
    text = api.get(f"download/{campaign_id}/report/").content.decode()
    rows = list(csv.DictReader(io.StringIO(text[text.index("Number,Status") :], newline="")))

    assert [ast.literal_eval(row["Other Info"]) for row in rows] == [row["other_variables"] for row in sent]
    assert [row["Status"] for row in rows] == ["completed", "hungup", "unanswered", "failed"]
    assert rows[0]["Playback (%)"] == "100"
    assert [row["Playback (%)"] for row in rows[2:]] == ["", ""]
    assert sum(int(row["Credit Consumed"]) for row in rows) == box.world.campaign(campaign_id).spent
    assert {row["Carrier"] for row in rows} == {"NTC"}
    assert all(len(row["Action Date"]) == len("2025-07-07 14:00:00") for row in rows)


def test_both_paths_send_the_same_report_with_its_length(box, api):
    campaign_id, _ = finished(box, api)
    one, other = api.get(f"download/{campaign_id}/report/"), api.get(f"download/report/{campaign_id}/")

    assert one.content == other.content
    assert int(one.headers["content-length"]) == len(one.content)
    assert one.headers["content-type"] == "text/csv; charset=utf-8"


@pytest.mark.parametrize(
    ("name", "sent"),
    [
        ("खोप", "खोप.csv"),
        ("../../etc/passwd", "../../etc/passwd.csv"),
        ("two\r\nlines", "two  lines.csv"),
        ('quo"ted', "quo ted.csv"),
        ("\u200b", "report.csv"),
    ],
)
def test_the_file_is_named_after_the_campaign_as_it_is(api, name, sent):
    campaign_id = api.create(name=name)
    response = api.get(f"download/{campaign_id}/report/")

    assert response.status_code == 200
    disposition = response.headers["content-disposition"].encode("latin-1").decode()
    assert disposition == f'attachment; filename="{sent}"'


def test_a_report_before_the_run_has_each_contact_not_started(api):
    text = api.get(f"download/{api.create(2)}/report/").text
    assert "Not Started,100.00%,2" in text
    assert "9841000000,not started,0,,0,{'name': 'Sita'},,NTC\r\n" in text


def test_a_survey_comes_as_csv_or_json(api):
    as_json = api.get("download/survey/12/report/?format=json").json()
    as_csv = api.get("download/survey/12/report/").content.decode()

    assert as_csv.startswith("number,question,answer,answered_at\r\n")
    assert len(as_json) == as_csv.count("\r\n") - 1 == 3


@pytest.mark.parametrize("seconds", [0, 0.5, 3, 61])
def test_the_preview_is_a_real_mp3_of_that_length(seconds):
    content = silent_mp3(seconds)
    frames = [content[at : at + FRAME_BYTES] for at in range(0, len(content), FRAME_BYTES)]

    assert all(frame[:4] == b"\xff\xfb\x10\xc4" and len(frame) == FRAME_BYTES for frame in frames)
    assert len(frames) == max(1, math.ceil(seconds / FRAME_SECONDS))


def test_a_preview_that_was_never_made_does_not_exist(box):
    assert requests.get(f"{box.root_url}output/{'0' * 32}.mp3", timeout=60).status_code == 404


def test_a_preview_with_a_voice_that_does_not_exist_is_refused(api):
    response = api.post(f"test-speak/riri/{api.create()}/", json={"voice_input": 9, "message": "x"})
    assert (response.status_code, list(response.json())) == (400, ["voice_input"])
