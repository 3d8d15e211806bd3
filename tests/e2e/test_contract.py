"""The worked examples of proto/README.md, held against what the real filter sends and the real service answers.

A recorder stands between the two. Ids, times, addresses, the token and the mapping's digest differ each time and are
exchanged for fixed words; all else must be equal, field by field.
"""

from __future__ import annotations

import ipaddress
import re
import ssl
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from envoy.service.auth.v3.external_auth_pb2 import CheckRequest, CheckResponse
from google.protobuf import text_format

from authzsvc.contract.kinds import Kinds
from authzsvc.contract.reading import parse
from authzsvc.contract.session_name import public_name
from authzsvc.demo.stack import Stack
from authzsvc.gateway import FilterSettings, ServerTls
from tests.e2e.certificates import Authority
from tests.e2e.conftest import PATIENT, StartStack
from tests.e2e.forge import forge
from tests.e2e.recorder import Recorder, recording
from tests.e2e.rig import HandVenue, Line, Rig, eventually
from tests.e2e.test_stock_filters import NetworkStack
from tests.unit.checks import MAPPING, SCOPES

EXAMPLES = Path(__file__).parents[2] / "proto" / "examples"
PRINCIPAL = "spiffe://algoprovider.example/mm"
STRANGER = "spiffe://stranger.example/app"

SPREAD = (
    "11=SPREAD-7|55=XYZ|54=1|555=2|600=XYZ 260320C100|609=OPT|624=1|600=XYZ 260320C110|609=OPT|624=2|38=1|40=2|44=1.25|"
)
STOCK = "11=STOCK-1|55=XYZ|167=CS|54=1|38=100|40=1|"
NEXT_SPREAD = SPREAD.replace("SPREAD-7", "SPREAD-8")
REPORT = "1=ACC-1|11=SPREAD-7|17=E-90|37=V-5|55=XYZ|54=1|39=0|150=0|"


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory, authority: Authority, hand_venue: HandVenue) -> dict[str, Any]:
    """What both stacks have in common: TLS, the examples' mapping, and a recorder in between."""
    folder = tmp_path_factory.mktemp("contract")
    mapping = folder / "mapping.yaml"
    mapping.write_text(MAPPING)
    server = authority.issue("gateway", x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
    tls = ServerTls(server.cert, server.key, client_ca=authority.ca)
    return {"mapping": mapping, "listen_tls": tls, "upstream_port": hand_venue.port}


@pytest.fixture(scope="module")
def stack(start_stack: StartStack, settings: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Stack:
    """The filter, asking the recorder."""
    filter_settings = FilterSettings(check=PATIENT, context={"gateway": "gw-1"})
    return start_stack(filter_settings, checks_to=tmp_path_factory.mktemp("r") / "recorder.sock", **settings)


@pytest.fixture(scope="module")
def network_stack(start_stack: StartStack, settings: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Stack:
    """Envoy's own network filter, asking the recorder."""
    recorder = tmp_path_factory.mktemp("r") / "recorder.sock"
    return start_stack(kind=NetworkStack, checks_to=recorder, **settings)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def recorder(stack: Stack) -> AsyncIterator[Recorder]:
    """Keeps what the filter asks."""
    async with recording(stack) as recorder:
        yield recorder


async def connect(rig: Rig, authority: Authority, uri: str = PRINCIPAL) -> Line:
    own = authority.issue("client", x509.UniformResourceIdentifier(uri))
    tls = ssl.create_default_context(cafile=authority.ca)
    tls.load_cert_chain(own.cert, own.key)
    return await rig.line(ssl=tls)


def token(rig: Rig, **options: Any) -> str:  # noqa: ANN401
    """The token of the examples."""
    claims = {"accounts": ["ACC-1"]} | options
    return rig.stack.issuer.mint(
        scopes=SCOPES, subject="algoprovider", client_id="algoprovider-mm", comp_id="ALGO", claims=claims
    )


def inbound(msg_type: str, seq: int, body: str) -> bytes:
    return forge(f"35={msg_type}|34={seq}|49=ALGO|56=VENUE|52=20260105-14:30:00.125|{body}")


def logon(rig: Rig, **options: Any) -> bytes:  # noqa: ANN401
    return inbound("A", 1, f"98=0|108=30|554={token(rig, **options)}|")


async def log_on(rig: Rig, authority: Authority, hand_venue: HandVenue) -> tuple[Line, Line]:
    """The two ends of a session."""
    await hand_venue.hang_up()
    client = await connect(rig, authority)
    client.send(logon(rig))
    venue = await hand_venue.line()
    assert (await venue.message()).type == "A"
    return client, venue


def read(name: str, kind: Any) -> Any:  # noqa: ANN401
    return text_format.Parse((EXAMPLES / f"{name}.txtpb").read_text(), kind())


def plain(message: Any) -> str:  # noqa: ANN401
    """Its text, with fixed words for what differs each time."""
    kept = type(message)()
    kept.CopyFrom(message)
    if isinstance(kept, CheckRequest):
        _fix_request(kept.attributes)
    text = text_format.MessageToString(kept)
    text = re.sub(r'"[0-9a-f]{24}"', '"DECISION"', text)
    text = re.sub(r'(?<=\\")[0-9a-f]{32}(?=\\")', "ETAG", text)
    text = re.sub(r'"\d{13}\.\d{13}"', '"REVISION"', text)
    text = re.sub(r'"[0-9a-f]{64}"|"MAPPING_DIGEST"', '"DIGEST"', text)
    return re.sub(r"at Unix time \d+", "at Unix time T", text)


def _fix_request(attributes: Any) -> None:  # noqa: ANN401
    for peer in (attributes.source, attributes.destination):
        assert peer.address.socket_address.port_value > 0
        peer.address.socket_address.address = "ADDRESS"
        peer.address.socket_address.port_value = 1
    if attributes.source.certificate:
        attributes.source.certificate = "CERTIFICATE"
    if attributes.request.HasField("time"):
        assert attributes.request.time.seconds > 0
        attributes.request.time.Clear()
    http = attributes.request.http
    if http.id:
        http.id = "ID"
    if "authorization" in http.headers:
        assert http.headers["authorization"].startswith("Bearer ")
        http.headers["authorization"] = "Bearer TOKEN"
    if "x-fix-session" in http.headers:
        assert re.fullmatch("[0-9a-f]{32}", http.headers["x-fix-session"])
        http.headers["x-fix-session"] = "SESSION"


async def assert_like(
    recorder: Recorder, event: str, msg_type: str, request_name: str, answer_name: str
) -> tuple[Any, Any]:
    """The exchange, equal to the examples."""
    request, answer = await eventually(lambda: recorder.of(event, msg_type), f"a Check: {event} {msg_type}")
    assert plain(request) == plain(read(request_name, CheckRequest))
    assert plain(answer) == plain(read(answer_name, CheckResponse))
    return request, answer


async def test_logon_allowed(rig: Rig, recorder: Recorder, authority: Authority, hand_venue: HandVenue) -> None:
    before = time.time()
    client, _ = await log_on(rig, authority, hand_venue)
    request, _ = await assert_like(recorder, "logon", "A", "logon.request", "logon.allowed")

    # What stands for these in the examples is real.
    attributes = request.attributes
    source, destination = attributes.source.address.socket_address, attributes.destination.address.socket_address
    assert f"{source.address}:{source.port_value}" == client.address
    assert (destination.address, destination.port_value) == ("127.0.0.1", rig.stack.port)
    assert int(before) <= attributes.request.time.seconds <= time.time()
    digest = attributes.request.http.headers["x-fix-certificate-sha256"]
    certificate = x509.load_pem_x509_certificate(Path(authority.ca).with_name("client-cert.pem").read_bytes())
    assert digest == certificate.fingerprint(hashes.SHA256()).hex()


async def test_logon_denied(rig: Rig, recorder: Recorder, authority: Authority) -> None:
    client = await connect(rig, authority)
    client.send(logon(rig, exp=1_767_600_000))
    await client.read_to_end()
    await assert_like(recorder, "logon", "A", "logon.request", "logon.denied")


async def test_message_allowed(rig: Rig, recorder: Recorder, authority: Authority, hand_venue: HandVenue) -> None:
    client, _ = await log_on(rig, authority, hand_venue)
    client.send(inbound("AB", 17, SPREAD))
    await assert_like(recorder, "message", "AB", "message.request", "message.allowed")


async def test_messages_of_a_kind_begin_alike(
    rig: Rig, recorder: Recorder, authority: Authority, hand_venue: HandVenue
) -> None:
    """The service that has read one of them reads the others by what is their own, and reads the same."""
    client, venue = await log_on(rig, authority, hand_venue)
    recorder.raw.clear()
    for seq, body in ((17, SPREAD), (18, NEXT_SPREAD)):
        client.send(inbound("AB", seq, body))
        assert (await venue.message()).type == "AB"
    client.send(inbound("D", 19, STOCK))
    first, second, other = await eventually(lambda: recorder.raw if len(recorder.raw) == 3 else None, "three Checks")
    kinds = Kinds()
    kinds.note(first, parse(CheckRequest.FromString(first)))
    assert kinds.read(second) == parse(CheckRequest.FromString(second))
    assert kinds.read(other) is None


async def test_message_denied(rig: Rig, recorder: Recorder, authority: Authority, hand_venue: HandVenue) -> None:
    client, _ = await log_on(rig, authority, hand_venue)
    client.send(inbound("D", 19, STOCK))
    await assert_like(recorder, "message", "D", "message.refused.request", "message.denied")


def headers_of(request: Any) -> Any:  # noqa: ANN401
    return request.attributes.request.http.headers


async def test_several_messages(rig: Rig, recorder: Recorder, authority: Authority, hand_venue: HandVenue) -> None:
    """What comes together is asked about together; the third is not judged with them."""
    client, venue = await log_on(rig, authority, hand_venue)
    recorder.exchanges.clear()
    client.send(inbound("AB", 17, SPREAD) + inbound("D", 18, STOCK) + inbound("AB", 19, NEXT_SPREAD))
    messages = [await venue.message() for _ in range(3)]
    assert [(message.type, message.seq) for message in messages] == [("AB", 17), ("1", 18), ("AB", 19)]
    (request, answer), (again, _) = [
        exchange for exchange in recorder.exchanges if headers_of(exchange[0])["x-fix-event"] == "message"
    ]
    assert plain(request) == plain(read("messages.request", CheckRequest))
    assert plain(answer) == plain(read("messages.denied", CheckResponse))
    assert (headers_of(again)["x-fix-msg-seq-num"], "x-fix-batch" in headers_of(again)) == ("19", False)

    session = headers_of(request)["x-fix-session"]

    def recorded() -> list[dict[str, Any]] | None:
        of_session = [event for event in rig.stack.events() if event["request_id"].startswith(public_name(session))]
        events = [event for event in of_session if event["event"] == "message"]
        return events if len(events) == 3 else None

    events = await eventually(recorded, "three events")
    assert [(event["msg_seq_num"], event["verdict"]) for event in events] == [
        (17, "allow"),
        (18, "deny"),
        (19, "allow"),
    ]


async def test_outbound(rig: Rig, recorder: Recorder, authority: Authority, hand_venue: HandVenue) -> None:
    _, venue = await log_on(rig, authority, hand_venue)
    venue.send(forge(f"35=8|34=44|49=VENUE|56=ALGO|52=20260105-14:30:00.125|{REPORT}"))
    await assert_like(recorder, "message", "8", "outbound.request", "outbound.allowed")


async def test_report(rig: Rig, recorder: Recorder, authority: Authority, hand_venue: HandVenue) -> None:
    client, _ = await log_on(rig, authority, hand_venue)
    client.send(b"8=FIX.4.4\x019=0100\x018=FIX.4.4\x01")  # it ends before the next BeginString
    await assert_like(recorder, "report", "", "report.request", "report.answer")


async def test_the_stock_network_filter(network_stack: Stack, authority: Authority, rig: Rig) -> None:
    async with recording(network_stack) as recorder:
        stock = Rig(network_stack, rig.venue)
        try:
            line = await connect(stock, authority, STRANGER)
            line.send(b"any bytes")
            await line.read_to_end()
            await assert_like(recorder, "", "", "network.request", "network.denied")
        finally:
            await stock.release()


async def test_ids_are_unique(rig: Rig, recorder: Recorder, authority: Authority, hand_venue: HandVenue) -> None:
    recorder.exchanges.clear()
    client, _ = await log_on(rig, authority, hand_venue)
    # Of different senders, so that each is asked about alone.
    client.send(b"".join(inbound("AB", seq, f"50={seq}|11={seq}|") for seq in range(2, 52)))
    await eventually(lambda: len(recorder.exchanges) >= 51, "51 Checks")
    ids = [request.attributes.request.http.id for request, _ in recorder.exchanges]
    decisions = [answer.dynamic_metadata["decision_id"] for _, answer in recorder.exchanges]
    assert len(set(ids)) == len(set(decisions)) == len(recorder.exchanges)
