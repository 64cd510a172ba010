"""What a campaign refers to is found in TingTing's lists, caller numbers and a voice, or an error says it is not."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from support.scripted_server import ScriptedServer

from airflow_provider_tingting.api.lookups import choose_voice, list_caller_numbers, read_balance
from airflow_provider_tingting.api.models import CallerNumber, Voice
from airflow_provider_tingting.errors import TingTingAPIError, TingTingConfigError, TingTingNotFoundError

RIJA, BINOD, TWENTY = (
    Voice(id=1, voice_display_name="Rija", voice_internal_name="np_rija"),
    Voice(id=2, voice_display_name="Binod", voice_internal_name="np_binod"),
    Voice(id=20, voice_display_name="1", voice_internal_name="np_binod_slow"),
)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [(2, BINOD), ("2", BINOD), (" BINOD ", BINOD), ("NP_Binod", BINOD), ("1", RIJA)],
    ids=["id", "id as text", "display name", "internal name", "an id that is the name of another"],
)
def test_a_voice_is_found_by_its_id_before_its_names(wanted: str | int, found: Voice) -> None:
    assert choose_voice([TWENTY, RIJA, BINOD], wanted) is found


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        ("Sunita", "'Sunita' does not exist in this account. Its voices are: 'Rija' (1), 'Rija' (3)."),
        ("rija", "'rija' is shared by several voices"),
        (2, "'2' does not exist"),
    ],
    ids=["unknown name", "shared name", "unknown id"],
)
def test_a_voice_that_is_not_found_is_an_error_with_the_accounts_voices(wanted: str | int, says: str) -> None:
    other = Voice(id=3, voice_display_name="Rija", voice_internal_name="np_rija_slow")

    with pytest.raises(TingTingConfigError) as caught:
        choose_voice([RIJA, other], wanted)
    assert says in str(caught.value)


LENT = CallerNumber(id=3, phone_number="9801000000")
OWN = CallerNumber(id=3, phone_number="9851000000")


def absent(name: str) -> TingTingNotFoundError:
    return TingTingNotFoundError(name, "not found.", status_code=404)


@pytest.mark.parametrize(
    ("lent", "own", "found"),
    [
        ([LENT], [OWN], (LENT, OWN)),
        ([LENT], [LENT, OWN], (LENT, OWN)),
        ([LENT], absent("list_own_numbers"), (LENT,)),
        (absent("list_broker_numbers"), [OWN], (OWN,)),
    ],
    ids=["both lists", "a row in both lists", "only the lent ones", "only the own ones"],
)
def test_the_caller_numbers_are_those_of_both_lists_or_of_the_one_that_there_is(
    lent: object, own: object, found: tuple[CallerNumber, ...]
) -> None:
    server = ScriptedServer(list_broker_numbers=[lent], list_own_numbers=[own])

    assert server.run(list_caller_numbers()) == found


def test_a_server_without_any_list_of_caller_numbers_is_an_error() -> None:
    server = ScriptedServer(
        list_broker_numbers=absent("list_broker_numbers"), list_own_numbers=absent("list_own_numbers")
    )

    with pytest.raises(TingTingNotFoundError) as caught:
        server.run(list_caller_numbers())
    assert caught.value.call == "list_broker_numbers"


def test_the_log_says_that_the_balance_is_unknown_and_why(logged: Callable[[], str]) -> None:
    server = ScriptedServer(get_dashboard=TingTingAPIError("get_dashboard", "is down.", status_code=500))

    assert server.run(read_balance()) is None
    assert "The balance of the TingTing account is unknown: is down." in logged()
