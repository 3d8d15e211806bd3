"""Messages in an exact frame with a field that is wrong (14a to 14i, 2q, 2r), and with unusual values that are right.

The engine answers each wrong one with a reject, and the session goes on. The gateway refuses some of them itself and
leaves the others to the engine. To the client both must look alike.
"""

from __future__ import annotations

from collections.abc import Callable

from tests.engines.acceptance.script import Scenario, Script, order

Write = Callable[[Script], None]


def _answered(*sends: Write) -> Write:
    """Each of these is answered with one message, and the session goes on."""

    def write(script: Script) -> None:
        script.log_on()
        for send in sends:
            send(script)
            script.expect()
            script.alive()
        script.log_out()

    return write


def _heartbeat(body: str, **options: object) -> Write:
    return lambda script: script.say("0", body, **options)  # type: ignore[arg-type]


def _order(more: str = "", **options: object) -> Write:
    return lambda script: script.order(more, **options)  # type: ignore[arg-type]


def _without(tag: int) -> Write:
    return lambda script: script.say("0", without=tag)


def _header_instead(tag: int, text: str) -> Write:
    """A Heartbeat whose header has `text` in the place of a field."""
    return lambda script: script.say("0", without=tag, header=text)


def _body_before_header(script: Script) -> None:
    begin = f"8={script.version.begin_string}|35=D|"
    script.raw(f"{begin}{order(script.version)}34={script.next}|49=TW|52=<TIME>|56=ISLD|")
    script.next += 1


def _another_order_of_fields(script: Script) -> None:
    """Header fields may stand in any order behind the first three, and body fields in any order."""
    fields = [field for field in order(script.version).split("|") if field]
    body = "|".join(reversed(fields))
    script.raw(f"8={script.version.begin_string}|35=D|49=TW|34={script.next}|56=ISLD|52=<TIME>|{body}|")
    script.next += 1


def _leading_zeros(script: Script) -> None:
    script.order(seq=f"000{script.next}")
    script.next += 1


def _report(script: Script) -> None:
    """ExecutionReport (8), which only venues send."""
    body = "".join(f"{tag}={value}|" for tag, value in script.version.report("o1"))
    script.say("8", body)


def _say(msg_type: str, body: str) -> Write:
    return lambda script: script.say(msg_type, body)


def _several_empty(script: Script) -> None:
    """One after the other, in one session, in the header and in the body."""
    script.log_on()
    for header, more in (("", "58=|"), ("50=|", ""), ("", "1=|"), ("57=|", "")):
        script.order(more, header=header)
        script.expect()
    script.order()
    script.expect()
    script.alive()
    script.log_out()


def _bad_among_good(script: Script) -> None:
    """In one write: good, bad, good, bad, good. What is good comes back."""
    script.log_on()
    script.order()
    script.order("58=|")
    script.order()
    script.order("0=x|")
    script.order()
    script.expect(5)
    script.alive()
    script.log_out()


GROUP = "386=3|336=PRE|336=POST|"

FIELDS = (
    Scenario("14a-a-tag-that-is-0", _answered(_heartbeat("0=x|")), "A 3:0 0 5 ."),
    Scenario("14a-a-negative-tag", _answered(_heartbeat("-1=x|")), "A 3:0 0 5 ."),
    Scenario("14a-an-undefined-tag", _answered(_heartbeat("4999=x|")), "A 3:0 0 5 ."),
    Scenario("14a-in-an-order", _answered(_order("0=x|"), _order("-58=x|")), "A 3:0 0 3:0 0 5 ."),
    Scenario("14b-no-TargetCompID", _answered(_without(56)), "A 3:1 0 5 ."),
    Scenario("14b-no-SenderCompID", _answered(_without(49)), "A 3:1 0 5 ."),
    Scenario("14b-no-SendingTime", _answered(_without(52)), "A 3:1 0 5 ."),
    Scenario("14b-no-Symbol", _answered(_order(without=55)), "A 3:1 0 5 .", until=42),
    Scenario("14b-no-OrdType", _answered(_order(without=40)), "A 3:1 0 5 ."),
    Scenario("14c-a-tag-of-another-message", _answered(_heartbeat("36=5|")), "A 3:2 0 5 ."),
    Scenario("14d-an-empty-Text", _answered(_order("58=|")), "A 3:4 0 5 ."),
    Scenario("14d-an-empty-SenderSubID", _answered(_order(header="50=|")), "A 3:4 0 5 ."),
    Scenario("14d-an-empty-TargetCompID", _answered(_header_instead(56, "56=|")), "A 3:4 0 5 ."),
    Scenario("14d-an-empty-TestReqID", _answered(_say("1", "112=|")), "A 3:4 0 5 ."),
    Scenario("14d-several", _several_empty, "A 3:4 3:4 3:4 3:4 D 0 5 ."),
    Scenario("14d-among-good-ones", _bad_among_good, "A D 3:4 D 3:0 D 0 5 ."),
    Scenario("14e-a-Side-that-is-none", _answered(_order("54=w|", without=54)), "A 3:5 0 5 ."),
    Scenario("14f-a-number-that-is-none", _answered(_order("38=+1|", without=38)), "A 3:6 0 5 ."),
    Scenario("14f-a-time-that-is-none", _answered(_order("126=tomorrow|")), "A 3:6 0 5 ."),
    Scenario("14g-the-header-behind-the-body", _answered(_body_before_header), "A 3:14 0 5 ."),
    Scenario("14h-a-repeated-body-field", _answered(_order("55=OTHER|")), "A 3:13 0 5 ."),
    Scenario("14h-a-repeated-TestReqID", _answered(_say("1", "112=a|112=b|")), "A 3:13 0 5 ."),
    Scenario("14h-a-repeated-BeginSeqNo", _answered(_say("2", "7=1|7=2|16=0|")), "A 3:13 0 5 ."),
    Scenario("14h-a-repeated-header-field", _answered(_heartbeat("", header="56=ISLD|")), "A 3:13 0 5 ."),
    Scenario("14i-a-group-that-counts-wrong", _answered(_order(GROUP)), "A 3:16 0 5 .", since=42),
    Scenario("15-another-order-of-fields", _answered(_another_order_of_fields), "A D 0 5 ."),
    Scenario("2q-a-MsgType-that-is-none", _answered(_say("*", "")), "A 3:11 0 5 ."),
    Scenario("2r-a-type-without-use", _answered(_report), "A 3 0 5 .", until=41),
    Scenario("2r-a-type-without-use", _answered(_report), "A j 0 5 .", since=42),
    Scenario("a-flag-that-is-none", _answered(_order(header="97=X|")), "A 3:6 0 5 .", since=41),
    Scenario("a-PossDupFlag-that-is-none", _answered(_order(header="43=X|")), "A 3:6 0 5 .", since=42),
    Scenario("values-a-MsgSeqNum-with-leading-zeros", _answered(_leading_zeros), "A D 0 5 ."),
    Scenario("values-a-number-with-leading-zeros", _answered(_order("38=013|", without=38)), "A D 0 5 ."),
    Scenario("values-a-negative-zero", _answered(_order("44=-0|", without=44)), "A D 0 5 ."),
    Scenario("values-several-codes", _answered(_order("18=1 G|")), "A D 0 5 .", since=42),
    Scenario("values-a-Text-of-all-sorts", _answered(_order("58=a=b;8=FIX.4.4 \t10=000\xe9|")), "A D 0 5 ."),
    Scenario("values-a-resend-from-01", _answered(_say("2", "7=01|16=01|")), "A 4 0 5 ."),
)
