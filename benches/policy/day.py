"""AlgoProvider's day: the messages that every engine decides, and what each of them must say.

First what AlgoProvider is there for; then a bad release sends single orders, and someone tries what else the session
might do. Of each message, every engine is given the fields that the policy consults and no others: what they would make
of the rest is no part of the comparison.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from authzsvc.fix.fields import Fields

ALGO_PROVIDER: Final = frozenset(
    ("order:create:option_multileg", "order:cancel", "order:replace", "marketdata:subscribe:option")
)
SCOPES: Final = ALGO_PROVIDER | {
    "order:create:equity", "order:create:future", "order:create:limit", "order:create:market", "order:cancel:all",
    "order:status", "marketdata:subscribe:level1", "marketdata:snapshot", "marketdata:unsubscribe",
}  # fmt: skip
"""All that the policy knows."""
CONSULTED: Final = frozenset((40, 167, 263, 264))
"""The tags that it looks at."""


@dataclass(frozen=True, slots=True)
class Message:
    """One inbound message."""

    msg_type: str
    fields: Fields
    allowed: bool
    """Whether AlgoProvider may send it."""

    @property
    def values(self) -> Mapping[str, tuple[str, ...]]:
        """Tag → its values in order, as the other engines take them."""
        pairs = sorted(self.fields.pairs, key=lambda pair: pair[0])
        return {
            str(tag): tuple(value.decode("ascii") for _, value in found)
            for tag, found in groupby(pairs, key=lambda pair: pair[0])
        }


def _message(msg_type: str, body: str, *, allowed: bool) -> Message:
    fields = Fields.parse(f"{body}|".replace("|", "\x01").encode("ascii"))
    return Message(msg_type, Fields(tuple(pair for pair in fields.pairs if pair[0] in CONSULTED)), allowed)


_SINGLE = "11=A1|55=ACME|54=1|60=20260105-14:30:00|38=100|44=10.5"
_OPTIONS = "262=M1|265=0|267=1|269=0|146=2|55=ACME|167=OPT|55=EMCA|167=OPT"
_SHARES = "262=M1|265=0|267=1|269=0|146=2|55=ACME|167=CS|55=EMCA|167=CS"
_MIXED = "262=M1|265=0|267=1|269=0|146=2|55=ACME|167=OPT|55=EMCA|167=CS"

DAY: Final = (
    _message("V", f"263=1|264=1|{_OPTIONS}", allowed=True),
    _message("V", f"263=1|264=0|{_OPTIONS}", allowed=True),
    _message("V", f"263=2|264=0|{_OPTIONS}", allowed=True),
    _message("AB", "11=S1|55=ACME|54=1|60=20260105-14:30:00|38=5|40=2|555=2|600=A|624=1|600=B|624=2", allowed=True),
    _message("G", "41=S1|11=S2|55=ACME|54=1|60=20260105-14:30:03|38=5|40=2|44=1.30", allowed=True),
    _message("G", "41=S2|11=S3|55=ACME|54=1|60=20260105-14:30:05|38=5|40=2|44=1.35", allowed=True),
    _message("F", "41=S3|11=S4|55=ACME|54=1|60=20260105-14:30:09", allowed=True),
    _message("AB", "11=S5|55=EMCA|54=2|60=20260105-14:31:00|38=9|40=1|555=2|600=A|624=1|600=B|624=2", allowed=True),
    _message("G", "41=S5|11=S6|55=EMCA|54=2|60=20260105-14:31:02|38=7|40=1", allowed=True),
    _message("F", "41=S6|11=S7|55=EMCA|54=2|60=20260105-14:31:04", allowed=True),
    _message("D", f"{_SINGLE}|40=2|167=CS", allowed=False),
    _message("D", f"{_SINGLE}|40=1|167=CS", allowed=False),
    _message("D", f"{_SINGLE}|40=2|167=FUT", allowed=False),
    _message("D", f"{_SINGLE}|40=3|167=OPT", allowed=False),
    _message("D", f"{_SINGLE}|40=2", allowed=False),
    _message("D", f"{_SINGLE}|40=4|167=CS|167=FUT", allowed=False),
    _message("V", f"263=1|264=1|{_SHARES}", allowed=False),
    _message("V", f"263=0|264=1|{_SHARES}", allowed=False),
    _message("V", f"263=2|264=1|{_MIXED}", allowed=False),
    _message("V", "262=M1|263=1|264=1|265=0|267=1|269=0|146=1|55=ACME", allowed=False),
    _message("q", "11=C1|530=7|60=20260105-14:32:00", allowed=False),
    _message("H", "11=S1|55=ACME|54=1", allowed=False),
)  # fmt: skip
