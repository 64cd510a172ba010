"""Numbers on the connection's do-not-call list are passed over, and a list that cannot be read lets no phone ring."""

from __future__ import annotations

import pytest
from support.campaigns import connection
from support.notices import FIRST, SECOND, THIRD, both_ways, dialled

from airflow_provider_tingting.notifications.tingting import TingTingNotifier


@pytest.fixture
def listed(quick, tmp_path, monkeypatch):
    """`listed(*numbers)` writes the do-not-call list that the connection names."""
    path = tmp_path / "do_not_call.csv"
    monkeypatch.setenv("AIRFLOW_CONN_TINGTING_DEFAULT", connection(quick, do_not_call=str(path)))

    def write(*numbers):
        path.write_text("\n".join(["Mobile", *numbers]))

    return write


@both_ways
def test_the_next_number_is_called_in_place_of_one_on_the_list(tell, quick, failure, listed, logged):
    listed(FIRST)

    tell(TingTingNotifier(to=[FIRST, SECOND]), failure())

    assert dialled(quick) == [("call", SECOND)]
    said = logged()
    assert "98******01 is not notified: it is on the do-not-call list" in said
    assert FIRST not in said


@both_ways
@pytest.mark.parametrize("services", ["PHONE", "SMS"])
def test_when_all_are_on_the_list_no_phone_rings_and_the_log_says_so(tell, quick, failure, listed, logged, services):
    listed(FIRST, SECOND)

    tell(TingTingNotifier(to=[FIRST, SECOND], services=services), failure())

    assert dialled(quick) == []
    assert not quick.world.campaigns
    assert "All numbers of `to` are on the do-not-call list" in logged()


@both_ways
def test_a_list_that_cannot_be_read_lets_no_phone_ring(tell, quick, failure, listed, logged):
    listed("9.84E+09")

    tell(TingTingNotifier(to=FIRST), failure())

    assert dialled(quick) == []
    assert "The do-not-call list of connection 'tingting_default' cannot be used, so no contact is called" in logged()


@both_ways
def test_the_last_number_that_may_be_called_fails_as_the_last_one(tell, quick, failure, listed, logged):
    listed(SECOND, THIRD)
    quick.faults.add("413", call="run_campaign", times="*")

    tell(TingTingNotifier(to=[FIRST, SECOND, THIRD]), failure())

    assert dialled(quick) == []
    assert "The notification was not sent" in logged()
