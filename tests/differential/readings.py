"""Three readings of the same bytes: the gateway's, simplefix's, and QuickFIX's.

A reading is all fields as (tag, value). Ours and simplefix's keep the order. QuickFIX sorts by tag, in each group too,
and writes the entries of a group once for each time that its counter stands in the message: of it only which values
each tag has can be compared, and how often where no counter stands twice.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import simplefix

ROOT = Path(__file__).parents[2]
READING = ROOT / "envoy/target/debug/examples/reading"
QUICKFIX = ROOT / "build/engines/quickfix"
SOH = b"\x01"

Fields = list[tuple[int, bytes]]


class Gateway:
    """Our own parser, in a process of its own: `envoy/core/examples/reading.rs`."""

    def __init__(self) -> None:
        if not READING.exists():
            raise FileNotFoundError(f"`{READING.relative_to(ROOT)}` is missing (make test)")
        self._process = subprocess.Popen([READING], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def read(self, message: bytes) -> Fields | None:
        """The fields of what would be forwarded; none for anything else."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(message.hex() + "\n")
        self._process.stdin.flush()
        reading = json.loads(self._process.stdout.readline())
        fields = reading.get("fields")
        return None if fields is None else [(tag, bytes.fromhex(value)) for tag, value in fields]

    def close(self) -> None:
        """Ends the process."""
        self._process.communicate(timeout=10)


def simplefix_reads(message: bytes) -> Fields | None:
    """The one message that simplefix finds; none where it finds none, more than one, or bytes behind it."""
    parser = simplefix.FixParser()
    parser.append_buffer(message)
    found = parser.get_message()
    if found is None or parser.get_buffer() or parser.get_message() is not None:
        return None
    return [(int(tag), value) for tag, value in found.pairs]


def quickfix() -> ModuleType:
    """QuickFIX's Python module, where `make` has built it."""
    sys.path.append(str(QUICKFIX))
    try:
        import quickfix as module  # type: ignore[import-not-found, unused-ignore]
    finally:
        sys.path.remove(str(QUICKFIX))
    found: ModuleType = module
    return found


class QuickFix:
    """QuickFIX with the dictionaries it brings, where `make` has built it."""

    def __init__(self) -> None:
        self._engine = quickfix()
        share = QUICKFIX / "share/quickfix"
        self._dictionaries = {path.stem: self._engine.DataDictionary(str(path)) for path in sorted(share.glob("*.xml"))}

    def reads(self, message: bytes) -> dict[str, Fields | None]:
        """Its readings by dictionary; `none` without one. None where it refuses the message.

        Its binding takes UTF-8 only: of other messages there is no reading.
        """
        try:
            text = message.decode()
        except UnicodeDecodeError:
            return {}
        transport = self._dictionaries["FIXT11"]
        readings = {"none": self._read(text)}
        for name, dictionary in self._dictionaries.items():
            both = (transport, dictionary) if name.startswith("FIX50") else (dictionary,)
            readings[name] = self._read(text, *both)
        return readings

    def _read(self, text: str, *dictionaries: object) -> Fields | None:
        message = self._engine.Message()
        try:
            message.setString(text, False, *dictionaries)
        except self._engine.InvalidMessage:
            return None
        return split(message.toString().encode())


def split(message: bytes) -> Fields:
    """The plainest reading; for what holds no separator in its data."""
    parts = (field.partition(b"=") for field in message.removesuffix(SOH).split(SOH))
    return [(int(tag), value) for tag, _, value in parts]


def same_values(ours: Fields, theirs: Fields) -> bool:
    """Each tag has the same values; as often, where there are as many fields."""
    if len(ours) == len(theirs):
        return sorted(ours) == sorted(theirs)
    return set(ours) == set(theirs)
