from __future__ import annotations

import pytest
from envoy.service.auth.v3.external_auth_pb2 import CheckRequest

from authzsvc.contract.reading import MAX_FIELDS, MAX_HEADERS, glimpse, parse
from authzsvc.contract.request import Event, FixRequest, StockRequest
from authzsvc.contract.session_name import public_name
from authzsvc.errors import ContractError
from authzsvc.fix.direction import Direction
from authzsvc.policy.engine import CompIds
from authzsvc.tokens.certificate import Certificate
from authzsvc.tokens.credential import Credential, Scheme
from tests.unit.checks import check, logon, soh


def fix(request: object) -> FixRequest:
    parsed = parse(request)
    assert isinstance(parsed, FixRequest)
    return parsed


def test_a_message() -> None:
    found = fix(check("tok", body=soh("11=A|11=B|167=OPT|"), headers={"x-fix-poss-dup": "Y"}))
    assert found == FixRequest(
        event=Event.MESSAGE,
        id="c1-17",
        msg_type="AB",
        seq=17,
        poss_dup=True,
        fields=found.fields,
        party=found.party,
        credential=Credential(Scheme.BEARER, "tok"),
    )
    assert (found.direction, found.client) == (Direction.INBOUND, CompIds("ALGO", target_comp_id="VENUE"))
    assert found.fields.pairs == ((11, b"A"), (11, b"B"), (167, b"OPT"))


def test_more_headers_or_facts_than_any_proxy_has_are_not_even_looked_at() -> None:
    headers = check("t", headers={f"h{number}": "" for number in range(MAX_HEADERS)})
    facts = check("t")
    facts.attributes.context_extensions.update({f"c{number}": "" for number in range(MAX_HEADERS + 1)})
    for request in (headers, facts):
        with pytest.raises(ContractError, match="more than"):
            parse(request)
        seen = glimpse(request)
        assert (seen.id, seen.context, seen.credential) == ("c1-17", {}, None)


def test_more_fields_than_any_check_has_are_not_read() -> None:
    assert len(fix(check("t", body=b"1=1\x01" * MAX_FIELDS)).fields.pairs) == MAX_FIELDS
    with pytest.raises(ContractError, match="more than"):
        parse(check("t", body=b"1=1\x01" * (MAX_FIELDS + 1)))


def test_it_is_frozen_and_hides_the_token() -> None:
    found = fix(check("very-secret", body=b"554=hidden\x01"))
    assert "very-secret" not in repr(found)
    assert "hidden" not in repr(found)
    with pytest.raises(AttributeError):
        found.seq = 3  # type: ignore[misc]


def test_the_client_is_the_sender_inbound_and_the_target_outbound() -> None:
    ids = {
        "x-fix-sender-sub-id": "S",
        "x-fix-sender-location-id": "SL",
        "x-fix-on-behalf-of-comp-id": "O",
        "x-fix-target-sub-id": "T",
        "x-fix-target-location-id": "TL",
        "x-fix-deliver-to-comp-id": "D",
    }
    assert fix(check("t", headers=ids)).client == CompIds("ALGO", "S", "SL", "O", "VENUE")
    outbound = check("t", direction="outbound", msg_type="8", sender="VENUE", target="ALGO", headers=ids)
    assert fix(outbound).client == CompIds("ALGO", "T", "TL", "D", "VENUE")


@pytest.mark.parametrize(
    ("value", "token"),
    [
        ("Bearer abc", "abc"),
        ("bearer abc", "abc"),
        ("BEARER  abc ", "abc"),
        ("Basic abc", None),
        ("abc", None),
        ("Bearer", None),
        ("Bearer ", None),
        ("", None),
    ],
)
def test_the_token_is_a_bearer_token(value: str, token: str | None) -> None:
    credential = fix(check(None, headers={"authorization": value})).credential
    assert (credential.secret if credential else None) == token


def test_bytes_that_are_no_utf8_arrive_as_they_are() -> None:
    assert fix(check("t", body=b"58=\xff\xfe\x01")).fields.first(58) == b"\xff\xfe"


@pytest.mark.parametrize(
    ("headers", "complaint"),
    [
        ({"x-fix-event": "watch"}, "x-fix-session"),
        ({"x-fix-event": "watch", "x-fix-session": "a b"}, "x-fix-session"),
        ({"x-fix-event": "renewal"}, "x-fix-fresh-authorization"),
        ({"x-fix-event": "renewal", "x-fix-fresh-authorization": "Bearer "}, "x-fix-fresh-authorization"),
        ({"x-fix-event": "connection"}, "x-fix-event"),
        ({"x-fix-event": ""}, "x-fix-event"),
        ({"x-fix-event": "Message"}, "x-fix-event"),
        ({"x-fix-direction": "sideways"}, "x-fix-direction"),
        ({"x-fix-direction": ""}, "x-fix-direction"),
        ({"x-fix-msg-type": ""}, "x-fix-msg-type"),
        ({"x-fix-msg-type": "D "}, "x-fix-msg-type"),
        ({"x-fix-msg-type": "D,8"}, "x-fix-msg-type"),
        ({"x-fix-msg-type": "\uff24"}, "x-fix-msg-type"),
        ({"x-fix-msg-type": "D" * 17}, "x-fix-msg-type"),
        ({"x-fix-sender-comp-id": ""}, "x-fix-sender-comp-id"),
        ({"x-fix-target-comp-id": "x" * 257}, "x-fix-target-comp-id"),
        ({"x-fix-msg-seq-num": ""}, "x-fix-msg-seq-num"),
        ({"x-fix-msg-seq-num": "-1"}, "x-fix-msg-seq-num"),
        ({"x-fix-msg-seq-num": "+1"}, "x-fix-msg-seq-num"),
        ({"x-fix-msg-seq-num": "1_0"}, "x-fix-msg-seq-num"),
        ({"x-fix-msg-seq-num": "٣"}, "x-fix-msg-seq-num"),
        ({"x-fix-msg-seq-num": "9223372036854775808"}, "x-fix-msg-seq-num"),
        ({"x-fix-poss-dup": "y"}, "x-fix-poss-dup"),
        ({"x-fix-event": "logon"}, "inbound Logon"),
        ({"x-fix-event": "logon", "x-fix-msg-type": "A", "x-fix-direction": "outbound"}, "inbound Logon"),
    ],
)
def test_what_no_proxy_would_send(headers: dict[str, str], complaint: str) -> None:
    with pytest.raises(ContractError, match=complaint):
        parse(check("t", headers=headers))


@pytest.mark.parametrize(
    "name", ["x-fix-direction", "x-fix-msg-type", "x-fix-msg-seq-num", "x-fix-sender-comp-id", "x-fix-target-comp-id"]
)
def test_a_header_that_must_be_there(name: str) -> None:
    with pytest.raises(ContractError, match=name):
        parse(check("t", without=(name,)))


@pytest.mark.parametrize("body", [b"11=A", b"=A\x01", b"011=A\x01", b"+11=A\x01", b"\x01", b"11\x01"])
def test_a_body_that_cannot_be_read(body: bytes) -> None:
    with pytest.raises(ContractError, match="raw_body"):
        parse(check("t", body=body))


def test_a_report_is_read_leniently() -> None:
    odd = {"x-fix-report": "violation", "x-fix-reason": "two 35s", "x-fix-msg-seq-num": "x", "x-fix-direction": "?"}
    found = fix(check(None, event="report", headers=odd, without=("x-fix-msg-type",), body=b"\x00"))
    assert (found.event, found.report) == (Event.REPORT, "violation: two 35s")
    assert (found.seq, found.msg_type, found.fields.pairs) == (0, "", ())


def test_a_glimpse_of_what_was_refused() -> None:
    refused = check("t", headers={"x-fix-msg-seq-num": "-1"})
    found = glimpse(refused)
    assert (found.event, found.party.sender, found.msg_type, found.seq) == (Event.MESSAGE, "ALGO", "AB", 0)
    assert glimpse(logon("t", headers={"x-fix-direction": "?"})).event is Event.LOGON


def test_stock_http_and_network_filters() -> None:
    http = CheckRequest()
    http.attributes.request.http.method = "GET"
    http.attributes.source.address.pipe.path = "/run/x"
    assert parse(http) == StockRequest(Event.HTTP, "", "/run/x", "", {})
    network = CheckRequest()
    network.attributes.source.principal = "spiffe://x"
    assert parse(network) == StockRequest(Event.CONNECTION, "", "", "spiffe://x", {})
    network.attributes.source.certificate = "no%20certificate"
    assert parse(network) == StockRequest(Event.CONNECTION, "", "", "spiffe://x", {}, Certificate())


def test_a_stock_http_filter_with_the_headers_set_by_its_caller_is_judged_by_them() -> None:
    request = check("t")
    request.attributes.request.http.path = "/anything"
    assert fix(request).event is Event.MESSAGE


def test_a_watch_names_its_session_and_what_it_knows() -> None:
    headers = {"x-fix-session": "0123456789abcdef", "if-none-match": '"e1"'}
    found = fix(check("tok", event="watch", headers=headers, without=("x-fix-msg-type", "x-fix-msg-seq-num")))
    assert (found.event, found.session, found.etag) == (Event.WATCH, public_name("0123456789abcdef"), '"e1"')
    assert (found.msg_type, found.seq, found.client.comp_id) == ("", 0, "ALGO")


def test_a_renewal_has_the_present_credential_and_the_fresh_one() -> None:
    headers = {"x-fix-fresh-authorization": "Bearer fresh", "x-fix-session": "s1"}
    found = fix(check("old", event="renewal", msg_type="BE", headers=headers))
    assert (found.credential, found.fresh) == (Credential(Scheme.BEARER, "old"), Credential(Scheme.BEARER, "fresh"))
    assert "old" not in repr(found)
    assert "fresh'" not in repr(found)
    with pytest.raises(ContractError):
        parse(check("old", event="renewal", direction="outbound", headers=headers))


def test_what_the_certificate_says() -> None:
    digest = "0a" * 32
    headers = {
        "x-fix-certificate-sha256": digest,
        "x-fix-certificate-uri-sans": "spiffe://a/b,spiffe://a/c",
        "x-fix-certificate-dns-sans": "fix.example",
        "x-fix-certificate-subject": "CN=algo,O=Algo",
    }
    whole = Certificate(digest, ("spiffe://a/b", "spiffe://a/c"), ("fix.example",), "CN=algo,O=Algo")
    assert fix(check("t", headers=headers)).certificate == whole
    assert fix(check("t")).certificate == Certificate()
    odd = fix(check("t", headers={**headers, "x-fix-certificate-sha256": digest.upper()})).certificate
    assert odd.sha256 == ""


@pytest.mark.parametrize(
    ("event", "value", "refresh"),
    [("message", "Y", True), ("message", "N", False), ("message", None, False), ("renewal", "Y", False)],
)
def test_a_message_that_has_passed_already(event: str, value: str | None, refresh: bool) -> None:
    headers = {"x-fix-fresh-authorization": "Bearer t2", **({"x-fix-refresh": value} if value else {})}
    found = parse(check("t", event=event, headers=headers))
    assert isinstance(found, FixRequest)
    assert found.refresh is refresh


@pytest.mark.parametrize("value", ["", "y", "yes", "1"])
def test_a_refresh_is_yes_or_no(value: str) -> None:
    with pytest.raises(ContractError, match="x-fix-refresh"):
        parse(check("t", headers={"x-fix-refresh": value}))
