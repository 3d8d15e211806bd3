"""Messages whose frame is wrong (2d, 2m, 2t, 3b, 3c): the engine ignores them, and the gap that they leave heals."""

from __future__ import annotations

from collections.abc import Callable

from tests.engines.acceptance.script import Scenario, Script, order

Write = Callable[[Script], None]


def _ignored(spoil: Callable[[str], str]) -> Write:
    """An order that is spoiled so is ignored; the next message shows the gap, and the order sent again heals it."""

    def write(script: Script) -> None:
        script.log_on()
        lost = script.next
        script.raw(spoil(_order(script)))
        script.next += 1
        script.say("1", "112=behind|")
        script.expect()
        script.order(seq=str(lost), header="43=Y|122=<TIME>|")
        script.expect(2)
        script.alive()
        script.log_out()

    return write


def _ignored_twice(script: Script) -> None:
    """Two garbled ones with a good one between them and one behind: both are asked for."""
    script.log_on()
    script.raw(_checksum(_order(script)))
    script.next += 1
    script.order()
    script.raw(_garbled(_order(script)))
    script.next += 1
    script.say("1", "112=behind|")
    script.expect()
    again = "43=Y|122=<TIME>|"
    for number in ("2", "3", "4"):
        script.order(seq=number, header=again)
    script.expect(4)
    script.alive()
    script.log_out()


def _unnumbered(script: Script) -> None:
    """Bytes that are no message at all, between two messages. Nothing is missing afterwards."""
    script.log_on()
    script.raw("garbage|")
    script.alive()
    script.log_out()


def _order(script: Script) -> str:
    """An order under the next number, as text, without 9 and 10."""
    begin = f"8={script.version.begin_string}|35=D|34={script.next}|49=TW|52=<TIME>|56=ISLD|"
    return begin + order(script.version)


def _checksum(text: str) -> str:
    return f"{text}10=256|"


def _garbled(text: str) -> str:
    """In the middle, so that the sum is wrong too."""
    return text.replace("|49=", "|49garbled=") + "10=000|"


def _type_first(text: str) -> str:
    begin, msg_type, rest = text.split("|", 2)
    return f"{begin}|{rest}{msg_type}|"


def _short(text: str) -> str:
    begin, rest = text.split("|", 1)
    return f"{begin}|9=30|{rest}"


HEALED = "A 2 D 0 0 5 ."

FRAMES = (
    Scenario("3b-a-wrong-CheckSum", _ignored(_checksum), HEALED),
    Scenario("2d-3c-a-garbled-tag", _ignored(_garbled), HEALED),
    Scenario("2t-MsgType-is-not-third", _ignored(_type_first), HEALED),
    Scenario("2m-a-BodyLength-too-small", _ignored(_short), HEALED),
    Scenario("2d-3b-two-among-good-ones", _ignored_twice, "A 2 D D D 0 0 5 ."),
    Scenario("2d-bytes-between-messages", _unnumbered, "A 0 5 ."),
)
