"""The story on a person's screen: what was sent, decided and received, and a verdict a claim."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.rule import Rule
from rich.text import Text

from authzsvc.demo.wire import Message
from authzsvc.fix.dictionary import load

TOKEN_FIELD = re.compile(r"\|554=([^|]{8})([^|]*)\|")


@dataclass(frozen=True, slots=True)
class Claim:
    """Something that the story shows, and whether it held."""

    text: str
    held: bool


class Screen:
    """Writes to a terminal, or to a file in plain text."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False)
        self._names = load("FIX.4.4")

    def title(self, text: str) -> None:
        """The head of the story."""
        self.console.print(Rule(f"[bold]{escape(text)}"))

    def step(self, text: str) -> None:
        """What happens next."""
        self.console.print()
        self.console.print(f"[bold cyan]▸ {escape(text)}")

    def say(self, text: str) -> None:
        """A line in between."""
        self._line(Text(text))

    def message(self, who: str, did: str, message: Message) -> None:
        """A FIX message, `|` for SOH, a token shortened."""
        name = self._names.message_name(message.type)
        self._line(Text.assemble((f"{who} {did} ", "bold"), f"{name} ({message.type})"))
        self._line(Text(f"    {shown(message)}", style="dim"))

    def decision(self, event: dict[str, Any]) -> None:
        """What the decision service recorded."""
        allowed = event["verdict"] == "allow"
        verdict = ("allowed", "bold green") if allowed else ("DENIED", "bold red")
        scope = f", scope {event['scope']}" if event["scope"] else ""
        self._line(Text.assemble(("decision ", "bold"), verdict, f"{scope}: {event['reason']}"))
        if event["severity"] == "high":
            facts = f"subject {event['session']['subject']}, {event['direction']} {event['msg_type']}, "
            facts += f"MsgSeqNum {event['msg_seq_num']}, decision {event['decision_id']}"
            self._line(Text.assemble(("event    ", "bold"), ("severity high", "bold red"), f": {facts}"))

    def _line(self, text: Text) -> None:
        # Left to the terminal to wrap, so that a message can be copied out whole.
        self.console.print(Text("  ") + text, soft_wrap=True)

    def claims(self, claims: Iterable[Claim]) -> None:
        """A line a claim."""
        self.console.print()
        self.title("What this showed")
        for claim in claims:
            mark = "[bold green]held  " if claim.held else "[bold red]BROKEN"
            self.console.print(f"{mark}[/] {escape(claim.text)}")


def shown(message: Message) -> str:
    """The message as text, with its token cut short."""
    return TOKEN_FIELD.sub(lambda found: f"|554={found[1]}…({len(found[1]) + len(found[2])} bytes)|", str(message))
