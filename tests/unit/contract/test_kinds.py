from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from envoy.service.auth.v3.external_auth_pb2 import CheckRequest
from hypothesis import given, settings
from hypothesis import strategies as st

from authzsvc.contract import kinds as module
from authzsvc.contract.kinds import Kinds
from authzsvc.contract.reading import parse
from authzsvc.contract.request import FixRequest, StockRequest
from authzsvc.errors import ContractError
from tests.unit.checks import check, in_two_parts, logon, soh

IDS = {"x-fix-session": "0123456789abcdef", "x-fix-sender-sub-id": "S", "x-fix-certificate-sha256": "a" * 64}


def whole(raw: bytes) -> FixRequest | StockRequest:
    return parse(CheckRequest.FromString(raw))


def order(seq: int = 17, body: str = "11=a|167=CS|", batch: str = "", request_id: str = "c1-9", **more: Any) -> Any:  # noqa: ANN401
    counted = {"x-fix-batch": batch} if batch else {}
    request = check("tok", body=soh(body), headers={**IDS, "x-fix-msg-seq-num": str(seq), **counted}, **more)
    request.attributes.request.http.id = request_id
    request.attributes.request.time.seconds = seq
    return request


def after(*before: Any) -> Kinds:  # noqa: ANN401
    """What is known once these have been read."""
    kinds = Kinds()
    for request in before:
        raw = in_two_parts(request)
        assert kinds.read(raw) is None
        kinds.note(raw, whole(raw))
    return kinds


@given(
    seq=st.integers(0, 2**63 - 1),
    values=st.lists(st.tuples(st.integers(1, 12_000), st.binary(min_size=1, max_size=9)), max_size=6),
    batch=st.sampled_from(["", "2", "3", "0", "x"]),
    request_id=st.text(max_size=9),
)
def test_a_message_of_a_known_kind_is_read_as_the_whole_would_be(
    seq: int, values: list[tuple[int, bytes]], batch: str, request_id: str
) -> None:
    request = order(seq, "", batch, request_id)
    request.attributes.request.http.raw_body = b"".join(b"%d=%s\x01" % pair for pair in values)
    raw = in_two_parts(request)
    found = after(order()).read(raw)
    try:
        expected = whole(raw)
    except ContractError:
        assert found is None
    else:
        assert found == expected


VALUES = {
    "authorization": ["Bearer a", "Bearer b"],
    "x-fix-event": ["message", "logon", "report"],
    "x-fix-direction": ["inbound", "outbound"],
    "x-fix-msg-type": ["D", "A"],
    "x-fix-msg-seq-num": ["7", "8", "x"],
    "x-fix-poss-dup": ["Y", "N"],
    "x-fix-refresh": ["Y", "N"],
    "x-fix-batch": ["2", "3"],
    "x-fix-sender-comp-id": ["S", "T"],
    "x-fix-target-comp-id": ["V"],
    "x-fix-session": ["s1", "s2"],
}
"""Headers, and what may stand in them."""


def _part(
    headers: dict[str, str], request_id: str, body: bytes, principal: str, context: dict[str, str], attributes: int
) -> bytes:
    part = CheckRequest()
    http = part.attributes.request.http
    http.headers.update(headers)
    http.id, http.raw_body, part.attributes.source.principal = request_id, body, principal
    part.attributes.context_extensions.update(context)
    if not principal:
        part.attributes.ClearField("source")
    return bytes(part.SerializeToString(deterministic=True)) * attributes


BODIES = st.sampled_from([b"", soh("11=a|"), soh("35=D|34=7|11=a|35=D|34=8|11=b|"), b"x"])
IDENTIFIERS = st.sampled_from(["", "c1-1", "c1-2"])
PRINCIPALS = st.sampled_from(["", "spiffe://a"])
CONTEXTS = st.dictionaries(st.sampled_from("ab"), st.sampled_from("xy"), max_size=1)
ANY_HEADERS = st.fixed_dictionaries({}, optional={name: st.sampled_from(values) for name, values in VALUES.items()})
FEW_HEADERS = st.lists(st.sampled_from(sorted(VALUES)), max_size=2).map(
    lambda names: {"x-fix-msg-seq-num": "7", **{name: VALUES[name][-1] for name in names}}
)
COMMON = {name: VALUES[name][0] for name in VALUES if name not in {"x-fix-msg-seq-num", "x-fix-batch", "x-fix-refresh"}}
PARTS = st.builds(_part, ANY_HEADERS, IDENTIFIERS, BODIES, PRINCIPALS, CONTEXTS, st.integers(0, 2))
FIRST_HEADERS = st.sampled_from([COMMON, COMMON | {"x-fix-msg-seq-num": "9"}])
FIRST = st.builds(_part, FIRST_HEADERS, IDENTIFIERS, BODIES, PRINCIPALS, st.just({}), st.just(1)) | PARTS
SECOND = st.builds(_part, FEW_HEADERS, IDENTIFIERS, BODIES, PRINCIPALS, CONTEXTS, st.just(1)) | PARTS


@settings(max_examples=1_000)
@given(FIRST, st.lists(SECOND, min_size=2, max_size=4))
def test_whatever_came_before_nothing_is_read_that_the_whole_does_not_say(common: bytes, own: list[bytes]) -> None:
    kinds = Kinds()
    for part in own:
        raw = common + part
        try:
            expected: FixRequest | StockRequest | None = whole(raw)
        except ContractError:
            expected = None
        assert kinds.read(raw) in (None, expected)
        if expected is not None:
            kinds.note(raw, expected)


def test_the_first_of_a_kind_may_be_of_several_messages() -> None:
    kinds = after(order(batch="2", body="35=AB|34=17|11=a|35=AB|34=18|"))
    found = kinds.read(in_two_parts(order(19)))
    assert isinstance(found, FixRequest)
    assert (found.seq, found.messages) == (19, 1)


@pytest.mark.parametrize(
    "other",
    [
        order(msg_type="D"),
        order(direction="outbound"),
        order(sender="OTHER"),
        order(without=("authorization",)),
        check("other", headers=IDS),
        check("tok", headers=IDS | {"x-fix-session": "0123456789abcdee"}),
        check("tok", headers=IDS | {"x-fix-poss-dup": "Y"}),
        check("tok", headers=IDS | {"x-fix-refresh": "Y"}),
        check("tok", headers=IDS | {"x-fix-certificate-sha256": "b" * 64}),
    ],
)
def test_what_begins_otherwise_is_of_another_kind(other: Any) -> None:  # noqa: ANN401
    assert after(order()).read(in_two_parts(other)) is None


def _header(name: str, value: str) -> Callable[[Any], None]:
    return lambda attributes: attributes.request.http.headers.update({name: value})


@pytest.mark.parametrize(
    "says_more",
    [
        _header("authorization", "Bearer other"),
        _header("x-fix-sender-comp-id", "OTHER"),
        _header("x-fix-event", "logon"),
        _header("x-fix-batch", ""),
        lambda attributes: attributes.request.http.headers.clear(),
        lambda attributes: setattr(attributes.source, "principal", "spiffe://other"),
        lambda attributes: attributes.source.SetInParent(),
        lambda attributes: attributes.context_extensions.update(gateway="other"),
    ],
)
def test_a_second_part_that_says_more_is_read_with_the_first(says_more: Callable[[Any], None]) -> None:
    raw = in_two_parts(order())
    kinds = after(order())
    own = CheckRequest()
    own.attributes.request.http.headers["x-fix-msg-seq-num"] = "18"
    says_more(own.attributes)
    other = raw[: module._first_part(raw)] + own.SerializeToString()
    assert kinds.read(other) is None
    # Nor does it speak for others that begin alike.
    kinds = Kinds()
    with suppress(ContractError):
        kinds.note(other, whole(other))
    assert kinds.read(raw) is None


@pytest.mark.parametrize("tail", [b"\x0a", b"\x0a\x05", b"\xff\xff", b"\x0a\x02\x22\x05", b"x"])
def test_bytes_that_are_no_request_are_not_read(tail: bytes) -> None:
    raw = in_two_parts(order())
    assert after(order()).read(raw[: module._first_part(raw)] + tail) is None


def _own_in_the_first(name: str) -> bytes:
    """Two parts, the first of which says a message's own `name`, too."""
    first, own = CheckRequest.FromString(in_two_parts(order())), CheckRequest()
    first.CopyFrom(order())
    http = first.attributes.request.http
    for field in {"id", "raw_body"} - {name}:
        http.ClearField(field)
    for header in {"x-fix-msg-seq-num", "x-fix-batch"} - {name}:
        http.headers.pop(header, None)
    if name == "x-fix-batch":
        http.headers[name] = "2"
    own.attributes.request.http.headers["x-fix-msg-seq-num"] = "18"
    return bytes(first.SerializeToString() + own.SerializeToString())


@pytest.mark.parametrize("name", ["id", "raw_body", "x-fix-msg-seq-num", "x-fix-batch"])
def test_what_is_a_messages_own_is_common_to_none(name: str) -> None:
    raw = _own_in_the_first(name)
    kinds = Kinds()
    kinds.note(raw, whole(in_two_parts(order())))
    assert kinds.read(raw) is None


@pytest.mark.parametrize(
    "request_",
    [logon("tok"), check("tok", event="watch", headers=IDS), check("tok", event="report")],
)
def test_only_messages_are_of_a_kind(request_: Any) -> None:  # noqa: ANN401
    raw = in_two_parts(request_)
    kinds = Kinds()
    kinds.note(raw, whole(raw))
    assert kinds.read(raw) is None


def test_a_request_in_one_part_is_read_whole() -> None:
    raw = order().SerializeToString()
    kinds = Kinds()
    kinds.note(raw, whole(raw))
    assert kinds.read(raw) is None


@pytest.mark.parametrize("length", [0, 1, 127, 128, 129, 16_383, 16_384, 40_000])
def test_where_the_first_part_ends(length: int) -> None:
    request = CheckRequest()
    padding = 0
    while (size := len(request.attributes.SerializeToString())) < length and padding <= length:
        padding += max(1, length - size - 8)
        request.attributes.source.principal = "x" * padding
    first = request.SerializeToString() or b"\x0a\x00"
    long = len(first) > 16_383 + 3
    assert module._first_part(first) == 0
    assert module._first_part(first + b"\x0a\x00") == (0 if long else len(first))
    assert module._first_part(b"") == module._first_part(b"\x0a") == module._first_part(b"\x12\x00\x0a\x00") == 0


def test_a_kind_is_forgotten_once_nobody_asks_about_it() -> None:
    raw = in_two_parts(order())
    kinds = after(order())
    for _ in range(5):
        kinds.forget()
        assert kinds.read(raw) is not None
    kinds.forget()
    kinds.forget()
    assert kinds.read(raw) is None


def test_nothing_of_a_message_is_kept_with_its_kind() -> None:
    kinds = after(order(body="35=AB|34=17|11=a|35=AB|34=18|", batch="2"))
    (kind,) = kinds._recent.values()
    assert (kind.id, kind.seq, kind.fields.pairs, kind.messages) == ("", 0, (), 1)


def test_no_more_are_known_than_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    all_raw = [in_two_parts(order(sender=f"S{number:02}")) for number in range(20)]
    monkeypatch.setattr(module, "MAX_BYTES", 4 * (len(all_raw[0]) + module._KIND_BYTES))
    kinds = Kinds()
    for raw in all_raw:
        kinds.note(raw, whole(raw))
    assert sum(kinds.read(raw) is not None for raw in all_raw) <= 8
    assert kinds.read(all_raw[-1]) is not None
