"""What the strict profile refuses although QuickFIX takes it, or answers otherwise (2k).

The gateway answers as an engine answers a wrong field, with a session Reject (35=3), and the session goes on. A
refused resend (43=Y) is replaced by a gap fill, which the client does not see. A message with other CompIDs ends the
session by a Logout: QuickFIX sends a session Reject too, for which the gateway has no number.
"""

from __future__ import annotations

from collections.abc import Callable

from tests.engines.acceptance.script import Scenario, Script

Write = Callable[[Script], None]


def _refused(more: str, *, header: str = "") -> Write:
    """An order with these fields is refused, and the session goes on."""

    def write(script: Script) -> None:
        script.log_on()
        script.order(more, header=header)
        script.expect()
        script.alive()
        script.order()
        script.expect()
        script.log_out()

    return write


def _refused_as_resend(more: str) -> Write:
    """The venue asks for a number that was never sent; what comes then is refused."""

    def write(script: Script) -> None:
        script.log_on()
        script.say("1", "112=early|", seq="3")
        script.expect()
        script.order(more, seq="2", header="43=Y|122=<TIME>|")
        script.expect()
        script.next = 4
        script.alive()
        script.order()
        script.expect()
        script.log_out()

    return write


def _asked_for_again(script: Script) -> None:
    """The client asks for the venue's messages again: the gateway's Reject, which it remembers, comes again too."""
    script.log_on()
    script.order()
    script.expect()
    script.order("58=|")
    script.expect()
    script.order()
    script.expect()
    script.say("2", "7=2|16=4|")
    script.expect(3)
    script.alive()
    script.log_out()


def _another_comp_id(tag: int, value: str) -> Write:
    """The session ends; the next one goes on as if nothing had been."""

    def write(script: Script) -> None:
        script.log_on()
        script.order()
        script.expect()
        script.say("0", without=tag, header=f"{tag}={value}|")
        script.expect()
        script.say("5")
        script.ended()
        script.log_on()
        script.alive()
        script.log_out()

    return write


PROFILE = (
    Scenario("2k-another-SenderCompID", _another_comp_id(49, "WT"), "A D 5 . / A 0 5 ."),
    Scenario("2k-another-TargetCompID", _another_comp_id(56, "DLSI"), "A D 5 . / A 0 5 ."),
    Scenario("a-tag-that-is-no-number", _refused("58x=x|"), "A 3:0 0 D 5 ."),
    Scenario("a-field-without-equals-sign", _refused("58|"), "A 3:0 0 D 5 ."),
    Scenario("a-Reject-asked-for-again", _asked_for_again, "A D 3:4 D D 3:4 D 0 5 ."),
    Scenario("a-tag-with-a-leading-zero", _refused("058=x|"), "A 3:0 0 D 5 ."),
    Scenario("a-tag-beyond-six-digits", _refused("5000058=x|"), "A 3:0 0 D 5 ."),
    Scenario("data-without-its-length", _refused("355=abc|"), "A 3:1 0 D 5 .", since=42),
    Scenario("data-shorter-than-its-length", _refused("354=9|355=abc|"), "A 3:5 0 D 5 .", since=42),
    Scenario("a-resend-with-an-empty-Text", _refused_as_resend("58=|"), "A 2 0 0 D 5 ."),
    Scenario("a-resend-with-a-tag-that-is-0", _refused_as_resend("0=x|"), "A 2 0 0 D 5 ."),
)
