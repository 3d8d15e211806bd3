"""The worked examples of proto/README.md, held against what the service reads and answers."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from envoy.service.auth.v3.external_auth_pb2 import CheckRequest, CheckResponse
from google.protobuf import text_format

from authzsvc.contract.reading import parse
from tests.unit.checks import Desk, ask, desk

PROTO = Path(__file__).parents[3] / "proto"
EXAMPLES = PROTO / "examples"
EXPIRED = 1767600000


def read(name: str, kind: Any) -> Any:  # noqa: ANN401
    return text_format.Parse((EXAMPLES / f"{name}.txtpb").read_text(), kind())


def presented(name: str, token: str) -> Any:  # noqa: ANN401
    """The request with a token in TOKEN's place, and without what CERTIFICATE stands for, which Envoy need not send."""
    request = read(name, CheckRequest)
    request.attributes.source.ClearField("certificate")
    headers = request.attributes.request.http.headers
    if "authorization" in headers:
        assert headers["authorization"] == "Bearer TOKEN"
        headers["authorization"] = f"Bearer {token}"
    return request


def comparable(response: Any, digest: str) -> Any:  # noqa: ANN401
    """The answer without what differs each time."""
    text = text_format.MessageToString(response).replace(digest, "MAPPING_DIGEST")
    text = re.sub(r'(?<=\\")[0-9a-f]{32}(?=\\")', "ETAG", text)
    text = re.sub(r'"\d+\.\d+"', '"REVISION"', text)
    return text_format.Parse(re.sub(r'"[0-9a-f]{24}"', '"ID"', text), CheckResponse())


@pytest.fixture
async def at(tmp_path: Path) -> AsyncIterator[Desk]:
    made = await desk(tmp_path)
    yield made
    await made.close()


@pytest.mark.parametrize(
    ("request_name", "answer_name", "claims"),
    [
        ("logon.request", "logon.allowed", {}),
        ("logon.request", "logon.denied", {"exp": EXPIRED}),
        ("message.request", "message.allowed", {}),
        ("message.refused.request", "message.denied", {}),
        ("message.stale.request", "message.terms", {}),
        ("messages.request", "messages.denied", {}),
        ("outbound.request", "outbound.allowed", {"accounts": ["ACC-1"]}),
        ("report.request", "report.answer", {}),
        ("network.request", "network.denied", {}),
    ],
)
async def test_the_answer_is_the_one_shown(
    at: Desk, request_name: str, answer_name: str, claims: dict[str, object]
) -> None:
    answer = ask(at.authorizer, presented(request_name, at.token(claims=claims)))
    at.audit.close()
    digest = at.authorizer.policy.digest
    assert comparable(answer.response, digest) == comparable(read(answer_name, CheckResponse), digest)


def test_the_reference_names_every_example_and_no_other() -> None:
    named = set(re.findall(r"\(examples/([a-z.]+)\.txtpb\)", (PROTO / "README.md").read_text()))
    assert named == {path.name.removesuffix(".txtpb") for path in EXAMPLES.iterdir()}


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.request.txtpb")), ids=lambda path: path.stem)
def test_every_request_reads_and_shows_no_token(path: Path) -> None:
    request = parse(presented(path.name.removesuffix(".txtpb"), "SECRET-TOKEN"))
    assert "SECRET-TOKEN" not in repr(request)
