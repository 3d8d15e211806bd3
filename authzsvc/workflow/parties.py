"""Finds the clients among the parties of recorded sessions.

A party is a client if it sends messages that only clients send, such as an order, or receives messages that only venues
send, such as an execution report; the messages of either kind are counted, and the greater number decides. Where a
session has no such message, the party that sent the first Logon is the client: FIX has the client open the session.

The result is a guess about who is who, so callers say which clients they took.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from authzsvc.fix import flow
from authzsvc.fix.dictionary import Dictionary
from authzsvc.fix.direction import Direction
from authzsvc.policy.lookup import LOGON
from authzsvc.workflow.recorded import Heading


@dataclass(frozen=True, slots=True)
class Parties:
    """Who is who in recorded sessions."""

    clients: frozenset[str]
    """CompIDs."""
    unknown: tuple[tuple[str, str], ...]
    """Sessions, as pairs of CompIDs, of which no party is known to be the client; sorted."""


def find(counts: Mapping[Heading, int], dictionary: Dictionary) -> Parties:
    """Returns the clients of sessions. `counts` has the number of messages, in the order in which each kind was first
    seen."""
    clients: set[str] = set()
    unknown = []
    for pair, kinds in sorted(_by_pair(counts).items()):
        client = _client(pair, kinds, dictionary)
        if client is None:
            unknown.append(pair)
        else:
            clients.add(client)
    return Parties(frozenset(clients), tuple(unknown))


def _by_pair(counts: Mapping[Heading, int]) -> dict[tuple[str, str], list[tuple[Heading, int]]]:
    found = defaultdict(list)
    for heading, count in counts.items():
        low, high = sorted((heading.sender, heading.target))
        found[low, high].append((heading, count))
    return found


def _client(pair: tuple[str, str], kinds: Iterable[tuple[Heading, int]], dictionary: Dictionary) -> str | None:
    """Returns the client of one session, or `None`."""
    votes = dict.fromkeys(pair, 0)
    first_logon = None
    for heading, count in kinds:
        direction = flow.only_direction(dictionary, heading.msg_type)
        if direction is not None:
            votes[heading.sender if direction is Direction.INBOUND else heading.target] += count
        elif heading.msg_type == LOGON and first_logon is None:
            first_logon = heading.sender
    least, most = sorted(pair, key=lambda party: votes[party])
    return most if votes[most] > votes[least] else first_logon
