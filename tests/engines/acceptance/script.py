"""Writes a scenario for any FIX version: what a client sends and when it waits for an answer.

A scenario is played as a definition is. Messages get the client's next number unless the scenario gives one. What an
`expect` takes is judged afterwards: a scenario says in a `brief` what comes back.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.engines.acceptance.definition import Act, Definition, Step
from tests.engines.acceptance.parties import CLIENT, FOLDERS, VENUE
from tests.engines.acceptance.transcript import HUNG_UP, Transcript
from tests.engines.versions import APPL_VER_IDS, Version

OLDEST, NEWEST = 40, 52
_FOLDERS = {version: folder for folder, version in FOLDERS.items()}


class Script:
    """The steps of a scenario, in the words of one version."""

    def __init__(self, version: Version) -> None:
        self.version = version
        self.next = 1
        """The client's next number."""
        self.steps: list[Step] = []

    # --- the session ---

    def log_on(self, more: str = "", *, connection: int = 1, answers: int = 1) -> None:
        """A new connection with a Logon, and the answer."""
        self.next = 1
        self.steps.append(Step(Act.CONNECT, connection))
        self.logon(more, connection=connection, answers=answers)

    def logon(self, more: str = "", *, connection: int = 1, answers: int = 1) -> None:
        """A Logon on the connection that is there, and the answer."""
        version = APPL_VER_IDS.get(self.version.application)
        self.say("A", f"98=0|108=30|{f'1137={version}|' if version else ''}{more}", connection=connection)
        self.expect(answers, connection=connection)

    def alive(self) -> None:
        """A TestRequest, and its Heartbeat: the session goes on, in sequence."""
        self.say("1", f"112=alive-{len(self.steps)}|")
        self.expect()

    def log_out(self) -> None:
        """A Logout, the answer, and the end of the connection."""
        self.say("5")
        self.expect()
        self.ended()

    # --- messages ---

    def say(
        self, msg_type: str, body: str = "", *, seq: str = "", header: str = "", without: int = 0, connection: int = 1
    ) -> None:
        """A message under the next number, or under another one. `without` leaves a field of the header out."""
        parts = {
            8: self.version.begin_string,
            35: msg_type,
            34: seq or str(self.next),
            49: CLIENT,
            52: "<TIME>",
            56: VENUE,
        }
        text = "".join(f"{tag}={value}|" for tag, value in parts.items() if tag != without)
        if not seq:
            self.next += 1
        self.raw(f"{text}{header}{body}", connection=connection)

    def order(self, more: str = "", *, without: int = 0, header: str = "", seq: str = "") -> None:
        """NewOrderSingle (D), which the acceptor sends back. `without` leaves a field of the body out."""
        self.say("D", order(self.version, without) + more, header=header, seq=seq)

    def raw(self, text: str, *, connection: int = 1) -> None:
        """A message as it stands, with `|` for the separator; 9 and 10 are computed where there is none."""
        self.steps.append(Step(Act.SEND, connection, text.replace("|", "\x01").encode("latin-1")))

    def expect(self, count: int = 1, *, connection: int = 1) -> None:
        """Wait for so many messages."""
        self.steps += [Step(Act.EXPECT, connection)] * count

    def ended(self, *, connection: int = 1) -> None:
        """Wait until the other side ends the connection."""
        self.steps.append(Step(Act.EXPECT_DISCONNECT, connection))

    def hang_up(self, *, connection: int = 1) -> None:
        """End the connection."""
        self.steps.append(Step(Act.DISCONNECT, connection))


def order(version: Version, without: int = 0) -> str:
    """The body of a NewOrderSingle that the acceptor sends back."""
    return "".join(f"{tag}={value}|" for tag, value in version.order("o1") if tag != without)


@dataclass(frozen=True, slots=True)
class Scenario:
    """Something that a client does, for the versions from `since` on."""

    name: str
    write: Callable[[Script], None]
    brief: str
    """What comes back, by MsgType: `3:4` is a session Reject with SessionRejectReason (373) 4, `.` the end of the
    connection, and `/` parts connections."""
    since: int = OLDEST
    until: int = NEWEST

    def __str__(self) -> str:
        return self.name

    def covers(self, version: Version) -> bool:
        """Whether the scenario can be played in that version."""
        return self.since <= version.level <= self.until

    def definition(self, version: Version) -> Definition:
        """The steps for that version."""
        script = Script(version)
        self.write(script)
        return Definition(f"{_FOLDERS[version]}/{self.name}", tuple(script.steps))

    def expected(self, version: Version) -> str:
        """The brief for that version."""
        return " ".join(_in_version(word, version) for word in self.brief.split(" "))


def _in_version(word: str, version: Version) -> str:
    """Before FIX 4.2 a Reject has no SessionRejectReason (373), and in 4.2 none above 11."""
    msg_type, _, reason = word.partition(":")
    known = version.level > 42 or (version.level == 42 and reason and int(reason) <= 11)
    return word if known else msg_type


def brief(transcript: Transcript) -> str:
    """A transcript by MsgType, as a scenario has it."""
    return " / ".join(" ".join(_word(event) for event in events) for events in transcript.connections)


def _word(event: bytes) -> str:
    if event == HUNG_UP:
        return "."
    fields = dict(pair.split(b"=", 1) for pair in event.split(b"\x01")[:-1])
    reason = fields.get(b"373", b"")
    return (fields[b"35"] + (b":" + reason if reason else b"")).decode()
