"""One side of a FIX session that keeps the session layer's rules, and notes whoever breaks them.

The rules are those of the FIX session layer (FIX 4.4 volume 2): numbers are consecutive; a number that is too high is
answered with ResendRequest, one that is too low without PossDupFlag ends the session; a TestRequest is answered with a
Heartbeat carrying its 112, a ResendRequest with replays (43=Y) and gap fills over administrative messages. A session's
numbers outlive its connections.

`faults` lists what the counterparty did that a strict engine would not stand for. It is empty at the end of every good
story.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable

from authzsvc.demo.wire import Message, read_message, timestamp
from authzsvc.errors import FixError

HEARTBEAT, TEST_REQUEST, RESEND_REQUEST, REJECT, SEQUENCE_RESET, LOGOUT, LOGON = "0", "1", "2", "3", "4", "5", "A"
ADMINISTRATIVE = frozenset({HEARTBEAT, TEST_REQUEST, RESEND_REQUEST, SEQUENCE_RESET, LOGOUT, LOGON})

Pairs = Iterable[tuple[int, object]]
Listener = Callable[["Peer", Message], None]


class Peer:
    """A FIX session as one counterparty sees it."""

    def __init__(self, comp_id: str, counterparty: str, version: str = "FIX.4.4") -> None:
        self.comp_id = comp_id
        self.counterparty = counterparty
        self.version = version
        self.next_out = 1
        self.next_in = 1
        self.sent: dict[int, Message] = {}
        self.received: list[Message] = []
        self.faults: list[str] = []
        self.on_message: Listener | None = None
        self.on_sent: Listener | None = None
        self._heard: dict[int, Message] = {}
        self._news = asyncio.Condition()
        self._writer: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None
        self._beating: asyncio.Task[None] | None = None
        self._said_goodbye = False
        self._asked_from = 0

    # --- the connection ---

    def attach(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, first: Message | None = None) -> None:
        """Go on with the session on this connection; `first` was already read from it."""
        self._writer = writer
        self._said_goodbye = False
        self._asked_from = 0
        self._reading = asyncio.create_task(self._read(reader, writer, first))

    @property
    def connected(self) -> bool:
        """The connection is up and the counterparty has not ended it."""
        return self._reading is not None and not self._reading.done()

    async def closed(self, timeout_s: float = 5.0) -> None:
        """Wait until the counterparty has closed the connection; raises `TimeoutError`."""
        if self._reading is not None:
            await asyncio.wait_for(asyncio.shield(self._reading), timeout_s)

    async def disconnect(self) -> None:
        """Drop the connection without a word."""
        for task in (self._beating, self._reading):
            if task is not None:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
        if self._writer is not None:
            self._writer.close()
            with contextlib.suppress(OSError):
                await self._writer.wait_closed()
        self._writer = None

    def beat(self, interval_s: float) -> None:
        """Send a Heartbeat at this interval from now on."""
        self._beating = asyncio.create_task(self._beat(interval_s))

    async def _beat(self, interval_s: float) -> None:
        while self.connected:
            await asyncio.sleep(interval_s)
            self.send(HEARTBEAT)

    def heard(self, seq: int) -> Message | None:
        """The message that was taken under this number, if one was."""
        return self._heard.get(seq)

    # --- sending ---

    def send(self, msg_type: str, pairs: Pairs = ()) -> Message:
        """Send a message under the next number."""
        message = self.make(msg_type, pairs, self.next_out)
        self.next_out += 1
        self.sent[message.seq] = message
        self.write(message.raw)
        if self.on_sent:
            self.on_sent(self, message)
        return message

    def make(self, msg_type: str, pairs: Pairs, seq: int, orig_sending_time: str | None = None) -> Message:
        """A message with this session's header; a replay where it has an OrigSendingTime (122)."""
        replay = () if orig_sending_time is None else ((43, "Y"), (122, orig_sending_time))
        header = ((49, self.comp_id), (56, self.counterparty), (34, seq), *replay, (52, timestamp()))
        return Message.build(self.version, msg_type, (*header, *pairs))

    def write(self, raw: bytes) -> None:
        """Put bytes on the wire as they are."""
        if self._writer is not None and not self._writer.is_closing():
            self._writer.write(raw)

    def logon(self, pairs: Pairs = (), *, reset: bool = False, interval_s: int = 30) -> Message:
        """Send a Logon; with `reset` both numbers begin anew (141=Y)."""
        if reset:
            self.next_out = self.next_in = 1
            self.sent.clear()
            self._heard.clear()
        flags = ((141, "Y"),) if reset else ()
        return self.send(LOGON, ((98, 0), (108, interval_s), *flags, *pairs))

    def logout(self, text: str = "") -> Message:
        """Begin to end the session."""
        self._said_goodbye = True
        return self.send(LOGOUT, ((58, text),) if text else ())

    # --- receiving ---

    async def wait_for(self, wanted: Callable[[Message], bool], timeout_s: float = 5.0, after: int = 0) -> Message:
        """The first message received that is wanted, from the `after`th on; raises `TimeoutError`."""

        def found() -> Message | None:
            return next((message for message in self.received[after:] if wanted(message)), None)

        async with self._news:
            await asyncio.wait_for(self._news.wait_for(lambda: found() is not None), timeout_s)
        message = found()
        if message is None:  # wait_for has just seen it
            raise TimeoutError
        return message

    async def wait_for_type(self, msg_type: str, timeout_s: float = 5.0, after: int = 0) -> Message:
        """The first message of a type; raises `TimeoutError`."""
        return await self.wait_for(lambda message: message.type == msg_type, timeout_s, after)

    async def wait_until(self, holds: Callable[[], bool], timeout_s: float = 5.0) -> None:
        """Wait until something holds, looked at after each message; raises `TimeoutError`."""
        async with self._news:
            await asyncio.wait_for(self._news.wait_for(holds), timeout_s)

    async def _read(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, first: Message | None) -> None:
        try:
            if first is not None:
                await self._take(first)
            while True:
                await self._take(await read_message(reader))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        except FixError as error:
            self.faults.append(str(error))
        finally:
            writer.close()  # this connection's: the session may have another by now

    async def _take(self, message: Message) -> None:
        self.received.append(message)
        if not all(value for _, value in message.pairs):
            self.faults.append(f"a field without a value in {message}")
        if self._in_sequence(message):
            self._answer(message)
            if self.on_message:
                self.on_message(self, message)
        async with self._news:
            self._news.notify_all()

    def _in_sequence(self, message: Message) -> bool:
        """Keep count; whether the message is to be acted upon."""
        if message.type == SEQUENCE_RESET and message.get(123) != "Y":
            self.next_in = int(message.get(36))
            return False
        if message.type == LOGON and message.get(141) == "Y":
            self.next_in = 1
            self._heard.clear()
        if message.seq > self.next_in:
            return self._too_high(message)
        if message.seq < self.next_in:
            return self._too_low(message)
        self._heard[message.seq] = message
        self.next_in = int(message.get(36)) if message.type == SEQUENCE_RESET else message.seq + 1
        return True

    def _too_high(self, message: Message) -> bool:
        if message.type == LOGON and self.on_message:
            # A Logon counts whatever its number; what was missed is asked for behind the answer to it.
            self.on_message(self, message)
        if message.type == RESEND_REQUEST:
            # Answered at once, lest both sides wait for each other.
            self._replay(message)
        if self._asked_from != self.next_in:
            self._asked_from = self.next_in
            self.send(RESEND_REQUEST, ((7, self.next_in), (16, 0)))
        return False

    def _too_low(self, message: Message) -> bool:
        before = self._heard.get(message.seq)
        if not message.poss_dup:
            self.faults.append(f"MsgSeqNum too low: expected {self.next_in}, received {message}")
        elif before is not None and before.type == message.type and before.body != message.body:
            self.faults.append(f"number {message.seq} came twice with different content: {before} and {message}")
        return False

    # --- answering ---

    def _answer(self, message: Message) -> None:
        if message.type == TEST_REQUEST:
            self.send(HEARTBEAT, ((112, message.get(112)),))
        elif message.type == RESEND_REQUEST:
            self._replay(message)
        elif message.type == LOGOUT:
            if not self._said_goodbye:
                self.logout()
            if self._writer is not None:
                self._writer.close()

    def _replay(self, request: Message) -> None:
        begin, end = int(request.get(7)), int(request.get(16)) or self.next_out - 1
        gap_from = begin
        for seq in range(begin, min(end, self.next_out - 1) + 1):
            original = self.sent.get(seq)
            if original is None or original.type in ADMINISTRATIVE:
                continue
            self._fill_gap(gap_from, seq)
            body = tuple(pair for pair in original.body if pair[0] not in {35, 49, 56})
            self.write(self.make(original.type, body, seq, original.get(52)).raw)
            gap_from = seq + 1
        self._fill_gap(gap_from, min(end, self.next_out - 1) + 1)

    def _fill_gap(self, begin: int, end: int) -> None:
        if begin < end:
            self.write(self.make(SEQUENCE_RESET, ((123, "Y"), (36, end)), begin, timestamp()).raw)
