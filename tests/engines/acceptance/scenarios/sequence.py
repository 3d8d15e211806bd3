"""Numbers: SequenceReset (10, 11a to 11c), resends (2b to 2g, 8), and a Logon that begins them anew (session reset)."""

from __future__ import annotations

from collections.abc import Callable

from tests.engines.acceptance.script import Scenario, Script

Write = Callable[[Script], None]
BEYOND = 3_000_000_000
"""More than 32 bits hold."""


def _reset(seq: str, new: int, flag: str = "123=N|") -> Write:
    """SequenceReset-Reset with this MsgSeqNum (34), which does not count."""

    def write(script: Script) -> None:
        script.log_on()
        script.order()
        script.expect()
        script.say("4", f"36={new}|{flag}", seq=seq)
        script.next = new
        script.alive()
        script.order()
        script.expect()
        script.log_out()

    return write


def _reset_backwards(script: Script) -> None:
    """A NewSeqNo (36) that was used already is refused, and nothing is reset."""
    script.log_on()
    script.alive()
    script.say("4", "36=1|123=N|", seq="0")
    script.expect()
    script.alive()
    script.log_out()


def _gap_fill(script: Script) -> None:
    script.log_on()
    script.say("4", "36=20|123=Y|")
    script.next = 20
    script.alive()
    script.order()
    script.expect()
    script.log_out()


def _beyond_32_bits(script: Script) -> None:
    """A venue that is open for 24 hours may never begin anew. QuickFIX takes 36 for 32 bits before FIX 4.3."""
    script.log_on()
    script.say("4", f"36={BEYOND}|123=N|", seq="0")
    script.next = BEYOND
    script.order()
    script.expect()
    script.order("58=|")
    script.expect()
    script.alive()
    script.log_out()


def _too_high(script: Script) -> None:
    script.log_on()
    script.next = 4
    script.order()
    script.expect()
    script.order(seq="2", header="43=Y|122=<TIME>|")
    script.say("4", "36=4|123=Y|", seq="3", header="43=Y|122=<TIME>|")
    script.expect(2)
    script.next = 5
    script.alive()
    script.log_out()


def _too_low(script: Script) -> None:
    script.log_on()
    script.alive()
    script.alive()
    script.say("0", seq="2")
    script.expect()
    script.ended()


def _poss_dup_seen_before(script: Script) -> None:
    script.log_on()
    script.order()
    script.expect()
    script.order(seq="2", header="43=Y|122=<TIME>|")
    script.alive()
    script.log_out()


def _poss_dup_without_its_time(script: Script) -> None:
    script.log_on()
    script.order()
    script.expect()
    script.order(seq="2", header="43=Y|")
    script.expect()
    script.alive()
    script.log_out()


def _asked_for_again(script: Script) -> None:
    """The venue's messages again: orders, and a gap fill over the Reject of the engine."""
    script.log_on()
    script.order()
    script.expect()
    script.order("54=w|", without=54)
    script.expect()
    script.order()
    script.expect()
    script.say("2", "7=2|16=4|")
    script.expect(3)
    script.alive()
    script.log_out()


def _logon_that_resets(script: Script) -> None:
    """In a live session, with messages before and behind."""
    script.log_on()
    script.order()
    script.expect()
    script.alive()
    script.next = 1
    script.logon("141=Y|")
    script.alive()
    script.order()
    script.expect()
    script.log_out()


def _logon_that_resets_twice(script: Script) -> None:
    script.log_on("141=Y|")
    for _ in range(2):
        script.alive()
        script.next = 1
        script.logon("141=Y|")
    script.order("58=|")
    script.expect()
    script.order()
    script.expect()
    script.log_out()


SEQUENCE = (
    Scenario("11a-a-reset-with-34-0", _reset("0", 25), "A D 0 D 5 ."),
    Scenario("11a-a-reset-with-no-123", _reset("0", 25, ""), "A D 0 D 5 ."),
    Scenario("11a-a-reset-with-34-too-high", _reset("70", 25), "A D 0 D 5 ."),
    Scenario("11a-a-reset-with-34-too-low", _reset("1", 25), "A D 0 D 5 ."),
    Scenario("11a-a-reset-in-sequence", _reset("3", 25), "A D 0 D 5 ."),
    Scenario("11b-a-reset-to-the-same", _reset("0", 3), "A D 0 D 5 ."),
    Scenario("11c-a-reset-backwards", _reset_backwards, "A 0 3:5 0 5 ."),
    Scenario("10-a-gap-fill", _gap_fill, "A 0 D 5 ."),
    Scenario("numbers-beyond-32-bits", _beyond_32_bits, "A D 3:4 0 5 .", since=43),
    Scenario("2b-too-high", _too_high, "A 2 D D 0 5 ."),
    Scenario("2c-too-low", _too_low, "A 0 0 5 ."),
    Scenario("2e-PossDup-seen-before", _poss_dup_seen_before, "A D 0 5 ."),
    Scenario("2g-PossDup-without-OrigSendingTime", _poss_dup_without_its_time, "A D 3:1 0 5 ."),
    Scenario("8-asked-for-again", _asked_for_again, "A D 3:5 D D 4 D 0 5 ."),
    Scenario("a-Logon-that-resets", _logon_that_resets, "A D 0 A 0 D 5 .", since=41),
    Scenario("a-Logon-that-resets-twice", _logon_that_resets_twice, "A 0 A 0 A 3:4 D 5 .", since=41),
)
