"""Take the screenshots of the pages again: docs/images/*.png. Needs Chromium, as `make test-browser` does.

    python .ci/make_screenshots.py              all but those of Airflow's own web page
    python .ci/make_screenshots.py --airflow    only those of Airflow's own web page
    python .ci/make_screenshots.py chart probe  only these

Run it when a text or a colour in a picture has changed, and look at the pictures before you commit them.
"""

from __future__ import annotations

import argparse
import io
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

CHECKOUT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(CHECKOUT))

import requests  # noqa: E402
from rich.ansi import AnsiDecoder  # noqa: E402
from rich.console import Console  # noqa: E402

from airflow_provider_tingting.api import TingTingClient, calls  # noqa: E402
from airflow_provider_tingting.reports.chart import write_chart  # noqa: E402
from airflow_provider_tingting.reports.parser import open_report  # noqa: E402
from airflow_provider_tingting.sandbox import Dialect, Sandbox  # noqa: E402

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

IMAGES = CHECKOUT / "docs" / "images"
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
MOMENT = datetime.fromisoformat("2026-11-28T09:00:00+05:45")
NAMES = ("सीता", "राम", "गीता", "हरि", "माया")
MESSAGE = "नमस्कार {name} जी, भोलि बिहान खानेपानी आउने छैन।"
# As on the page Check contacts: each kind of bad row once.
MESSY = """mobile,name
9841234567,राम
9.84E+09,Maya
9801112233,सीता
9841234567,Hari
01-4412345,Gopal
9812345678,Gita
98412345,Bina
9851234567,
"""


def add_campaign(client: TingTingClient, name: str, count: int, first: int, *, run: bool) -> int:
    made = client.send(calls.create_campaign(name=name, services="PHONE", user_phone=[3], message=MESSAGE))
    client.send(calls.set_campaign_message(made.id, voice=1, message=MESSAGE))
    rows = [{"number": str(first + i), "other_variables": {"name": NAMES[i % len(NAMES)]}} for i in range(count)]
    client.send(calls.add_contacts(made.id, rows))
    if run:
        client.send(calls.run_campaign(made.id))
    return made.id


@contextmanager
def page_of(browser: Browser, url: str, width: int, height: int) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme="light")
    page = context.new_page()
    page.goto(url)
    yield page
    context.close()


def sandbox_page(browser: Browser, folder: Path) -> None:
    with Sandbox(speed=0, start=MOMENT) as sandbox, TingTingClient(sandbox.token, base_url=sandbox.base_url) as client:
        add_campaign(client, "Water notice, ward 3", 40, 9841001000, run=True)
        sandbox.play_out()
        second = add_campaign(client, "खोप अभियान", 60, 9841002000, run=True)
        add_campaign(client, "School closed", 12, 9841003000, run=False)
        sandbox.clock.push(22)
        sandbox.faults.parse("lose-reply:run:*")
        with page_of(browser, f"{sandbox.root_url}#campaign-{second}", 1280, 880) as page:
            page.get_by_text("ringing").first.wait_for()
            page.screenshot(path=IMAGES / "sandbox-page.png")


def notification(browser: Browser, folder: Path) -> None:
    from airflow_provider_tingting.notifications.callback_event import CallbackEvent
    from airflow_provider_tingting.notifications.notification import Notification

    name = Notification(key="ad5efa9e00000000", about="daily_water_notice failed", to=(), text="").name
    text = CallbackEvent("failed", "daily_water_notice", "read_list").sentence("ne")
    with Sandbox(speed=0, start=MOMENT) as sandbox, TingTingClient(sandbox.token, base_url=sandbox.base_url) as client:
        made = client.send(calls.create_campaign(name=name, services="PHONE", user_phone=[3], message=text))
        client.send(calls.set_campaign_message(made.id, voice=1, message=text))
        client.send(calls.add_contacts(made.id, [{"number": "9841234567", "other_variables": {}}]))
        body = {"number": "9841234567", "status": "completed"}
        requests.post(f"{sandbox.root_url}sandbox/outcomes", json=body, timeout=10).raise_for_status()
        client.send(calls.run_campaign(made.id))
        sandbox.play_out()
        with page_of(browser, f"{sandbox.root_url}#campaign-{made.id}", 1280, 900) as page:
            page.locator("#contacts-rows tr").first.wait_for()
            boxes = [page.locator(f"#{one}").bounding_box() for one in ("campaigns", "contacts")]
            left, top = boxes[0]["x"] - 16, boxes[0]["y"] - 10
            clip = {"x": left, "y": top, "width": boxes[0]["width"] + 32}
            page.screenshot(
                path=IMAGES / "notification.png",
                clip={**clip, "height": boxes[1]["y"] + boxes[1]["height"] + 10 - top},
            )


def terminal(
    browser: Browser,
    folder: Path,
    target: str,
    shown: str,
    *arguments: str,
    begins: str,
    ends: str = "",
    **environment: str,
) -> None:
    """Take a picture of a command's output on a terminal, from the first line with `begins` to one with `ends`."""
    settings = {**os.environ, "FORCE_COLOR": "1", "COLUMNS": "110", "PYTHONPATH": str(CHECKOUT), **environment}
    settings |= {"AIRFLOW_HOME": str(folder / "airflow"), "PYTHONWARNINGS": "ignore"}
    settings.pop("NO_COLOR", None)
    command = [sys.executable, "-m", "airflow_provider_tingting", *arguments]
    done = subprocess.run(command, cwd=folder, env=settings, capture_output=True, text=True, timeout=600, check=False)
    if not done.stdout:
        raise SystemExit(f"{shown}:\n{done.stderr[-2000:]}")
    lines = list(AnsiDecoder().decode(done.stdout))
    while begins not in lines[0].plain:
        del lines[0]
    if ends:
        del lines[next(index for index, line in enumerate(lines, 1) if ends in line.plain) :]
    width = max(line.cell_len for line in lines) + 1
    console = Console(record=True, width=width, file=io.StringIO(), force_terminal=True)
    for line in lines:
        console.print(line)
    drawing = folder / f"{target}.svg"
    console.save_svg(str(drawing), title=shown)
    # Without rich's web font, which a page would load from the network.
    text = drawing.read_text(encoding="utf-8").replace("Fira Code", "DejaVu Sans Mono")
    page_file = folder / f"{target}.html"
    page_file.write_text(f"<body style='margin:0'>{text}", encoding="utf-8")
    with page_of(browser, page_file.as_uri(), 1480, 800) as page:
        page.locator("svg").first.screenshot(path=IMAGES / f"{target}.png")


def contacts_check(browser: Browser, folder: Path) -> None:
    (folder / "messy.csv").write_text(MESSY, encoding="utf-8")
    texts = ("--message", "नमस्कार {name} जी", "--sms-message", "Water is cut off tomorrow.")
    arguments = ("contacts", "check", "messy.csv", *texts)
    terminal(browser, folder, "contacts-check", "contacts check messy.csv", *arguments, begins="messy.csv")


def probe(browser: Browser, folder: Path) -> None:
    dialect = Dialect.parse(["upload=replace", "report_path=old", "search=ignored"])
    with Sandbox(dialect=dialect) as sandbox, TingTingClient(sandbox.token, base_url=sandbox.base_url) as client:
        for index in range(12):
            add_campaign(client, f"Campaign {index}", 1, 9841005000 + index, run=False)
        arguments = ("doctor", "--probe", "--number", "9841234567")
        connection = {"AIRFLOW_CONN_TINGTING_DEFAULT": sandbox.connection_json()}
        terminal(
            browser, folder, "probe", " ".join(arguments), *arguments, begins="works", ends="Not saved", **connection
        )


def rehearsal(browser: Browser, folder: Path) -> None:
    audience = folder / "ward_7.csv"
    names = ("रमेश अधिकारी", "सीता तामाङ", "हरि कार्की", "माया गुरुङ", "बिना श्रेष्ठ", "रमेश अधिकारी")
    numbers = (9841234501, 9841234502, 9801234503, 9841234504, 9851234505, 9841234501)
    rows = "".join(f"{number},{name},७ बजे\n" for number, name in zip(numbers, names, strict=True))
    audience.write_text(f"Mobile,Householder,Cut off from\n{rows}", encoding="utf-8")
    command = [sys.executable, "-m", "airflow_provider_tingting", "rehearse", "tingting_campaign_from_spreadsheet"]
    command += ["--dags", str(CHECKOUT / "example_dags"), "--at", "2026-12-05T03:00", "--audience", str(audience)]
    command += ["--balance", "500", "--html", "rehearsal.html"]
    settings = {**os.environ, "AIRFLOW_HOME": str(folder / "airflow"), "PYTHONPATH": str(CHECKOUT)}
    subprocess.run(command, cwd=folder, env=settings, check=True, capture_output=True, timeout=900)
    written = folder / "rehearsal.html"
    text = written.read_text(encoding="utf-8").replace(str(folder / "airflow"), "/opt/airflow")
    written.write_text(text, encoding="utf-8")
    with page_of(browser, written.as_uri(), 1100, 1460) as page:
        page.screenshot(path=IMAGES / "rehearsal.png")


def chart(browser: Browser, folder: Path) -> None:
    pick = random.Random(79)
    lines = ["Number,Status,Duration (Seconds),Playback (%),Credit Consumed,Other Info,Action Date,Carrier"]
    outcomes = {"Completed": 58, "Unanswered": 18, "Hungup": 15, "Failed": 6, "Not Started": 3}
    for index in range(12480):
        status = pick.choices(list(outcomes), list(outcomes.values()))[0]
        carrier = pick.choices(("NTC", "Ncell", "Smart"), (50, 42, 8))[0]
        played = {"Completed": pick.randint(91, 100), "Hungup": pick.randint(2, 90)}.get(status, 0)
        seconds = round(played * 0.38 + pick.gauss(0, 1)) if played else 0
        credits = {"Completed": 2, "Hungup": 1}.get(status, 0)
        minute = 180 * index // 12480
        moment = f"2026-11-22 {9 + minute // 60:02}:{minute % 60:02}:00" if status != "Not Started" else ""
        lines.append(f"98{41000000 + index},{status},{max(seconds, 0)},{played},{credits},{{}},{moment},{carrier}")
    report = open_report(io.BytesIO("\n".join(lines).encode()))
    title, subtitle = "काठमाडौं उपत्यका खानेपानी सूचना · मंसिर २०८३", "Campaign 79 · PHONE · Completed"
    write_chart(report, str(folder / "chart.html"), title=title, subtitle=subtitle)
    with page_of(browser, (folder / "chart.html").as_uri(), 1040, 800) as page:
        page.screenshot(path=IMAGES / "chart.png", full_page=True)


def airflow_pages(browser: Browser, folder: Path) -> None:
    """Take the pictures of Airflow's own web page: the connection's form, and the question of an approval."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    url, dag = f"http://127.0.0.1:{port}", "tingting_approve_before_running"
    command = [sys.executable, "-m", "airflow_provider_tingting.demo", "--airflow", "--home", str(folder / "demo")]
    settings = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
    with subprocess.Popen([*command, "--port", str(port)], cwd=CHECKOUT, env=settings) as server:
        try:
            api = ask_until(lambda: sign_in(url))
            dags = f"{url}/api/v2/dags/{dag}"
            ask_until(lambda: api.patch(dags, json={"is_paused": False}, timeout=10).raise_for_status() or True)
            body = {"dag_run_id": "monday", "logical_date": None}
            api.post(f"{dags}/dagRuns", json=body, timeout=10).raise_for_status()
            task = f"{dags}/dagRuns/monday/taskInstances/approve"
            waiting = ("awaiting_input", "deferred")
            ask_until(lambda: api.get(task, timeout=10).json().get("state") in waiting)
            with page_of(browser, f"{url}/dags/{dag}/runs/monday/tasks/approve/required_actions", 1200, 480) as page:
                page.get_by_text("Call the households").first.wait_for(timeout=60_000)
                time.sleep(2)  # The web page's own animations.
                page.screenshot(path=IMAGES / "approval.png")
            with page_of(browser, f"{url}/connections", 1280, 900) as page:
                page.get_by_role("button", name="Add Connection").click(timeout=60_000)
                form = page.get_by_role("dialog")
                form.get_by_label("Connection ID").fill("tingting_default")
                form.get_by_label("Connection Type").click()
                page.keyboard.type("TingTing")
                page.keyboard.press("Enter")
                form.get_by_label("API token", exact=True).fill("a-token-of-an-account")
                time.sleep(2)
                form.screenshot(path=IMAGES / "connection-form.png")
        finally:
            server.send_signal(signal.SIGINT)


def sign_in(url: str) -> requests.Session:
    session = requests.Session()
    token = requests.get(f"{url}/auth/token", timeout=10).json()["access_token"]
    session.headers["Authorization"] = f"Bearer {token}"
    return session


def ask_until(ask: Callable[[], Any], seconds: float = 900.0) -> Any:
    """Ask once a second until there is an answer."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            if answer := ask():
                return answer
        except (requests.RequestException, ValueError, KeyError):
            if time.monotonic() > deadline:
                raise
        if time.monotonic() > deadline:
            raise SystemExit("Airflow has not reached the state for this screenshot")
        time.sleep(1)


PICTURES = {
    "sandbox-page": sandbox_page,
    "notification": notification,
    "contacts-check": contacts_check,
    "probe": probe,
    "rehearsal": rehearsal,
    "chart": chart,
}


def main() -> None:
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", nargs="*", metavar="PICTURE", help=f"one of {', '.join(PICTURES)}; default all")
    parser.add_argument("--airflow", action="store_true", help="also the pictures of Airflow's own web page")
    options = parser.parse_args()
    if unknown := set(options.pictures) - set(PICTURES):
        parser.error(f"there is no picture {', '.join(sorted(unknown))}; there are {', '.join(PICTURES)}")
    wanted = {name: PICTURES[name] for name in options.pictures or ([] if options.airflow else PICTURES)}
    if options.airflow:
        wanted["approval, connection-form"] = airflow_pages
    os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        for name, take in wanted.items():
            with tempfile.TemporaryDirectory() as folder:
                take(browser, Path(folder))
            print(f"docs/images: {name}", flush=True)
        browser.close()


if __name__ == "__main__":
    main()
