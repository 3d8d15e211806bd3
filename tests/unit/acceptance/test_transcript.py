"""Two transcripts: when they are alike, and where they first differ."""

from __future__ import annotations

from tests.engines.acceptance.transcript import HUNG_UP, Transcript, difference, messages_in


def wire(text: str) -> bytes:
    return text.replace("|", "\x01").encode()


REJECT = wire("8=FIX.4.4|9=70|35=3|34=2|52=20261130-12:00:00|45=2|58=Tag specified without a value|371=58|10=001|")


def test_the_time_the_length_and_the_order_of_fields_do_not_count() -> None:
    other = wire("8=FIX.4.4|9=99|35=3|34=2|52=20261130-12:00:01|371=58|58=Tag specified without a value|45=2|10=002|")
    assert difference(Transcript([[REJECT, HUNG_UP]]), Transcript([[other, HUNG_UP]])) is None


def test_a_value_that_differs() -> None:
    found = difference(Transcript([[REJECT]]), Transcript([[REJECT.replace(b"371=58", b"371=55")]]))
    assert found is not None
    assert (found.connection, found.place, found.text_alone) == (1, 1, False)


def test_a_repeated_field_counts() -> None:
    assert difference(Transcript([[REJECT]]), Transcript([[REJECT.replace(b"45=2\x01", b"45=2\x0145=2\x01")]]))


def test_a_text_that_differs_alone() -> None:
    found = difference(Transcript([[REJECT]]), Transcript([[REJECT.replace(b"without a", b"with no")]]))
    assert found is not None
    assert found.text_alone


def test_an_end_that_the_other_does_not_have() -> None:
    found = difference(Transcript([[REJECT, HUNG_UP]]), Transcript([[REJECT]]))
    assert found is not None
    assert (found.bare, found.gateway, found.text_alone) == ("the end of the connection", "nothing", False)
    assert difference(Transcript([[REJECT]]), Transcript([[REJECT, HUNG_UP]])) is not None


def test_a_connection_that_was_never_made() -> None:
    found = difference(Transcript([[], [HUNG_UP]]), Transcript([[]]))
    assert found is not None
    assert (found.connection, found.place) == (2, 1)


def test_messages_are_taken_off_a_stream_whole() -> None:
    message = wire("8=FIX.4.4|9=5|35=0|10=163|")
    for cut in range(1, len(message)):
        buffer = bytearray(message[:cut])
        assert list(messages_in(buffer)) == []
        buffer += message[cut:] + message + message[:cut]
        assert list(messages_in(buffer)) == [message, message]
        assert bytes(buffer) == message[:cut]


def test_bytes_that_are_no_message_come_as_they_are() -> None:
    buffer = bytearray(b"HTTP/1.1 400\r\n")
    assert list(messages_in(buffer)) == [b"HTTP/1.1 400\r\n"]
