"""The category of each message, as the FIX specification files its messages: what a desk's traffic is sorted by.

The names are those of the FIX repository's categories, in plain words. A message that no version of the specification
has, such as a venue's own, is in no category.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

OTHER = "venue's own"
"""Stands for the category of a message that the specification does not have."""

_BY_CATEGORY = {
    "session": "0 1 2 3 4 5 A",
    "indications": "6 7",
    "news and mail": "B C",
    "quotes": "R S Z a b i AG AH AI AJ CW",
    "market data": "V W X Y CC CD CE DO DP DR",
    "market reference": "g h BI BJ BS BT BU BV",
    "instrument reference": "c d e f v w x y z AA BK BP BR CN CO",
    "party reference": "CF CG CK CX CY",
    "party risk limits": "CL CM CR CS CT DE DF DG DH DI",
    "party entitlements": "CU CV CZ DA DB",
    "orders": "8 9 D F G H Q BN",
    "cross orders": "s t u DS DT",
    "multileg orders": "AB AC",
    "lists": "E K L M N k l m",
    "mass orders": "q r AF BZ CA DJ DK",
    "allocations": "J P AS AT BM DU DV",
    "confirmations": "AK AU BH",
    "trade capture": "AD AE AQ AR DC DD DW DX",
    "settlement": "T AV BQ",
    "registration": "o p",
    "positions": "AL AM AN AO AP AW BL BO DL DM DN",
    "collateral": "AX AY AZ BA BB BG DQ",
    "margin": "CH CI CJ",
    "accounts": "CQ",
    "payments": "DY DZ EA EB",
    "rejects": "j",
    "network": "BC BD",
    "users": "BE BF CB",
    "application sequence": "BW BX BY",
    "other protocols": "n",
}

CATEGORIES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {category: tuple(types.split()) for category, types in _BY_CATEGORY.items()}
)
"""Category → its MsgTypes, in the order in which a trading day meets them."""

_OF = {msg_type: category for category, types in CATEGORIES.items() for msg_type in types}


def category_of(msg_type: str) -> str:
    """Returns the category of a MsgType (35), or `OTHER`."""
    return _OF.get(msg_type, OTHER)
