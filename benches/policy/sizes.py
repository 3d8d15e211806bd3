"""Mappings of any size, and the questions that tell whether size shows.

Scopes grant single orders, each in one symbol up to a quantity, until there are as many such rules as were asked for;
the scopes after them grant other messages. The questions: allowed; too large a quantity; a symbol that only a scope not
held grants; a symbol that none does. They are asked for a session with a few scopes and for one with all of them.
"""

from __future__ import annotations

from authzsvc.fix.direction import Direction
from authzsvc.fix.fields import Fields
from authzsvc.policy.engine import Question

_OTHERS = ("OrderCancelRequest", "OrderStatusRequest", "QuoteRequest", "MarketDataRequest", "RequestForPositions")
_HELD = 4


def mapping_text(scopes: int, rules: int) -> str:
    """Write a mapping of `scopes` scopes, of which `rules` grant NewOrderSingle."""
    head = ["version: 1", f"name: of-{scopes}", "fix: FIX.5.0SP2", "session: {identity: {}}", "scopes:"]
    return "\n".join([*head, *(_scope(number, number < rules) for number in range(scopes))]) + "\n"


def _scope(number: int, is_rule: bool) -> str:
    if is_rule:
        grant = f"{{message: NewOrderSingle, when: {{Symbol: S{number}, OrderQty: {{max: 1000}}}}}}"
    else:
        grant = f"{{message: {_OTHERS[number % len(_OTHERS)]}, when: {{Symbol: S{number}}}}}"
    return f"  {scope_name(number)}: {{grants: [{grant}]}}"


def scope_name(number: int) -> str:
    """Name a scope of such a mapping."""
    return f"desk:trade:s{number}"


def questions(rules: int) -> dict[str, tuple[Question, ...]]:
    """Make the questions for a mapping with so many rules on NewOrderSingle; the scopes held are spread over them."""
    held = [number * (rules - 1) // (_HELD - 1) for number in range(_HELD)]
    not_held = next(number for number in range(rules) if number not in held)
    few, whole = frozenset(map(scope_name, held)), frozenset(("desk:trade:*",))
    return {
        "allowed": tuple(_order(f"S{number}", "100", scopes) for number in held for scopes in (few, whole)),
        "too large": tuple(_order(f"S{held[-1]}", "1001", scopes) for scopes in (few, whole)),
        "scope not held": (_order(f"S{not_held}", "100", few),),
        "nobody's symbol": tuple(_order("NOBODYS", "100", scopes) for scopes in (few, whole)),
    }


def _order(symbol: str, quantity: str, scopes: frozenset[str]) -> Question:
    fields = Fields(((55, symbol.encode()), (38, quantity.encode())))
    return Question(Direction.INBOUND, "D", fields, scopes, {})
