"""Who speaks and when (1b, 2i, 2o), and for whom: the route of a Reject (reverse route)."""

from __future__ import annotations

from collections.abc import Callable

from tests.engines.acceptance.script import Scenario, Script

Write = Callable[[Script], None]


def _another_begin_string(script: Script) -> None:
    """The engine logs out; the client answers the Logout."""
    script.log_on()
    other = "FIX.4.1" if script.version.begin_string == "FIX.4.2" else "FIX.4.2"
    script.raw(f"8={other}|35=1|34=2|49=TW|52=<TIME>|56=ISLD|112=x|")
    script.next = 3
    script.expect()
    script.say("5")
    script.ended()


def _time(offset: str) -> Write:
    def write(script: Script) -> None:
        script.log_on()
        script.say("0", without=52, header=f"52=<TIME{offset}>|")
        script.expect(2)
        script.say("5")
        script.ended()

    return write


def _second_connection(script: Script) -> None:
    """Of a live session: hung up without a word, and the first connection goes on."""
    script.log_on()
    first = script.next
    script.log_on(connection=2, answers=0)
    script.ended(connection=2)
    script.next = first
    script.alive()
    script.order()
    script.expect()
    script.log_out()


def _route(header: str) -> Write:
    """A bad order and a good one with these fields: the Reject goes back the way that the order came."""

    def write(script: Script) -> None:
        script.log_on()
        script.order("54=w|", without=54, header=header)
        script.expect()
        script.order("58=|", header=header)
        script.expect()
        script.alive()
        script.log_out()

    return write


ROUTED = "A 3:5 3:4 0 5 ."
EMPTY = "A 3:4 3:4 0 5 ."

IDENTITY = (
    Scenario("2i-another-BeginString", _another_begin_string, "A 5 ."),
    Scenario("2o-a-SendingTime-too-early", _time("-130"), "A 3:10 5 ."),
    Scenario("2o-a-SendingTime-too-late", _time("+130"), "A 3:10 5 ."),
    Scenario("1b-a-second-connection", _second_connection, "A 0 D 5 . / ."),
    Scenario("reverse-route-OnBehalfOf", _route("115=JCD|116=CS|"), ROUTED),
    Scenario("reverse-route-DeliverTo", _route("128=JCD|129=CS|"), ROUTED),
    Scenario("reverse-route-with-locations", _route("115=JCD|116=CS|144=CHI|"), ROUTED, since=41),
    Scenario("reverse-route-both-ways", _route("115=A|116=a|128=B|129=b|"), ROUTED),
    Scenario("reverse-route-of-an-empty-one", _route("115=|"), EMPTY),
)
