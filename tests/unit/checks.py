"""Checks as the filter sends them, a small mapping to judge them by, and a service to ask."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from envoy.service.auth.v3.external_auth_pb2 import CheckRequest, CheckResponse

from authzsvc.audit_log import AuditLog
from authzsvc.policy.compiler import compile_mapping
from authzsvc.policy.engine import Policy
from authzsvc.server.assembly import Parts, assemble
from authzsvc.server.issuers import build
from authzsvc.server.service import Authorizer
from authzsvc.sessions.sqlite import SqliteStore
from authzsvc.settings import load
from authzsvc.tokens.development import ALGORITHM, AUDIENCE, DevelopmentIssuer

MAPPING = """\
version: 1
name: example
description: What the examples are judged by
fix: FIX.5.0SP2
session:
  identity: {SenderCompID: fix_comp_id}
  exempt: []
  risk_reducing: [OrderCancelRequest, OrderMassCancelRequest]
scopes:
  order:create:equity:
    description: New single orders in common stock
    grants:
      - message: NewOrderSingle
        when: {SecurityType: CommonStock}
  order:create:option_multileg:
    description: New multileg orders
    grants:
      - message: NewOrderMultileg
  trade:view:own:
    description: Execution reports of the token's accounts
    grants:
      - message: ExecutionReport
        direction: outbound
        when: {Account: {claim: accounts}}
"""

SCOPES = ("order:create:option_multileg", "order:cancel", "order:replace", "trade:view:own")


def soh(text: str) -> bytes:
    """FIX as people write it, `|` for SOH."""
    return text.replace("|", "\x01").encode()


def check(
    token: str | None,
    *,
    event: str = "message",
    direction: str = "inbound",
    msg_type: str = "AB",
    sender: str = "ALGO",
    target: str = "VENUE",
    body: bytes = b"11=O-1\x01",
    headers: dict[str, str] | None = None,
    without: tuple[str, ...] = (),
) -> Any:  # noqa: ANN401 (the stubs of xds-protos carry no types)
    """A `CheckRequest` of the filter; `headers` come on top, and `without` takes some away."""
    request = CheckRequest()
    attributes = request.attributes
    attributes.source.address.socket_address.address = "192.0.2.7"
    attributes.source.address.socket_address.port_value = 40001
    attributes.source.principal = "spiffe://algoprovider.example/mm"
    attributes.context_extensions["gateway"] = "gw-1"
    http = attributes.request.http
    http.id, http.method, http.protocol, http.host = "c1-17", "POST", "FIX.4.4", target
    http.path, http.raw_body = f"/fix/{direction}/{msg_type}", body
    all_headers = {
        "x-fix-event": event,
        "x-fix-direction": direction,
        "x-fix-begin-string": "FIX.4.4",
        "x-fix-msg-type": msg_type,
        "x-fix-msg-seq-num": "17",
        "x-fix-poss-dup": "N",
        "x-fix-sender-comp-id": sender,
        "x-fix-target-comp-id": target,
        **({"authorization": f"Bearer {token}"} if token is not None else {}),
        **(headers or {}),
    }
    for name, value in all_headers.items():
        if name not in without:
            http.headers[name] = value
    return request


def logon(token: str | None, **more: Any) -> Any:  # noqa: ANN401
    """The Check of a Logon."""
    return check(token, event="logon", msg_type="A", body=soh("98=0|108=30|"), **more)


def in_two_parts(request: Any) -> bytes:  # noqa: ANN401
    """The same on the wire as the filter writes it: what a kind of messages has in common, then a message's own. A
    stock filter's is in one."""
    if "x-fix-event" not in request.attributes.request.http.headers:
        return bytes(request.SerializeToString())
    common, own = CheckRequest.FromString(request.SerializeToString()), CheckRequest()
    http, own_http = common.attributes.request.http, own.attributes.request.http
    own_http.id, own_http.raw_body = http.id, http.raw_body
    for name in ("x-fix-msg-seq-num", "x-fix-batch"):
        if name in http.headers:
            own_http.headers[name] = http.headers.pop(name)
    own.attributes.request.time.CopyFrom(common.attributes.request.time)
    for name in ("id", "raw_body"):
        http.ClearField(name)
    common.attributes.request.ClearField("time")
    return b"".join(part.SerializeToString(deterministic=True) for part in (common, own))


@dataclass(frozen=True)
class Answer:
    """A `CheckResponse`, told apart."""

    response: Any

    @property
    def allowed(self) -> bool:
        return bool(self.response.WhichOneof("http_response") == "ok_response")

    @property
    def headers(self) -> dict[str, str]:
        either = self.response.ok_response if self.allowed else self.response.denied_response
        return {option.header.key: option.header.value for option in either.headers}

    @property
    def metadata(self) -> dict[str, str]:
        return {name: value.string_value for name, value in self.response.dynamic_metadata.fields.items()}

    @property
    def text(self) -> str:
        return str(self.response.denied_response.body)


def ask(authorizer: Authorizer, request: Any) -> Answer:  # noqa: ANN401
    """One Check that waits for nobody, through bytes both ways."""
    try:
        authorizer.answer(in_two_parts(request), None).send(None)
    except StopIteration as answered:
        return Answer(CheckResponse.FromString(answered.value))
    raise AssertionError("the answer waits for somebody")


async def asked(authorizer: Authorizer, request: Any) -> Answer:  # noqa: ANN401
    """One Check, however long its answer takes."""
    return Answer(CheckResponse.FromString(await authorizer.answer(in_two_parts(request), None)))


def example_policy(directory: Path) -> Policy:
    """`MAPPING`, compiled."""
    path = directory / "mapping.yaml"
    path.write_text(MAPPING)
    return compile_mapping(path)


@dataclass(frozen=True)
class Desk:
    """A service with its issuer, and where its audit goes."""

    parts: Parts
    store: SqliteStore
    issuer: DevelopmentIssuer
    audit: AuditLog
    audit_path: Path

    @property
    def authorizer(self) -> Authorizer:
        """Who answers."""
        return self.parts.authorizer

    async def close(self) -> None:
        """Let go of what it holds."""
        await self.store.close()
        self.audit.close()

    def token(self, **more: Any) -> str:  # noqa: ANN401
        """AlgoProvider's token."""
        usual = {"scopes": SCOPES, "subject": "algoprovider", "client_id": "algoprovider-mm", "comp_id": "ALGO"}
        return self.issuer.mint(**{**usual, "claims": {"accounts": ["ACC-1"]}, **more})

    def audited(self) -> list[bytes]:
        """All lines, once the log is closed."""
        self.audit.close()
        return self.audit_path.read_bytes().splitlines()


async def desk(
    directory: Path, audit_path: Path | None = None, admitted: tuple[str, ...] = (), **sections: dict[str, Any]
) -> Desk:
    """A service that trusts a development issuer, without any server around it; `sections` are of its settings."""
    issuer = DevelopmentIssuer.create(directory / "keys")
    policy = example_policy(directory)
    path = audit_path or directory / "audit.jsonl"
    settings = load(
        None,
        {
            "listen": {"tcp": 0},
            "mapping": str(directory / "mapping.yaml"),
            "tokens": {"issuers": [trusted(issuer)]},
            "admission": {"principals": admitted},
            **sections,
            "sessions": {"store": None, **sections.get("sessions", {})},
        },
    )
    issuers = build(settings.tokens)
    for key_set in issuers.key_sets:
        await key_set.load()
    audit = AuditLog(str(path))
    store = await SqliteStore.open(settings.sessions.store)
    parts = await assemble(settings, policy, issuers.authenticator, store, audit)
    return Desk(parts, store, issuer, audit, path)


def trusted(issuer: DevelopmentIssuer) -> dict[str, object]:
    """The settings of a development issuer."""
    return {
        "issuer": issuer.name,
        "audience": AUDIENCE,
        "algorithms": [ALGORITHM],
        "jwks": {"file": str(issuer.jwks_path)},
    }
