"""`Decision` → `CheckResponse`, exactly as the tables of proto/README.md say.

Invariant: the answer's status, its variant (`ok_response` or `denied_response`) and `x-fix-action` always agree,
because all three follow from the decision alone.

`render` is the truth; `encode` gives the same bytes faster, because answers are much alike: all but the decision's id
is rendered once for each kind of answer and remembered.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import grpc
from envoy.service.auth.v3.external_auth_pb2 import CheckResponse

from authzsvc.decision import Action, Decision, LogonTerms
from authzsvc.tokens.claims import Identity

OK: int = grpc.StatusCode.OK.value[0]
PERMISSION_DENIED: int = grpc.StatusCode.PERMISSION_DENIED.value[0]
UNAUTHENTICATED: int = grpc.StatusCode.UNAUTHENTICATED.value[0]
FAILED_PRECONDITION: int = grpc.StatusCode.FAILED_PRECONDITION.value[0]
HTTP_UNAUTHORIZED = 401
HTTP_FORBIDDEN = 403
HTTP_PRECONDITION_FAILED = 412

ID_LENGTH = 24
"""Characters in a decision's id: one length for all, so that ids can be exchanged in a rendered answer."""

_SOME_ID = "\x1a" * ID_LENGTH
_REMEMBERED_ANSWERS = 8192


def encode(decision: Decision, identity: Identity | None, allowed: int | None = None) -> bytes:
    """`render`, serialized."""
    if decision.terms is not None or decision.watch_s or len(decision.id) != ID_LENGTH:
        whole: bytes = render(decision, identity, allowed).SerializeToString()
        return whole
    subject, client_id = (identity.subject, identity.client_id) if identity else ("", "")
    pieces = _pieces(
        decision.allowed,
        decision.action,
        decision.text,
        decision.reason,
        decision.unauthenticated,
        decision.reject_reason,
        decision.session_status,
        decision.scope,
        decision.vary,
        decision.policy,
        decision.max_age,
        decision.stale_if_error,
        decision.etag,
        decision.revision,
        decision.terms_name,
        subject,
        client_id,
        allowed,
    )
    return decision.id.encode().join(pieces)


def render(decision: Decision, identity: Identity | None, allowed: int | None = None) -> Any:  # noqa: ANN401 (the stubs of xds-protos carry no types)
    """The answer; `identity` is who the token says it is, where it is valid.

    Of several messages, `allowed` is how many are: all, where the decision allows, else those before the one that it is
    about.
    """
    response = _render(decision, identity.subject if identity else "", identity.client_id if identity else "", allowed)
    if decision.allowed and decision.terms is not None and identity is not None:
        header = response.ok_response.headers.add().header
        header.key, header.value = "x-fix-client", client_name(identity)
    if decision.allowed and decision.username:
        header = response.ok_response.headers.add().header
        header.key, header.value = "x-fix-username", "accepted"
    return response


def client_name(identity: Identity) -> str:
    """Returns an opaque name of a client. All tokens of one issuer, subject and client give the same name."""
    holder = json.dumps([identity.issuer, identity.subject, identity.client_id])
    return hashlib.sha256(holder.encode()).hexdigest()[:32]


@lru_cache(_REMEMBERED_ANSWERS)
def _pieces(
    allowed: bool,
    action: Action,
    text: str,
    reason: str,
    unauthenticated: bool,
    reject_reason: int,
    session_status: int | None,
    scope: str | None,
    vary: tuple[int, ...],
    policy: str,
    max_age: int,
    stale_if_error: int,
    etag: str,
    revision: str,
    terms_name: str,
    subject: str,
    client_id: str,
    count: int | None,
) -> list[bytes]:
    """The serialized answer, cut where the decision's id stands."""
    decision = Decision(
        allowed=allowed,
        action=action,
        id=_SOME_ID,
        text=text,
        reason=reason,
        unauthenticated=unauthenticated,
        reject_reason=reject_reason,
        session_status=session_status,
        scope=scope,
        missing_scopes=(),
        vary=vary,
        policy=policy,
        max_age=max_age,
        terms=None,
        stale_if_error=stale_if_error,
        etag=etag,
        revision=revision,
        terms_name=terms_name,
    )
    whole: bytes = _render(decision, subject, client_id, count).SerializeToString()
    return whole.split(_SOME_ID.encode())


def _render(decision: Decision, subject: str, client_id: str, allowed: int | None) -> Any:  # noqa: ANN401
    response = CheckResponse()
    if decision.allowed:
        response.status.code = OK
        headers = response.ok_response.headers
    else:
        response.status.code, http_status = _denial_codes(decision)
        denied = response.denied_response
        denied.status.code = http_status
        denied.body = decision.text
        headers = denied.headers
    told = _headers(decision)
    if allowed is not None:
        told.append(("x-fix-allowed", str(allowed)))
    for name, value in told:
        header = headers.add().header
        header.key = name
        header.value = value
    fields = response.dynamic_metadata.fields
    for name, value in _metadata(decision, subject, client_id):
        fields[name].string_value = value
    return response


def _denial_codes(decision: Decision) -> tuple[int, int]:
    """The gRPC and the HTTP status of an answer that does not allow."""
    if decision.action is Action.TERMS:
        return FAILED_PRECONDITION, HTTP_PRECONDITION_FAILED
    if decision.unauthenticated:
        return UNAUTHENTICATED, HTTP_UNAUTHORIZED
    return PERMISSION_DENIED, HTTP_FORBIDDEN


def _metadata(decision: Decision, subject: str, client_id: str) -> list[tuple[str, str]]:
    """`DecisionMetadata` as (field, value) pairs; as in protobuf's JSON, empty ones are left out."""
    pairs = [
        ("decision_id", decision.id),
        ("verdict", "allow" if decision.allowed else "deny"),
        ("scope", decision.scope or ""),
        ("reason", decision.reason),
        ("policy", decision.policy),
        ("subject", subject),
        ("client_id", client_id),
    ]
    return [pair for pair in pairs if pair[1]]


def _headers(decision: Decision) -> list[tuple[str, str]]:
    headers = [
        ("x-fix-action", decision.action.value),
        ("x-fix-decision-id", decision.id),
        ("x-fix-policy", decision.policy),
        ("cache-control", _cache_control(decision)),
    ]
    if decision.allowed:
        headers.append(("x-fix-scope", decision.scope or "-"))
    else:
        headers.append(("x-fix-reject-reason", str(int(decision.reject_reason))))
    if decision.session_status is not None:
        headers.append(("x-fix-session-status", str(decision.session_status)))
    if decision.vary:
        headers.append(("x-fix-vary", _list(decision.vary)))
    if decision.etag:
        headers.append(("etag", decision.etag))
    if decision.revision:
        headers.append(("x-fix-revision", decision.revision))
    if decision.watch_s > 0:
        headers.append(("x-fix-watch", str(decision.watch_s)))
    if decision.terms is not None:
        headers.extend(_terms(decision.terms))
    elif decision.terms_name:
        headers.append(("x-fix-terms", decision.terms_name))
    return headers


def _cache_control(decision: Decision) -> str:
    """How long the answer holds (RFC 9111, 5.2.2), and how long where none is to be had (RFC 5861, 4)."""
    if decision.max_age <= 0:
        return "no-store"
    more = f", stale-if-error={decision.stale_if_error}" if decision.stale_if_error > 0 else ""
    return f"max-age={decision.max_age}{more}"


def _terms(terms: LogonTerms) -> list[tuple[str, str]]:
    passes = terms.pass_outbound
    return [
        ("x-fix-terms", terms.name),
        ("x-fix-guard-outbound", "*" if passes is not None else _list(terms.guard_outbound)),
        *([("x-fix-pass-outbound", _list(passes))] if passes is not None else []),
        ("x-fix-exempt", _list(terms.exempt)),
        ("x-fix-risk-reducing", _list(terms.risk_reducing)),
        *([("x-fix-want-tags", _list(terms.want_tags))] if terms.want_tags is not None else []),
        *([("x-fix-batch", str(terms.batch))] if terms.batch > 1 else []),
    ]


def _list(values: Iterable[str | int]) -> str:
    return ",".join(map(str, values))
