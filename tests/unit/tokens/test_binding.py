"""Whether a token belongs to the client's certificate."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping

import pytest

from authzsvc.errors import TokenError
from authzsvc.tokens.binding import Binding, CertificateDemand, check
from authzsvc.tokens.certificate import NO_CERTIFICATE, Certificate
from authzsvc.tokens.claims import Identity

DER = b"the client's certificate"
CERTIFICATE = Certificate(
    sha256=hashlib.sha256(DER).hexdigest(),
    uris=("spiffe://firm.example/algo",),
    dns=("Algo.Firm.Example",),
    subject="CN=algo,O=Firm",
)
THUMBPRINT = base64.urlsafe_b64encode(hashlib.sha256(DER).digest()).rstrip(b"=").decode()
REQUIRED = Binding(CertificateDemand.REQUIRED)


def holder(confirmation: str = "", claims: Mapping[str, object] | None = None) -> Identity:
    return Identity(
        issuer="https://as.example",
        subject="svc",
        client_id="algo",
        token_id="",
        scopes=frozenset(),
        expires_at=0.0,
        claims=claims or {},
        confirmation=confirmation,
        issued_at=None,
    )


def refusal(identity: Identity, certificate: Certificate, binding: Binding) -> TokenError:
    with pytest.raises(TokenError) as refused:
        check(identity, certificate, binding)
    assert refused.value.text == "client certificate is not the token's"
    assert refused.value.session_status == 5
    return refused.value


def test_the_digest_of_rfc_8705() -> None:
    """The example of RFC 8705, 3.1, turned into the form in which Envoy gives a digest."""
    thumbprint = "bwcK0esc3ACC3DB2Y5_lESsXE8o9ltc05O89jdN-dg2"
    digest = base64.urlsafe_b64decode(thumbprint + "=").hex()
    check(holder(base64.urlsafe_b64encode(bytes.fromhex(digest)).rstrip(b"=").decode()), Certificate(digest), REQUIRED)


@pytest.mark.parametrize("binding", [Binding(), REQUIRED])
def test_a_bound_token_with_its_certificate(binding: Binding) -> None:
    check(holder(THUMBPRINT), CERTIFICATE, binding)


@pytest.mark.parametrize("binding", [Binding(), REQUIRED])
def test_a_bound_token_without_a_certificate(binding: Binding) -> None:
    assert "showed none" in refusal(holder(THUMBPRINT), NO_CERTIFICATE, binding).reason


@pytest.mark.parametrize("binding", [Binding(), REQUIRED])
def test_replay_of_anothers_token_on_ones_own_certificate(binding: Binding) -> None:
    own = Certificate(sha256=hashlib.sha256(b"the thief's certificate").hexdigest())
    assert "another certificate" in refusal(holder(THUMBPRINT), own, binding).reason


def test_an_unbound_token() -> None:
    check(holder(), CERTIFICATE, Binding())
    check(holder(), NO_CERTIFICATE, Binding())
    assert "names no certificate" in refusal(holder(), CERTIFICATE, REQUIRED).reason


@pytest.mark.parametrize(
    "confirmation",
    [
        THUMBPRINT + "=",
        THUMBPRINT[:-1],
        THUMBPRINT[:-1] + chr(ord(THUMBPRINT[-1]) + 1),
        THUMBPRINT.lower(),
        CERTIFICATE.sha256,
        " " + THUMBPRINT,
        "!" * 43,
        "é",
        "\ud800",
        "x" * 100_000,
    ],
)
def test_what_is_no_canonical_digest_equals_none(confirmation: str) -> None:
    assert confirmation not in str(refusal(holder(confirmation), CERTIFICATE, Binding()))


@pytest.mark.parametrize("digest", ["", "ab", "g" * 64, "A" * 64, THUMBPRINT, "0" * 63 + "\n", "é" * 64])
def test_a_digest_that_no_proxy_gives_is_no_certificate(digest: str) -> None:
    assert "showed none" in refusal(holder(THUMBPRINT), Certificate(sha256=digest), Binding()).reason


@pytest.mark.parametrize(
    "claim",
    [
        "spiffe://firm.example/algo",
        "algo.firm.example",
        "ALGO.FIRM.EXAMPLE",
        "CN=algo,O=Firm",
        ["spiffe://other.example/x", "spiffe://firm.example/algo"],
    ],
)
def test_a_claim_that_holds_a_name_of_the_certificate(claim: object) -> None:
    check(holder(claims={"holder": {"name": claim}}), CERTIFICATE, Binding(name_claim="holder.name"))


@pytest.mark.parametrize(
    "claim",
    [
        "spiffe://FIRM.example/algo",
        "spiffe://firm.example/algo/",
        "spiffe://firm.example",
        "*.firm.example",
        "cn=algo,o=firm",
        "algo",
        "",
        [],
        [""],
        ["x", 7],
        {"spiffe://firm.example/algo": True},
        True,
        None,
    ],
)
def test_a_claim_that_holds_none(claim: object) -> None:
    refusal(holder(claims={"name": claim}), CERTIFICATE, Binding(name_claim="name"))


def test_no_claim_and_no_names() -> None:
    named = Binding(name_claim="name")
    assert "names no certificate" in refusal(holder(), CERTIFICATE, named).reason
    refusal(holder(claims={"name": "x"}), NO_CERTIFICATE, named)
    refusal(holder(claims={"name": ""}), NO_CERTIFICATE, named)


def test_both_ties_are_demanded() -> None:
    binding = Binding(CertificateDemand.REQUIRED, "name")
    check(holder(THUMBPRINT, {"name": "CN=algo,O=Firm"}), CERTIFICATE, binding)
    refusal(holder(THUMBPRINT, {"name": "CN=desk"}), CERTIFICATE, binding)
    refusal(holder("", {"name": "CN=algo,O=Firm"}), CERTIFICATE, binding)


@pytest.mark.parametrize(
    ("name", "certificate"),
    [
        ("spiffe://firm.example/algo", Certificate(dns=("spiffe://firm.example/algo",))),
        ("spiffe://firm.example/algo", Certificate(subject="spiffe://firm.example/algo")),
        ("algo.firm.example", Certificate(uris=("algo.firm.example",))),
        ("algo.firm.example", Certificate(subject="algo.firm.example")),
        ("CN=algo,O=Firm", Certificate(uris=("CN=algo,O=Firm",))),
        ("CN=algo,O=Firm", Certificate(dns=("CN=algo,O=Firm",))),
        ("Algo Trading", Certificate(dns=("Algo Trading",), uris=("Algo Trading",), subject="Algo Trading")),
    ],
)
def test_a_name_of_another_kind_is_not_the_claims(name: str, certificate: Certificate) -> None:
    assert (
        "none of the certificate's names"
        in refusal(holder(claims={"name": name}), certificate, Binding(name_claim="name")).reason
    )
