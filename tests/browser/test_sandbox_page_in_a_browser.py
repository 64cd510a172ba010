"""The sandbox's page as a person uses it, in Chromium: live, broken on purpose, left open, and without a mouse."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import requests
from browser.expecting import expect
from browser.needs import missing

from airflow_provider_tingting.api import TingTingClient, calls
from airflow_provider_tingting.sandbox import Sandbox

pytestmark = pytest.mark.browser

# What Chromium says by itself of a server that is away.
GONE = ("ERR_CONNECTION_REFUSED", "ERR_INCOMPLETE", "ERR_EMPTY")
MESSAGE = "नमस्कार {name} जी, भोलि खोप लगाइन्छ।"


@pytest.fixture
def box():
    """A sandbox whose clock stands still."""
    with Sandbox(speed=0) as sandbox:
        yield sandbox


def make_campaign(sandbox, contacts, *, name="खोप अभियान", run=False):
    with TingTingClient(sandbox.token, base_url=sandbox.base_url) as client:
        made = client.send(calls.create_campaign(name=name, services="PHONE", user_phone=[3], message=MESSAGE))
        client.send(calls.set_campaign_message(made.id, voice=1, message=MESSAGE))
        rows = [{"number": f"98{41000000 + i}", "other_variables": {"name": f"सीता {i}"}} for i in range(contacts)]
        for start in range(0, contacts, 5000):
            client.send(calls.add_contacts(made.id, rows[start : start + 5000]))
        if run:
            client.send(calls.run_campaign(made.id))
    return made.id


def row(page, text):
    return page.locator("#campaigns-rows tr", has_text=text)


def test_a_run_is_seen_live_from_the_first_campaign_to_the_last_call(box, open_page):
    page = open_page(box.root_url)
    expect(page.get_by_text("No campaigns yet")).to_be_visible()
    expect(page.locator("#connection-state")).to_have_text("Live")

    campaign = make_campaign(box, 30)
    expect(row(page, "खोप अभियान")).to_contain_text("30 not started")
    with TingTingClient(box.token, base_url=box.base_url) as client:
        client.send(calls.run_campaign(campaign))
    expect(row(page, "खोप अभियान")).to_contain_text("Running")
    box.clock.push(5)
    expect(page.locator("#ledger-rows tr").first).to_contain_text(re.compile("dialing|ringing|failed"))
    box.play_out()
    expect(row(page, "खोप अभियान")).to_contain_text("Completed")
    expect(page.locator("#toast")).to_have_text(f"Campaign {campaign} is now Completed.")
    expect(page.get_by_role("tab", name="Calls and SMS 30")).to_be_visible()
    expect(page.locator("#repeated")).to_have_text(
        "no number called or texted twice by one campaign; demo calls not counted"
    )
    expect(page.locator("#ledger-rows")).to_contain_text("नमस्कार सीता 29 जी, भोलि खोप लगाइन्छ।")


def test_repeated_calls_are_highlighted(box, open_page):
    campaign = make_campaign(box, 2, run=True)
    box.play_out()
    with TingTingClient(box.token, base_url=box.base_url) as client:
        client.send(calls.run_campaign(campaign))
    box.play_out()
    page = open_page(box.root_url)
    expect(page.locator("#repeated")).to_have_text("2 repeated calls or SMS (same campaign and number)")
    expect(page.locator("#ledger-rows .repeated")).to_have_count(2)


def test_the_clock_is_pushed_and_its_speed_changed(box, open_page):
    make_campaign(box, 20, run=True)
    page = open_page(box.root_url)
    before = box.clock.time()
    page.get_by_role("button", name="One hour forward").click()
    expect(page.locator("#toast")).to_contain_text("One hour forward. The time is ")
    assert box.clock.time() == pytest.approx(before + 3600)
    expect(row(page, "खोप")).to_contain_text("Completed")
    shown = box.clock.now().strftime("%H:%M:%S")
    expect(page.locator("#time")).to_have_text(shown)

    page.get_by_label("Speed").select_option("600")
    expect(page.locator("#toast")).to_contain_text("Clock speed: 600 ×.")
    assert box.clock.speed == 600
    expect(page.locator("#time")).not_to_have_text(shown)
    expect(page.get_by_role("button", name="Finish all campaigns")).to_be_disabled()

    page.get_by_label("Speed").select_option("paused")
    expect(page.locator("#toast")).to_contain_text("Clock paused.")
    make_campaign(box, 20, name="Water", run=True)
    page.get_by_role("button", name="Finish all campaigns").click()
    expect(row(page, "Water")).to_contain_text("Completed")


def test_a_fault_is_switched_on_applied_and_switched_off(box, open_page):
    page = open_page(box.root_url)
    switch = page.get_by_role("switch", name="Service unavailable")
    voices, headers = f"{box.base_url}voice-models/", {"Authorization": f"Bearer {box.token}"}
    expect(switch).to_have_attribute("aria-checked", "false")
    switch.click()
    expect(switch).to_have_attribute("aria-checked", "true")
    assert requests.get(voices, headers=headers, timeout=5).status_code == 503
    page.get_by_role("tab", name=re.compile("Requests")).click()
    expect(page.locator("#ledger-rows tr").first).to_contain_text("503")
    expect(page.locator("#ledger-rows tr").first).to_contain_text("503-html")
    switch.click()
    expect(switch).to_have_attribute("aria-checked", "false")
    assert requests.get(voices, headers=headers, timeout=5).status_code == 200


def test_any_fault_is_scripted_in_the_form_and_a_wrong_one_is_explained(box, open_page):
    page = open_page(box.root_url, forgive=("400 (Bad Request)",))
    page.get_by_text("Add a fault").click()
    page.locator("select[name=kind]").select_option("429")
    expect(page.locator("#fault-meaning")).to_contain_text("HTTP 429 with Retry-After in seconds")
    page.get_by_label("API call").select_option("add")
    page.get_by_label("Value").fill("soon")
    page.get_by_role("button", name="Add fault").click()
    expect(page.locator("#fault-error")).to_contain_text("takes a number of seconds, up to a day, not 'soon'")
    assert len(box.faults) == 0

    page.get_by_label("Value").fill("3")
    page.get_by_label("Requests affected").select_option("2")
    page.get_by_role("button", name="Add fault").click()
    expect(page.get_by_role("list", name="Pending faults")).to_contain_text("429=3 at add 2 requests")
    expect(page.locator("#fault-error")).to_be_empty()
    [fault] = box.faults
    assert (fault.kind, fault.call, fault.times, fault.value) == ("429", "add", 2, "3")
    page.get_by_role("button", name="Remove 429=3 at add").click()
    expect(page.get_by_role("list", name="Pending faults").locator("li")).to_have_count(0)
    assert len(box.faults) == 0
    # A fault that was applied to all its requests is removed.
    box.faults.parse("500:voices")
    expect(page.get_by_role("list", name="Pending faults")).to_contain_text("500 at voices")
    requests.get(f"{box.base_url}voice-models/", headers={"Authorization": f"Bearer {box.token}"}, timeout=5)
    expect(page.get_by_role("list", name="Pending faults").locator("li")).to_have_count(0)


def test_an_open_page_shows_the_lost_connection_and_then_the_restarted_sandbox(open_page):
    with Sandbox(speed=0) as first:
        make_campaign(first, 3, name="Of the first world")
        page = open_page(
            f"{first.root_url}#campaign-1", forgive=("ERR_CONNECTION_REFUSED", "ERR_INCOMPLETE", "ERR_EMPTY")
        )
        expect(page.locator("#contacts-rows tr")).to_have_count(3)
        port = first.port
    expect(page.locator("#connection-state")).to_have_text("Not connected")
    expect(page.get_by_role("alert").filter(has_text="The sandbox does not respond")).to_be_visible()
    page.get_by_role("button", name="One hour forward").click()
    expect(page.locator("#toast")).to_have_text("The sandbox does not respond.")

    with Sandbox(speed=0, port=port, token="another-token") as second:
        make_campaign(second, 2, name="Of the second world")
        expect(page.locator("#connection-state")).to_have_text("Live")
        expect(page.get_by_text("The sandbox was restarted. The page shows its current data.")).to_be_visible()
        expect(row(page, "Of the second world")).to_be_visible()
        expect(row(page, "Of the first world")).to_have_count(0)
        expect(page.locator("#contacts-rows tr")).to_have_count(2)
        expect(page.locator("#connection")).to_contain_text("another-token")


def test_everything_is_reached_and_used_with_the_keyboard_alone(box, open_page):
    campaign = make_campaign(box, 40)
    page = open_page(box.root_url)
    expect(row(page, "खोप")).to_be_visible()

    def tab_to(description, most=40):
        for _ in range(most):
            page.keyboard.press("Tab")
            focused = page.evaluate(
                "(at => [at.id, at.ariaLabel ?? '', at.textContent].join(' '))(document.activeElement)"
            )
            if description in focused:
                style = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
                assert style != "none", f"no visible focus at {description}"
                return
        raise AssertionError(f"the keyboard does not reach {description}")

    tab_to("Skip to campaigns")
    page.keyboard.press("Enter")
    tab_to("खोप अभियान")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(f"#campaign-{campaign}$"))
    expect(page.locator("#contacts-rows tr")).to_have_count(25)
    tab_to("contacts-search")
    page.keyboard.type("सीता 7")
    expect(page.locator("#contacts-rows tr")).to_have_count(1)
    tab_to("tab-dialled")
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tab", name=re.compile("Requests"))).to_be_focused()
    expect(page.locator("#ledger-rows")).to_contain_text("create_campaign")
    tab_to("Slow")
    page.keyboard.press("Space")
    expect(page.get_by_role("switch", name="Slow")).to_have_attribute("aria-checked", "true")
    # The focus stays where it was after the switch was drawn again.
    expect(page.get_by_role("switch", name="Slow")).to_be_focused()
    tab_to("reset")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog", name="Reset the sandbox?")).to_be_visible()
    page.keyboard.press("Escape")
    assert box.world.campaigns
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_text("No campaigns yet")).to_be_visible()
    assert not box.world.campaigns
    assert len(box.faults) == 0


@pytest.mark.parametrize("width", [320, 390, 768, 1024, 1600])
def test_no_width_makes_the_page_scroll_sideways(box, open_page, width):
    make_campaign(box, 30, name="A campaign whose name is a good deal longer than others", run=True)
    box.clock.push(20)
    page = open_page(f"{box.root_url}#campaign-1", width=width, height=700)
    expect(page.locator("#contacts-rows tr")).to_have_count(25)
    for tab in ("Calls and SMS", "Requests"):
        page.get_by_role("tab", name=re.compile(tab)).click()
        expect(page.locator("#ledger-rows tr").first).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    if width < 500:
        small = page.evaluate(
            """[...document.querySelectorAll("button, select, input")].filter((e) => e.checkVisibility())
               .filter((e) => e.getBoundingClientRect().height < 32).map((e) => e.outerHTML)"""
        )
        assert small == [], "too small for a finger"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_has_enough_contrast(box, open_page, scheme):
    make_campaign(box, 60, run=True)
    box.clock.push(25)
    page = open_page(f"{box.root_url}#campaign-1", color_scheme=scheme)
    expect(page.locator("#contacts-rows tr")).to_have_count(25)
    weak = page.evaluate((Path(__file__).parent / "contrast.js").read_text())
    assert weak == []
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == (
        "rgb(18, 21, 27)" if scheme == "dark" else "rgb(244, 245, 247)"
    )


def test_every_field_has_a_label_and_every_button_a_name(box, open_page):
    make_campaign(box, 60, run=True)
    box.faults.parse("500")
    page = open_page(f"{box.root_url}#campaign-1")
    expect(page.locator("#contacts-rows tr")).to_have_count(25)
    page.get_by_text("Add a fault").click()
    nameless = page.evaluate(
        """[...document.querySelectorAll("input, select")].filter((e) => !e.labels.length).map((e) => e.outerHTML)"""
    )
    nameless += page.evaluate(
        """[...document.querySelectorAll("button, a")].filter((e) => !(e.ariaLabel ?? e.textContent).trim())
           .map((e) => e.outerHTML)"""
    )
    assert nameless == []


def test_the_name_of_a_campaign_is_shown_as_text(box, open_page):
    name = "<img src=x onerror=alert(1)> & <b>खोप</b>"
    make_campaign(box, 1, name=name)
    page = open_page(f"{box.root_url}#campaign-1")
    expect(row(page, "खोप").get_by_role("link")).to_have_text(name)
    expect(page.locator("#contacts-title")).to_contain_text(name)


def test_devanagari_is_drawn_with_letters_that_exist(box, open_page):
    make_campaign(box, 1)
    page = open_page(box.root_url)
    expect(row(page, "खोप")).to_be_visible()
    tools = page.context.new_cdp_session(page)
    tools.send("DOM.enable")
    tools.send("CSS.enable")
    root = tools.send("DOM.getDocument")["root"]["nodeId"]
    link = tools.send("DOM.querySelector", {"nodeId": root, "selector": "#campaigns-rows a"})["nodeId"]
    used = tools.send("CSS.getPlatformFontsForNode", {"nodeId": link})["fonts"]
    if not any("Devanagari" in font["familyName"] for font in used):
        missing("a font with Devanagari (Debian's package fonts-noto-core)")
    assert sum(font["glyphCount"] for font in used if "Devanagari" in font["familyName"]) >= 8


def test_the_link_of_a_task_opens_its_campaign_and_says_if_there_is_none(box, open_page):
    make_campaign(box, 1)
    page = open_page(f"{box.root_url}#campaign-9")
    expect(page.get_by_text("The sandbox has no campaign 9.")).to_be_visible()
    page.get_by_role("link", name="खोप अभियान").click()
    expect(page.locator("#contacts-rows tr")).to_have_count(1)
    page.get_by_role("button", name="Close").click()
    expect(page.locator("#contacts")).to_be_hidden()
    expect(page.get_by_role("link", name="खोप अभियान")).to_be_focused()


def test_the_account_is_changed_and_airflow_connected(box, open_page):
    page = open_page(box.root_url)
    credits = page.get_by_label("Credits", exact=True)
    expect(credits).to_have_value("10000")
    credits.fill("5")
    page.get_by_role("button", name="Set", exact=True).click()
    expect(page.locator("#toast")).to_have_text("The balance is 5 credits.")
    assert box.world.credits == 5
    old = box.token
    page.get_by_role("button", name="Rotate token").click()
    expect(page.locator("#toast")).to_contain_text("Token rotated.")
    assert box.token != old
    expect(page.locator("#connection")).to_contain_text(box.token)


@pytest.mark.timeout(120)
def test_twenty_thousand_contacts_do_not_slow_the_page(box, open_page):
    make_campaign(box, 20_000, run=True)
    page = open_page(f"{box.root_url}#campaign-1")
    expect(page.locator("#contacts-rows tr")).to_have_count(25)
    expect(page.locator("#contacts-pager")).to_contain_text("1–25 of 20,000")
    box.clock.push(2000)
    expect(page.locator("#dialled-count")).not_to_have_text("0")
    page.get_by_role("button", name="Next contacts").click()
    expect(page.locator("#contacts-pager")).to_contain_text("26–50 of 20,000")
    assert page.locator("tr").count() < 70
    blocked = page.evaluate(
        """async () => {
             let longest = 0, before = performance.now();
             for (let i = 0; i < 100; i++) {
               await new Promise((done) => setTimeout(done, 20));
               longest = Math.max(longest, performance.now() - before - 20);
               before = performance.now();
             }
             return longest;
           }"""
    )
    assert blocked < 300, "milliseconds in which the page takes no key"
