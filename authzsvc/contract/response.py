"""`Decision` → `CheckResponse`, exactly as the tables of proto/README.md say.

Invariant: the answer's status, its variant (`ok_response` or `denied_response`) and `x-fix-action` always agree,
because all three follow from the decision alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import grpc
from envoy.service.auth.v3.external_auth_pb2 import CheckResponse

from authzsvc.decision import Decision, LogonTerms
from authzsvc.tokens.claims import Identity

OK: int = grpc.StatusCode.OK.value[0]
PERMISSION_DENIED: int = grpc.StatusCode.PERMISSION_DENIED.value[0]
UNAUTHENTICATED: int = grpc.StatusCode.UNAUTHENTICATED.value[0]
HTTP_UNAUTHORIZED = 401
HTTP_FORBIDDEN = 403


def render(decision: Decision, identity: Identity | None) -> Any:  # noqa: ANN401 (the stubs of xds-protos carry no types)
    """The answer; `identity` is who the token says it is, where it is valid."""
    response = CheckResponse()
    if decision.allowed:
        response.status.code = OK
        headers = response.ok_response.headers
    else:
        response.status.code = UNAUTHENTICATED if decision.unauthenticated else PERMISSION_DENIED
        denied = response.denied_response
        denied.status.code = HTTP_UNAUTHORIZED if decision.unauthenticated else HTTP_FORBIDDEN
        denied.body = decision.text
        headers = denied.headers
    for name, value in _headers(decision):
        header = headers.add().header
        header.key = name
        header.value = value
    fields = response.dynamic_metadata.fields
    for name, value in metadata(decision, identity):
        fields[name].string_value = value
    return response


def metadata(decision: Decision, identity: Identity | None) -> list[tuple[str, str]]:
    """`DecisionMetadata` as (field, value) pairs; as in protobuf's JSON, empty ones are left out."""
    pairs = [
        ("decision_id", decision.id),
        ("verdict", "allow" if decision.allowed else "deny"),
        ("scope", decision.scope or ""),
        ("reason", decision.reason),
        ("policy", decision.policy),
        ("subject", identity.subject if identity else ""),
        ("client_id", identity.client_id if identity else ""),
    ]
    return [pair for pair in pairs if pair[1]]


def _headers(decision: Decision) -> list[tuple[str, str]]:
    headers = [
        ("x-fix-action", decision.action.value),
        ("x-fix-decision-id", decision.id),
        ("x-fix-policy", decision.policy),
        ("cache-control", f"max-age={decision.max_age}" if decision.max_age > 0 else "no-store"),
    ]
    if decision.allowed:
        headers.append(("x-fix-scope", decision.scope or "-"))
    else:
        headers.append(("x-fix-reject-reason", str(int(decision.reject_reason))))
    if decision.session_status is not None:
        headers.append(("x-fix-session-status", str(decision.session_status)))
    if decision.vary:
        headers.append(("x-fix-vary", _list(decision.vary)))
    if decision.terms is not None:
        headers.extend(_terms(decision.terms))
    return headers


def _terms(terms: LogonTerms) -> list[tuple[str, str]]:
    return [
        ("x-fix-guard-outbound", _list(terms.guard_outbound)),
        ("x-fix-exempt", _list(terms.exempt)),
        ("x-fix-risk-reducing", _list(terms.risk_reducing)),
        ("x-fix-want-tags", _list(terms.want_tags)),
    ]


def _list(values: Iterable[str | int]) -> str:
    return ",".join(map(str, values))
