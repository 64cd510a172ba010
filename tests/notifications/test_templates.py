"""A template that cannot be rendered costs its own number or argument, and not the call."""

from __future__ import annotations

import pytest
from support.notices import FIRST, SECOND, await_it, both_ways, dialled, said

from airflow_provider_tingting.notifications.tingting import TingTingNotifier

BAD = "{{ nowhere.on_call }}"


@both_ways
@pytest.mark.parametrize(
    "to",
    [
        [BAD, FIRST],
        [FIRST, BAD],
        (FIRST, BAD),
        f"{FIRST},{BAD}",
        "+977 984-1234501; {{ nowhere.on_call | join(',') }}",
        [BAD, "{{ on_call }}"],
        f"{{{{ on_call }}}}, {BAD}",
        ["{{ broken", FIRST],
        [f"{SECOND} {{{{ broken", FIRST],
    ],
)
def test_a_number_that_cannot_be_filled_in_is_left_out_and_the_others_are_notified(to, tell, quick, failure, logged):
    quick.world.script_outcome(FIRST, "completed")
    tell(TingTingNotifier(to=to), failure(on_call=FIRST))
    log = logged()

    assert dialled(quick) == [("call", FIRST)]
    assert "A template of `to` cannot be rendered" in log
    assert FIRST not in log
    assert SECOND not in log
    assert "984-1234501" not in log


@both_ways
def test_no_contact_is_called_by_a_condition_that_cannot_be_decided(tell, quick, failure, logged):
    to = f"{{% if nowhere.production %}}{SECOND},{FIRST},{SECOND}{{% endif %}}"
    tell(TingTingNotifier(to=to), failure())
    log = logged()

    assert not quick.world.campaigns
    assert "`to` has no number that can be called" in log
    assert FIRST not in log


def test_a_number_is_not_taken_for_a_template(quick, failure):
    from airflow_provider_tingting._compat import BaseNotifier

    rendered = []

    class Watched(TingTingNotifier):
        def render_template(self, content, *args, **kwargs):
            rendered.append(content)
            return BaseNotifier.render_template(self, content, *args, **kwargs)

    quick.world.script_outcome(FIRST, "completed")
    Watched(to=[f"0{FIRST}", "{{ on_call }}"])(failure(on_call=SECOND))

    assert dialled(quick) == [("call", FIRST)]
    assert "{{ on_call }}" in rendered
    assert f"0{FIRST}" not in rendered


@both_ways
@pytest.mark.parametrize("message", [BAD, "{{ 1 / 0 }}", "{{ broken", "{{ nowhere }}"])
def test_a_message_that_cannot_be_filled_in_is_the_usual_sentence(message, tell, quick, failure):
    tell(TingTingNotifier(to=FIRST, message=message, language="en"), failure())

    assert said(quick) == [
        "Hello, this is Airflow. daily water has failed. The task is fetch people. Please have a look."
    ]


@both_ways
@pytest.mark.parametrize("name", ["message", "voice", "user_phone", "cooldown_key"])
def test_what_has_a_default_has_it_when_it_cannot_be_filled_in(name, tell, quick, failure, logged):
    tell(TingTingNotifier(to=FIRST, **{name: "{{ 9812345678 / 0 }} {{ nowhere.x }}"}), failure())
    log = logged()

    assert dialled(quick) == [("call", FIRST)]
    assert f"`{name}` cannot be rendered, its default is used: ZeroDivisionError" in log
    assert "9812345678" not in log


def test_a_deadline_that_knows_no_task_is_delivered_although_the_message_names_one(quick):
    await_it(TingTingNotifier(to=FIRST, message="{{ ti.task_id }}", language="en"), {"deadline": {"id": "x"}})

    [text] = said(quick)
    assert "has missed its deadline" in text


@both_ways
def test_several_numbers_may_come_from_one_template_of_a_list(tell, quick, failure):
    quick.world.script_outcome(FIRST, "failed")
    quick.world.script_outcome(SECOND, "completed")
    tell(TingTingNotifier(to=["{{ on_call }}"], escalate_after=10), failure(on_call=[FIRST, SECOND]))

    assert dialled(quick) == [("call", FIRST), ("call", SECOND)]
