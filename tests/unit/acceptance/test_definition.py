"""The acceptance definitions' format: lines to steps, and messages made complete."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.engines.acceptance.definition import Act, Definition, DefinitionError, Step, complete, parse, with_field

NOON = datetime(2026, 11, 30, 12, 0, 0, tzinfo=UTC)


def wire(text: str) -> bytes:
    return text.replace("|", "\x01").encode()


def test_each_kind_of_line_is_a_step() -> None:
    text = wire("# a comment\r\n\r\niCONNECT\r\nI8=FIX.4.4|35=0|\r\nE2,8=FIX.4.4|35=0|\ni2,DISCONNECT\neDISCONNECT")
    assert parse(text) == (
        Step(Act.CONNECT),
        Step(Act.SEND, 1, wire("8=FIX.4.4|35=0|")),
        Step(Act.EXPECT, 2, wire("8=FIX.4.4|35=0|")),
        Step(Act.DISCONNECT, 2),
        Step(Act.EXPECT_DISCONNECT),
    )


def test_an_unknown_step_is_refused() -> None:
    with pytest.raises(DefinitionError, match="iLOGON"):
        parse(b"iLOGON\n")


def test_length_checksum_and_times_are_filled_in() -> None:
    made = complete(wire("8=FIX.4.4|35=0|52=<TIME>|122=<TIME-121>|60=<TIME+5>|"), NOON)
    body = "35=0|52=20261130-12:00:00|122=20261130-11:57:59|60=20261130-12:00:05|"
    message = wire(f"8=FIX.4.4|9={len(body)}|{body}")
    assert made == message + b"10=%03d\x01" % (sum(message) % 256)


def test_a_length_and_a_checksum_that_are_given_stay() -> None:
    assert complete(wire("8=FIX.4.4|9=7|35=0|10=256|")) == wire("8=FIX.4.4|9=7|35=0|10=256|")


def test_what_does_not_begin_with_the_version_stays() -> None:
    assert complete(wire("35=0|8=FIX.4.4|34=2|")) == wire("35=0|8=FIX.4.4|34=2|")


def test_a_field_is_added_to_a_good_message_as_if_it_had_been_there() -> None:
    assert with_field(complete(wire("8=FIX.4.4|35=A|34=1|")), b"554=x") == complete(wire("8=FIX.4.4|35=A|34=1|554=x|"))


def test_a_field_is_added_to_a_bad_message_and_leaves_it_as_bad() -> None:
    """BodyLength two too small, CheckSum one too great."""
    good, better = complete(wire("8=FIX.4.4|35=A|34=1|")), complete(wire("8=FIX.4.4|35=A|34=1|554=x|"))

    def spoiled(message: bytes) -> bytes:
        length, checksum = int(message.split(b"\x01")[1][2:]), int(message[-4:-1])
        begin = message.replace(b"9=%d\x01" % length, b"9=%d\x01" % (length - 2))[:-7]
        return begin + b"10=%03d\x01" % ((checksum + 1) % 256)

    added = with_field(spoiled(good), b"554=x")
    assert added.split(b"\x01")[1] == spoiled(better).split(b"\x01")[1]
    assert (int(added[-4:-1]) - sum(added[:-7])) % 256 == (int(spoiled(good)[-4:-1]) - sum(spoiled(good)[:-7])) % 256


def test_the_heartbeat_that_a_definition_waits_for() -> None:
    steps = parse(wire("I8=FIX.4.4|35=A|108=6|\nI8=FIX.4.4|35=A|108=30|\n"))
    assert Definition("fix44/x", steps).heartbeat_s == 6
    assert Definition("fix44/x", steps).version == "fix44"
