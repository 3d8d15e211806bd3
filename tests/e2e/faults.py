"""Each departure from the strict profile, put into a message that is good but for it.

Every reading in which FIX engines are known to differ is here: signs, spaces, underscores and leading zeros in tags,
repeated header fields, data fields that hide others, lengths and sums that are not exact.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from tests.e2e.forge import Draft, forge, raw

TAG = "a tag is not a number from 1 to 999999 without sign, space or leading zero"
BEGIN_STRING = "the message does not begin with a known BeginString (8)"
BODY_LENGTH = "BodyLength (9) is not the second field, not canonical or not exact"
TOO_LONG = "the message is longer than the limit"
CHECK_SUM = "CheckSum (10) is not exact or not three digits"
NOT_LAST = "CheckSum (10) is not the last field"
NOT_THIRD = "MsgType (35) is not the third field"
MSG_TYPE = "MsgType (35) is not 1 to 8 letters or digits"
REPEATED = "a header field stands twice"
REPEATED_IN_BODY = "a body field that the gateway acts on stands twice"
EMPTY = "a field has no value"
NUL = "a value holds a NUL byte"
MISSING = "MsgSeqNum (34), SenderCompID (49) or TargetCompID (56) is missing"
SEQ_NUM = "MsgSeqNum (34) is not a positive number"
FLAG = "PossDupFlag (43) is neither Y nor N"
IDENTIFIER = "a CompID, sub id or location id has bytes that are not printable ASCII"
DATA_LENGTH = "a data field does not follow its length field with exactly that many bytes"
DATA_ALONE = "a data field stands without its length field"
TOO_MANY = "the message has more fields than the limit"
UNFRAMED = "no message begins within `limits.max_message_bytes`"
FOREIGN = "BeginString, SenderCompID or TargetCompID is not the Logon's"


class Outcome(Enum):
    """What becomes of a live session."""

    REJECTED = "the message is answered with a session Reject, and the session goes on"
    IGNORED = "the bytes are ignored, and the session goes on"
    ENDED = "the session ends in sequence"
    CLOSED = "the connections close"


_IGNORED = frozenset({BEGIN_STRING, BODY_LENGTH, CHECK_SUM, NOT_THIRD})


@dataclass(frozen=True)
class Fault:
    """What is wrong, how to make it so, and what the audit must say."""

    name: str
    spoil: Callable[[Draft], bytes]
    reason: str
    later: tuple[Outcome, str] | None = None
    """What becomes of a live session, and what the audit says then, where that does not follow from the reason."""

    @property
    def outcome(self) -> Outcome:
        """What becomes of a live session."""
        if self.later:
            return self.later[0]
        if self.reason == SEQ_NUM:
            return Outcome.CLOSED
        return Outcome.IGNORED if self.reason in _IGNORED else Outcome.REJECTED

    @property
    def later_reason(self) -> str:
        """How what the audit says of it begins, on a live session."""
        if self.later:
            return self.later[1]
        return f"{self.reason}: ignored" if self.outcome is Outcome.IGNORED else self.reason

    def __str__(self) -> str:
        return self.name


def _more(name: str, fields: str, reason: str) -> Fault:
    """A fault in the fields at the end of the body."""
    return Fault(name, lambda draft: draft.whole(fields), reason)


def _length(name: str, length: str, reason: str) -> Fault:
    return Fault(name, lambda draft: forge(draft.text, length=length), reason)


def _length_off(by: int) -> Callable[[Draft], bytes]:
    """A 9 that is wrong by so much; another message follows, for the bytes that one too high would swallow."""
    return lambda draft: forge(draft.text, length=str(len(draft.text) + by)) + draft.whole()


def _sum_off(draft: Draft) -> bytes:
    good = draft.whole()
    wrong = (int(good[-4:-1]) + 1) % 256
    return good[:-4] + f"{wrong:03d}".encode() + good[-1:]


FAULTS = [
    # tags
    _more("0167=CS", "0167=CS|", TAG),
    _more("+167=CS", "+167=CS|", TAG),
    _more("-167=CS", "-167=CS|", TAG),
    _more(" 167=CS", " 167=CS|", TAG),
    _more("167 =CS", "167 =CS|", TAG),
    _more("1_67=CS", "1_67=CS|", TAG),
    _more("1000000=CS", "1000000=CS|", TAG),
    _more("0=CS", "0=CS|", TAG),
    _more("=CS", "=CS|", TAG),
    _more("no equals sign", "167|", TAG),
    _more("Arabic digits", "\u0661\u0666\u0667=CS|".encode().decode("latin-1"), TAG),
    _more("an empty field", "|", TAG),
    _more("an empty value", "58=|", EMPTY),
    _more("too many fields", "58=x|" * 2_100, TOO_MANY),
    _more("too many bytes", f"58={'x' * 100_000}|", TOO_LONG),
    # MsgType
    Fault("+35=D", lambda draft: forge(f"+35={draft.msg_type}|{draft.header}{draft.body}"), NOT_THIRD),
    Fault("035=D", lambda draft: forge(f"035={draft.msg_type}|{draft.header}{draft.body}"), NOT_THIRD),
    Fault("35 not third", lambda draft: forge(f"{draft.header}35={draft.msg_type}|{draft.body}"), NOT_THIRD),
    Fault("no 35", lambda draft: forge(f"{draft.header}{draft.body}"), NOT_THIRD),
    Fault("an odd 35", lambda draft: forge(f"35=D\xe9|{draft.header}{draft.body}"), MSG_TYPE),
    Fault("an endless 35", lambda draft: forge(f"35=DDDDDDDDD|{draft.header}{draft.body}"), MSG_TYPE),
    _more("a second 35", "35=F|", REPEATED),
    # body fields that the gateway acts on
    _more("a GapFill and none", "123=Y|123=N|", REPEATED_IN_BODY),
    _more("two new numbers", "36=9|36=3|", REPEATED_IN_BODY),
    _more("two ends of a resend", "7=1|16=0|16=2|", REPEATED_IN_BODY),
    # NUL
    _more("a value that ends at NUL", "167=CS\0FUT|", NUL),
    _more("data that ends at NUL", "354=3|355=a\0b|", NUL),
    # other header fields
    _more("a second 34", "34=7|", REPEATED),
    _more("a second 49", "49=OTHER|", REPEATED),
    _more("a second 8", "8=FIX.4.4|", REPEATED),
    _more("a second 9", "9=100|", REPEATED),
    _more("a 43 that is neither", "43=yes|", FLAG),
    Fault("no 34", lambda draft: draft.without(34), MISSING, (Outcome.CLOSED, MISSING)),
    Fault("no 49", lambda draft: draft.without(49), MISSING),
    Fault("no 56", lambda draft: draft.without(56), MISSING),
    Fault("34=0", lambda draft: draft.with_header(34, "0"), SEQ_NUM),
    Fault("34=-1", lambda draft: draft.with_header(34, "-1"), SEQ_NUM),
    Fault("34=+1", lambda draft: draft.with_header(34, "+1"), SEQ_NUM),
    Fault("34=1_0", lambda draft: draft.with_header(34, "1_0"), SEQ_NUM),
    Fault("34 beyond all", lambda draft: draft.with_header(34, "9" * 20), SEQ_NUM),
    Fault("49 not ASCII", lambda draft: draft.with_header(49, "ALG\xd6"), IDENTIFIER),
    # data fields
    _more("95 and 96 that hide 167=CS", "95=8|96=x|167=CS|", DATA_LENGTH),
    _more("a data field one short", "354=2|355=x|", DATA_LENGTH),
    _more("a data field one long", "354=2|355=xyz|", DATA_LENGTH),
    _more("a length without data", "354=3|58=abc|", DATA_LENGTH),
    _more("a length at the end", "354=3|", DATA_LENGTH),
    _more("a negative data length", "354=-1|355=x|", DATA_LENGTH),
    _more("a huge data length", "354=99999999999999999999|355=x|", DATA_LENGTH),
    _more("a data length with a sign", "354=+1|355=x|", DATA_LENGTH),
    _more("a data field of no length", "354=0|355=|", DATA_LENGTH),
    _more("data without a length", "355=x|", DATA_ALONE),
    _more("XmlData without a length", "213=x|", DATA_ALONE),
    # BodyLength
    Fault("9 too low", _length_off(-1), BODY_LENGTH),
    Fault("9 too high", _length_off(1), BODY_LENGTH),
    _length("9 negative", "-5", BODY_LENGTH),
    _length("9 with a sign", "+100", BODY_LENGTH),
    _length("9 with a leading zero", "0100", BODY_LENGTH),
    _length("9 with a space", " 100", BODY_LENGTH),
    _length("9 no number", "abc", BODY_LENGTH),
    _length("9 empty", "", BODY_LENGTH),
    Fault(
        "9 far above the limit", lambda draft: forge(draft.text, length="9999999"), TOO_LONG, (Outcome.CLOSED, TOO_LONG)
    ),
    _length("9 of eight digits", "10000000", BODY_LENGTH),
    _length("9 beyond all", "9" * 30, BODY_LENGTH),
    Fault("9 not second", lambda draft: raw(f"8=FIX.4.4|{draft.text}9=100|10=000|"), BODY_LENGTH),
    # CheckSum
    Fault("10 wrong", _sum_off, CHECK_SUM),
    Fault("10 of two digits", lambda draft: forge(draft.text, check_sum="12") + draft.whole(), BODY_LENGTH),
    Fault("10 of four digits", lambda draft: forge(draft.text, check_sum="0123"), BODY_LENGTH),
    Fault("10 no number", lambda draft: forge(draft.text, check_sum="1a2"), CHECK_SUM),
    _more("10 not last", "10=000|58=x|", NOT_LAST),
    Fault("no 10", lambda draft: draft.whole()[:-7] + draft.whole(), BODY_LENGTH),
    Fault(
        "endless, no 10",
        lambda draft: forge(draft.text, length="60000")[:-7] + b"x" * 200_000,
        BODY_LENGTH,
        (Outcome.CLOSED, UNFRAMED),
    ),
    # BeginString
    Fault(
        "an unknown 8",
        lambda draft: forge(draft.text, begin="FIX.9.9"),
        BEGIN_STRING,
        (Outcome.ENDED, FOREIGN),
    ),
    Fault("8 not first", lambda draft: raw("35=D|") + draft.whole(), BEGIN_STRING),
    Fault("a byte before 8", lambda draft: b"\n" + draft.whole(), BEGIN_STRING),
    Fault("another protocol", lambda _draft: b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", BEGIN_STRING),
    Fault("zero bytes", lambda _draft: bytes(4_096), BEGIN_STRING),
    Fault("only separators", lambda _draft: b"\x01" * 100, BEGIN_STRING),
]
