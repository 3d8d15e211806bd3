"""Messages that could be read in two ways: telling fields, tampered with, then made to sum up again."""

from __future__ import annotations

from hypothesis import strategies as st

SOH = b"\x01"
HEADER = [b"34=7", b"49=ALGO", b"56=VENUE", b"52=20261120-10:00:00"]
# (length, data), neighbours and others; and tags beside them.
PAIRS = [(95, 96), (90, 91), (93, 89), (212, 213), (348, 349), (354, 355), (618, 619), (621, 622), (1401, 1402)]
APART = [(1525, 1527), (1678, 1697), (2372, 2371), (2494, 2493), (2522, 2521), (2802, 2801), (43109, 42684)]
NUMBERS = [9, 88, 92, 94, 383, 1526, 1696, 2110, 2370, 2492, 2520, 2800, 41101, 41102, 42683]
GROUPS = [
    b"453=2\x01448=A\x01447=D\x01452=1\x01448=B\x01447=D\x01452=3",
    b"555=2\x01600=X\x01621=1\x01622=a\x01600=Y\x01621=3\x01622=b=c",
    b"33=2\x0158=a\x01354=1\x01355=b\x0158=c\x01354=2\x01355=d=",
    b"627=2\x01628=H\x01629=20261120-10:00:00\x01628=I\x01630=3",
    b"453=3\x01448=A",
    b"453=0",
    b"448=A\x01448=B",
]
MSG_TYPES = [b"D", b"8", b"0", b"A", b"B", b"AB", b"AE", b"BE", b"n", b"U1"]
VERSIONS = [b"FIX.4.0", b"FIX.4.2", b"FIX.4.3", b"FIX.4.4", b"FIX.4.4", b"FIXT.1.1"]
TELLING_BYTES = b'\x00\x01\x02\n\r +-0123456789=|;<>&"]\x7f_'

_text = st.lists(st.one_of(st.sampled_from(list(TELLING_BYTES)), st.integers(0x20, 0x7E)), min_size=1, max_size=16).map(
    bytes
)
_tags = st.one_of(
    st.integers(1, 1_000), st.integers(1, 3_000), st.integers(40_000, 43_200), st.integers(1, 999_999),
    st.sampled_from(NUMBERS),
)  # fmt: skip


def _field(tag: int, value: bytes) -> bytes:
    return b"%d=%b" % (tag, value)


def _data(pair: tuple[int, int], content: bytes) -> bytes:
    length, data = pair
    return b"%d=%d\x01%d=%b" % (length, len(content), data, content)


_fields = st.one_of(
    st.builds(_field, _tags, _text),
    st.builds(_field, _tags, st.integers(0, 40).map(lambda number: b"%d" % number)),
    st.builds(_data, st.sampled_from(PAIRS + APART), _text),
    # A data field whose content looks like fields.
    st.builds(_data, st.sampled_from(PAIRS + APART), st.sampled_from([b"a=b", b"a_167=FUT", b"10=000", b"8=FIX.4.4"])),
    st.sampled_from(GROUPS),
    st.sampled_from([b"43=Y", b"97=N", b"122=20261120-09:00:00", b"50=desk", b"10=123", b"35=8", b"0167=CS"]),
)


def framed(version: bytes, body: bytes) -> bytes:
    """`body` with the right length and the right sum around it."""
    message = b"8=%b\x019=%d\x01%b" % (version, len(body), body)
    return message + b"10=%03d\x01" % (sum(message) % 256)


@st.composite
def messages(draw: st.DrawFn) -> bytes:
    """Mostly what a strict parser takes, or nearly so."""
    header = draw(st.permutations(HEADER))
    fields = [b"35=" + draw(st.sampled_from(MSG_TYPES)), *header, *draw(st.lists(_fields, max_size=12))]
    if draw(st.integers(0, 3)) == 0:
        fields[1:] = draw(st.permutations(fields[1:]))
    body = bytearray(SOH.join(fields) + SOH)
    for _ in range(draw(st.sampled_from([0, 0, 0, 1, 2]))):
        body[draw(st.integers(0, len(body) - 1))] = draw(st.sampled_from(list(TELLING_BYTES)))
    return framed(draw(st.sampled_from(VERSIONS)), bytes(body))
