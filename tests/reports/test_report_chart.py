"""The page with a campaign's charts."""

from __future__ import annotations

import io
import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest

from airflow_provider_tingting.errors import TingTingConfigError, TingTingReportError, TingTingStorageRefusedError
from airflow_provider_tingting.reports.chart import ChartFigures, write_chart
from airflow_provider_tingting.reports.parser import open_report

pytest.importorskip("matplotlib")

HEADER = "Number,Status,Duration (Seconds),Playback (%),Credit Consumed,Other Info,Action Date,Carrier\n"
REPORT = HEADER + "".join(
    f"{number},{rest}\n"
    for number, rest in [
        ("9841000001", "Completed,30,100,2,{},2026-11-23 10:00:00,NTC"),
        ("9841000002", "Completed,28,91,2,{},2026-11-23 10:05:00,NTC"),
        ("9801000003", "Hungup,5,20,1,{},2026-11-23 10:01:00,Ncell"),
        ("9801000004", "Unanswered,20,0,0,{},2026-11-23 10:02:00,Ncell"),
        ("9801000005", "Failed,0,,0,{},2026-11-23 10:03:00,Ncell"),
        ("9841000006", "Terminated,0,,0,{},,NTC"),
        ("9841000007", "Terminated,3,,0.5,{},2026-11-23 10:04:00,NTC"),
        ("9841000008", "Not Started,0,,0,{},,"),
    ]
)


def report_of(body: str):
    return open_report(io.BytesIO(body.encode()))


def test_half_a_character_or_a_number_in_the_name_is_replaced(tmp_path: Path) -> None:
    drawn = page(REPORT, tmp_path, title="Water \ud83d for 9841234567")

    assert '<h1 dir="auto">Water ? for 98******67</h1>' in drawn


def test_a_number_in_the_wrong_column_is_not_on_the_page(tmp_path: Path) -> None:
    drawn = page(HEADER + "9841000001,Lost 9841000002,0,,1,{},,9841000003\n", tmp_path)

    assert "98410000" not in drawn


def page(body: str, tmp_path: Path, **changes: str) -> str:
    write_chart(report_of(body), tmp_path / "page.html", **{"title": "Water", **changes})
    return (tmp_path / "page.html").read_text(encoding="utf-8")


def test_the_bars_get_shorter_from_step_to_step() -> None:
    figures = ChartFigures.of(report_of(REPORT))

    assert (figures.summary.contacts, figures.dialled, figures.answered, figures.heard) == (8, 6, 3, 2)


def test_carriers_playback_durations_credits_and_dates_are_counted() -> None:
    figures = ChartFigures.of(report_of(REPORT))

    assert dict(figures.carriers) == {"NTC": (2, 2, 0), "Ncell": (1, 2, 0), "other": (0, 0, 1)}
    assert {percent: times for percent, times in enumerate(figures.playback) if times} == {20: 1, 91: 1, 100: 1}
    assert {seconds: times for seconds, times in enumerate(figures.durations) if times} == {5: 1, 28: 1, 30: 1}
    assert dict(figures.credits) == {"completed": 4.0, "hungup": 1.0, "terminated": 0.5}
    assert figures.first is not None and figures.last is not None
    assert (f"{figures.first:%H:%M %z}", f"{figures.last:%H:%M}") == ("10:00 +0545", "10:05")


def test_many_carriers_and_statuses_become_a_few() -> None:
    rows = "".join(f"98410{index:05},status {index},,,1,,,carrier {index}\n" for index in range(3000))

    figures = ChartFigures.of(report_of(HEADER + rows))

    assert len(figures.carriers) <= 6
    assert sum(map(sum, figures.carriers.values())) == 3000
    assert len(figures.statuses) <= 7 and len(figures.credits) <= 7
    assert sum(figures.credits.values()) == 3000


def test_the_page_asks_no_other_computer_for_anything(tmp_path: Path) -> None:
    text = page(REPORT, tmp_path)

    assert "default-src 'none'" in text
    addresses = set(re.findall(r"""(?:https?:)?//[^\s"'<>]+""", text))
    # Names of the kinds of XML, which no reader loads.
    assert addresses <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
    assert not re.search(r"<(script|link|img|iframe|object|embed)\b|@import|url\((?!#)", text)
    assert len(text) < 60_000


def test_every_chart_is_an_image_with_a_text_and_a_table(tmp_path: Path) -> None:
    text = page(REPORT, tmp_path)

    assert len(re.findall(r'<svg role="img" aria-label="[^"]{20,}"', text)) == 6
    assert text.count("<details>") == text.count("<table>") == text.count("<h2>") == 6
    assert '<th scope="row">NTC</th><td>2</td><td>2</td><td>0</td><td>50 %</td>' in text
    assert "prefers-color-scheme:dark" in text
    for drawing in re.findall(r"<svg.*?</svg>", text, re.DOTALL):
        ElementTree.fromstring(drawing)
    names = re.findall(r'\bid="([^"]+)"', text)
    assert len(names) == len(set(names))
    assert set(re.findall(r'(?:href="#|url\(#)([^")]+)', text)) <= set(names)


def test_the_page_is_html_whose_elements_are_closed(tmp_path: Path) -> None:
    open_elements: list[str] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: object) -> None:
            if tag != "meta":
                open_elements.append(tag)

        def handle_endtag(self, tag: str) -> None:
            assert open_elements.pop() == tag

        def handle_startendtag(self, tag: str, attrs: object) -> None:
            pass

    Reader().feed(page(REPORT, tmp_path))
    assert open_elements == []


def test_no_contacts_number_and_no_foreign_markup_is_on_the_page(tmp_path: Path) -> None:
    body = REPORT.replace("Ncell", "<b>$x_1$</b>").replace("Failed", "<i>odd</i>")

    text = page(body, tmp_path, title="<script>alert(1)</script> & more", subtitle='"quoted" <u>')

    assert not re.search(r"98[04]1?00000\d", text)
    for markup in ("<script", "<b>", "<i>odd", "<u>"):
        assert markup not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; more" in text
    assert "&lt;b&gt;$x_1$&lt;/b&gt;" in text


def test_nepali_comes_through_as_text(tmp_path: Path) -> None:
    text = page(REPORT.replace("Ncell", "एनसेल"), tmp_path, title="खानेपानी सूचना")

    assert "<title>खानेपानी सूचना</title>" in text
    assert re.search(r"<text[^>]*>एनसेल</text>", text)
    assert 'lang="ne"' in text


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (HEADER, ["No credit was spent", "No contact heard the message", "There was no call"]),
        ("Number,Status\n9841000001,Not Started\n", ["0 % of 1 contacts answered", "1 is open"]),
        ("Number,Status\n9841000001,Completed\n", ["100 % of 1 contacts answered"]),
        (HEADER + "9841000001,Completed,9,100,1,,,NTC\n", ["Half of the reached contacts heard all of it."]),
        (HEADER + "9841000001,Completed,999999,100,1,,,NTC\n", ["Half of the calls lasted 60:00"]),
        (HEADER + "9841000001,Completed,1,100,1,,,NTC\n", ["0:01"]),
        (
            HEADER.replace("Other Info", "Credit Consumed SMS") + "9841000001,Completed,1,100,1,2,,NTC\n",
            ["Credits spent: 3. 1 for calls, 2 for SMS."],
        ),
    ],
)
def test_little_or_odd_reports_have_a_page_too(body: str, says: list[str], tmp_path: Path) -> None:
    text = page(body, tmp_path)

    for part in says:
        assert part in text


def test_the_same_report_gives_the_same_page(tmp_path: Path) -> None:
    assert page(REPORT, tmp_path) == page(REPORT, tmp_path)


def test_a_damaged_report_leaves_the_old_page(tmp_path: Path) -> None:
    target = tmp_path / "page.html"
    target.write_text("of yesterday", encoding="utf-8")

    with pytest.raises(TingTingReportError):
        write_chart(report_of(REPORT + REPORT), target, title="Water")
    with pytest.raises(TingTingStorageRefusedError, match="overwrite is off"):
        write_chart(report_of(REPORT), target, title="Water", overwrite=False)

    assert target.read_text(encoding="utf-8") == "of yesterday"
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]


def test_a_missing_matplotlib_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)

    with pytest.raises(TingTingConfigError, match=r"Run: pip install 'matplotlib>="):
        write_chart(report_of(REPORT), tmp_path / "page.html", title="Water")
    assert list(tmp_path.iterdir()) == []
