"""The sandbox's memory: a state file brings the same world back, also after a kill."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import time
from datetime import datetime

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_tingting.errors import TingTingConfigError
from airflow_provider_tingting.sandbox import Sandbox
from airflow_provider_tingting.timezones import NEPAL


def picture(sandbox):
    """Everything that can be seen of a world."""
    world = sandbox.world
    with world.reading() as now:
        return {
            "token": world.token,
            "credits": world.credits,
            "campaigns": [
                (campaign.id, campaign.name, campaign.status, campaign.spent, campaign.progress_percent, campaign.draft)
                for campaign in world.campaigns.values()
            ],
            "contacts": [
                (contact.id, contact.number, contact.variables, contact.status_at(now))
                for campaign in world.campaigns.values()
                for contact in campaign.contacts.values()
            ],
            "ledger": [entry.as_json() for entry in world.ledger.dialled],
            "previews": dict(world.previews),
        }


def a_lot_happens(sandbox, api):
    first, second, third = api.create(12), api.create(5), api.create(3)
    api.run(first)
    sandbox.clock.push(4)
    api.run(second)
    sandbox.clock.push(3)
    api.post(f"campaign/emergency-stop/{first}/")
    api.delete(f"campaign/{third}/")
    contact = api.get(f"campaign-detail/{second}/").json()["results"][0]["id"]
    api.patch(f"campaign/{contact}/attributes/", json={"name": "राम"})
    api.patch(f"phone-number/update/{contact}/", json={"number": "9801234567"})
    api.post(f"demo-call/{contact}/")
    api.post(f"test-speak/riri/{second}/", json={"voice_input": 2, "message": "नमस्ते"})
    sandbox.world.script_outcome("9801234567", "unanswered")
    sandbox.world.set_credits(500)
    sandbox.clock.push(5)


def test_a_restart_loads_the_same_world_and_goes_on(tmp_path, api_of):
    file = tmp_path / "state.jsonl"
    with Sandbox(speed=0, seed=3, state_file=file) as sandbox:
        a_lot_happens(sandbox, api_of(sandbox))
        before, then = picture(sandbox), sandbox.clock.now()
    with Sandbox(speed=0, state_file=file) as sandbox:
        assert sandbox.world.settings.seed == 3
        assert sandbox.clock.now() == then
        assert picture(sandbox) == before
        api = api_of(sandbox)
        sandbox.play_out()
        assert api.campaign(2)["status"] == "Completed"
        # An id is never given out twice.
        assert api.create() == 4


def test_a_third_start_has_the_changes_made_after_the_second(tmp_path, api_of):
    file = tmp_path / "state.jsonl"
    for expected in (0, 1, 2, 3):
        with Sandbox(speed=0, state_file=file) as sandbox:
            assert len(sandbox.world.campaigns) == expected
            api_of(sandbox).create(1, name=f"number {expected}")


def test_a_new_token_survives(tmp_path, api_of):
    file = tmp_path / "state.jsonl"
    with Sandbox(state_file=file) as sandbox:
        sandbox.world.rotate_token("another-one")
    with Sandbox(state_file=file) as sandbox:
        assert sandbox.token == "another-one"
        assert api_of(sandbox).get("voice-models/").status_code == 200


def test_time_goes_on_while_the_sandbox_is_down(tmp_path, api_of):
    file = tmp_path / "state.jsonl"
    with Sandbox(speed=10_000, state_file=file) as sandbox:
        api = api_of(sandbox)
        campaign_id = api.create(1)
        api.run(campaign_id)
    time.sleep(0.02)
    with Sandbox(state_file=file) as sandbox:
        assert sandbox.clock.speed == 10_000
        assert api_of(sandbox).campaign(campaign_id)["status"] == "Completed"


def test_a_reset_empties_the_file_too(tmp_path, api_of):
    file = tmp_path / "state.jsonl"
    with Sandbox(speed=0, state_file=file) as sandbox:
        api_of(sandbox).create(3)
        sandbox.reset()
        api_of(sandbox).create(name="after")
        before = picture(sandbox)
    with Sandbox(speed=0, state_file=file) as sandbox:
        assert picture(sandbox) == before
        assert [campaign.name for campaign in sandbox.world.campaigns.values()] == ["after"]


def test_the_file_is_for_its_owner_only(tmp_path):
    file = tmp_path / "state.jsonl"
    with Sandbox(state_file=file):
        pass
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_line_cut_in_the_middle_is_forgotten_and_written_over(tmp_path, api_of):
    file = tmp_path / "state.jsonl"
    with Sandbox(speed=0, state_file=file) as sandbox:
        api_of(sandbox).create(2)
        before = picture(sandbox)
    with file.open("a") as journal:
        journal.write('{"do": "add_contacts", "wi')
    with Sandbox(speed=0, state_file=file) as sandbox:
        assert picture(sandbox) == before
        api_of(sandbox).create(name="next")
    with Sandbox(speed=0, state_file=file) as sandbox:
        assert [campaign.name for campaign in sandbox.world.campaigns.values()] == ["Vaccination", "next"]


def test_a_confirmed_change_survives_a_kill(tmp_path):
    file = tmp_path / "state.jsonl"
    command = [
        sys.executable,
        "-m",
        "airflow_provider_tingting.sandbox",
        "--port",
        "0",
        "--state",
        str(file),
        "--token",
        "tingting-sandbox-token",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            base = process.stdout.readline().split()[-1]
            headers = {"Authorization": "Bearer tingting-sandbox-token"}
            body = {"name": "x", "services": "PHONE", "user_phone": [3], "message": "hello"}
            for _ in range(5):
                assert (
                    requests.post(base + "campaign/create/", json=body, headers=headers, timeout=60).status_code == 201
                )
        finally:
            os.kill(process.pid, signal.SIGKILL)
    with Sandbox(state_file=file) as sandbox:
        assert len(sandbox.world.campaigns) == 5


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"hello\n", "is not a state file of a TingTing sandbox"),
        (b"[]\n", "is not a state file of a TingTing sandbox"),
        (b'{"tingting_sandbox": 99}\n', "was written by another version"),
        (b"\xff\xfe\n", "cannot be read"),
        (b'{"tingting_sandbox": 1, "real": 0, "settings": {}}\n{"do": 1}\n', "is damaged at line 2"),
        (b'{"tingting_sandbox": 1, "real": 0, "settings": {"credits": "many"}}\n', "cannot be applied from line 1 on"),
        (b'{"tingting_sandbox": 1, "real": 0, "settings": {"colour": 1}}\n', "cannot be applied from line 1 on"),
        (b'{"tingting_sandbox": 1, "real": "soon", "settings": {}}\n', "is damaged at line 1"),
        (b'{"tingting_sandbox": 1, "real": 0, "settings": {}}\nxx\n', "is damaged at line 2"),
    ],
)
def test_a_damaged_state_file_is_refused_and_kept(tmp_path, content, said):
    file = tmp_path / "state.jsonl"
    file.write_bytes(content)
    with pytest.raises(TingTingConfigError, match=said):
        Sandbox(state_file=file)
    assert file.read_bytes() == content


def test_a_state_file_where_none_can_be_written_is_refused(tmp_path):
    with pytest.raises(TingTingConfigError, match="cannot be written"):
        Sandbox(state_file=tmp_path / "missing" / "state.jsonl")
    with pytest.raises(TingTingConfigError, match="cannot be read"):
        Sandbox(state_file=tmp_path)


def test_a_state_file_cannot_call_anything_but_changes(tmp_path):
    file = tmp_path / "state.jsonl"
    head = {"tingting_sandbox": 1, "real": time.time(), "settings": {}}
    line = {"do": "reset", "with": {"args": [], "kwargs": {}}, "at": time.time(), "real": time.time()}
    file.write_text(f"{json.dumps(head)}\n{json.dumps(line)}\n")
    with pytest.raises(TingTingConfigError, match="cannot be applied from line 2 on"):
        Sandbox(state_file=file)


def test_the_saved_world_begins_where_it_began_and_not_where_asked_now(tmp_path):
    file = tmp_path / "state.jsonl"
    began = datetime(2025, 7, 7, 14, tzinfo=NEPAL)
    with Sandbox(speed=0, start=began, state_file=file):
        pass
    with Sandbox(speed=0, start=datetime(2030, 1, 1), state_file=file) as sandbox:
        assert sandbox.clock.now() == began


def places_in(content):
    """Each container of a JSON value with each of its keys or positions."""
    for key in list(content) if isinstance(content, dict) else range(len(content)):
        yield content, key
        if isinstance(content[key], dict | list):
            yield from places_in(content[key])


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_state_file_with_any_value_replaced_is_loaded_or_refused_with_its_line(data, tmp_path_factory):
    file = tmp_path_factory.mktemp("state") / "state.jsonl"
    world = Sandbox(speed=0, state_file=file).world
    campaign = world.create_campaign(name="x", services="PHONE", user_phone=[3], message="hi", voice=3)
    world.add_contacts(campaign.id, [("9841000000", {"name": "Sita"})])
    world.run_campaign(campaign.id)
    world.journal.close()
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    places = [place for line in lines for place in places_in(line)]
    container, key = data.draw(st.sampled_from(places))
    container[key] = data.draw(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just([])
    )
    file.write_text("".join(json.dumps(one) + "\n" for one in lines))
    before = file.read_bytes()

    try:
        Sandbox(state_file=file)
    except TingTingConfigError as error:
        assert str(file) in str(error)
        assert file.read_bytes() == before
