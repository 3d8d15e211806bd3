"""What operators, expiry and other Logons leave of a session."""

from __future__ import annotations

import pytest

from authzsvc import standing
from authzsvc.sessions.restrictions import By, Mode, Restrictions, RevokedBy
from authzsvc.standing import Ending, Limit
from tests.unit.sessions.building import restriction, revocation, who

NO_ROLES: frozenset[str] = frozenset()


def under(restrictions: Restrictions, *, logging_on: bool = False, roles: frozenset[str] = NO_ROLES) -> object:
    return standing.under(restrictions, "ALGO", who(), roles, logging_on=logging_on)


def test_nothing_in_force_takes_nothing() -> None:
    assert under(Restrictions()) is standing.FULL
    assert under(Restrictions([restriction(by=By.COMP_ID, value="OTHER")])) is None


def test_a_kill_ends_a_session_with_the_operators_reason_and_a_logon_without() -> None:
    kill = Restrictions([restriction()])
    live, logon = under(kill), under(kill, logging_on=True)
    assert isinstance(live, Ending)
    assert isinstance(logon, Ending)
    assert (live.text, live.session_status) == ("runaway orders", 7)
    assert (logon.text, logon.session_status) == ("logons are suspended", 7)
    assert live.reason == logon.reason == "kill `r-1` by unix:ann: runaway orders"
    assert not live.at_once
    assert not live.unauthenticated


def test_cancel_only_limits_and_lets_log_on() -> None:
    found = under(Restrictions([restriction(mode=Mode.CANCEL_ONLY)]), logging_on=True)
    assert isinstance(found, Limit)
    assert found.text == "only risk-reducing messages are allowed: runaway orders"
    assert found.reason == "cancel-only `r-1` by unix:ann: runaway orders"


def test_a_firm_is_stopped_and_no_session() -> None:
    kill = Restrictions([restriction(by=By.ON_BEHALF_OF, value="FIRM")])
    assert under(kill) is None
    assert under(kill, logging_on=True) is None
    stopped = standing.for_firm(kill, "FIRM", None)
    assert stopped is not None
    assert stopped.stops_all
    assert stopped.text == "nothing is allowed on behalf of this firm: runaway orders"
    assert stopped.reason == "kill `r-1` by unix:ann: runaway orders"
    of_session = Limit("text", "reason")
    for other in ("OTHER", "", None):
        assert standing.for_firm(kill, other, None) is None
        assert standing.for_firm(kill, other, of_session) is of_session
    assert standing.for_firm(kill, "FIRM", of_session) == stopped


def test_a_firm_may_be_held_to_what_reduces_risk() -> None:
    limited = Restrictions([restriction(by=By.ON_BEHALF_OF, value="FIRM", mode=Mode.CANCEL_ONLY)])
    found = standing.for_firm(limited, "FIRM", None)
    assert found is not None
    assert not found.stops_all
    assert found.text == "only risk-reducing messages are allowed: runaway orders"


@pytest.mark.parametrize("mode", list(Mode))
def test_a_revocation_comes_before_any_restriction(mode: Mode) -> None:
    found = under(Restrictions([restriction(mode=mode)], [revocation()]))
    assert isinstance(found, Ending)
    assert (found.text, found.session_status, found.unauthenticated) == ("access token revoked", 5, True)
    assert found.reason == "revocation `v-1` by unix:ann: stolen"


def test_a_revoked_subject_logs_on_with_a_later_token() -> None:
    revoked = Restrictions(revocations=[revocation(by=RevokedBy.SUBJECT, value="svc", at=1000.0)])
    assert standing.under(revoked, "ALGO", who(issued_at=999.0), NO_ROLES, logging_on=True) is not None
    assert standing.under(revoked, "ALGO", who(issued_at=None), NO_ROLES, logging_on=True) is not None
    assert standing.under(revoked, "ALGO", who(issued_at=1000.0), NO_ROLES, logging_on=True) is None


def test_a_role_hits_who_has_it() -> None:
    kill = Restrictions([restriction(by=By.ROLE, value="desk-7")])
    assert under(kill) is None
    assert isinstance(under(kill, roles=frozenset({"desk-7"})), Ending)


def test_what_else_ends() -> None:
    assert standing.expired(who()).text == standing.expiry_ends(who()).text == "access token expired"
    assert standing.expiry_ends(who()).session_status == 8
    assert standing.taken_over().at_once
    other = standing.already_logged_on("s-1")
    assert (other.text, other.session_status, other.at_once) == ("session is already logged on", 7, False)
    assert "s-1" in other.reason
    assert "s-1" not in other.text
