"""What a certificate says, and of which kind its names are."""

from __future__ import annotations

import string
from pathlib import Path

import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from authzsvc.tokens.certificate import NO_CERTIFICATE, Certificate, NameKind, from_pem, kind_of
from tests.e2e.certificates import Authority


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("spiffe://firm.example/algo", NameKind.URI),
        ("urn:uuid:f81d4fae", NameKind.URI),
        ("a:b=c", NameKind.URI),
        ("x:a@b", NameKind.URI),
        ("algo.firm.example", NameKind.DNS),
        ("algo", NameKind.DNS),
        ("my_client-7", NameKind.DNS),
        ("*.firm.example", NameKind.DNS),
        ("10.0.0.1", NameKind.DNS),
        ("ann@desk.example", NameKind.EMAIL),
        ("CN=algo,O=Firm", NameKind.SUBJECT),
        ("CN=spiffe://firm.example/algo", NameKind.SUBJECT),
        ("CN=ann@desk.example", NameKind.SUBJECT),
        ("2.5.4.3=algo", NameKind.SUBJECT),
        ("C=DE,O=Bäcker & Söhne", NameKind.SUBJECT),
        ("", None),
        ("Ann Smith", None),
        ("algo:", None),
        (":algo", None),
        ("=algo", None),
        ("spiffe://firm.example/a b", None),
        ("algo.firm.example\n", None),
        ("algo..example", None),
        ("-algo", None),
        ("@desk", None),
    ],
)
def test_the_kind_of_a_name_is_told_by_its_form(name: str, kind: NameKind | None) -> None:
    assert kind_of(name) is kind


ANY_NAME = st.one_of(
    st.text(string.ascii_letters + string.digits + ":=@/.,*-_ ", max_size=24),
    st.from_regex(r"(spiffe|https)://[a-z.]{1,8}/[a-z]{0,4}", fullmatch=True),
    st.from_regex(r"[a-z]{1,5}\.example", fullmatch=True),
    st.from_regex(r"CN=[a-z:/@=]{1,8}", fullmatch=True),
    st.from_regex(r"[a-z=]{1,5}@[a-z]{1,5}", fullmatch=True),
)


@given(ANY_NAME)
def test_a_name_is_found_as_one_kind_and_no_other(name: str) -> None:
    placed = {
        NameKind.URI: Certificate(uris=(name,)),
        NameKind.DNS: Certificate(dns=(name,)),
        NameKind.EMAIL: Certificate(emails=(name,)),
        NameKind.SUBJECT: Certificate(subject=name),
    }
    assert [kind for kind, certificate in placed.items() if certificate.has(name)] == [*filter(None, [kind_of(name)])]
    assert [kind for kind, certificate in placed.items() if [*certificate.names()]] == [*filter(None, [kind_of(name)])]


def test_a_certificate_is_read(tmp_path: Path) -> None:
    names = (
        x509.UniformResourceIdentifier("spiffe://desk/ann"),
        x509.DNSName("ann.desk"),
        x509.DNSName("spiffe://desk/bob"),
        x509.RFC822Name("ann@desk"),
    )
    read = from_pem(Path(Authority(tmp_path, "ca").issue("ann", *names).cert).read_bytes())
    assert read.uris == ("spiffe://desk/ann",)
    assert read.dns == ("ann.desk", "spiffe://desk/bob")
    assert (len(read.sha256), read.emails, read.subject) == (64, ("ann@desk",), "CN=ann")
    assert [*read.names()] == ["spiffe://desk/ann", "ann.desk", "ann@desk", "CN=ann"]
    assert [read.has(name) for name in ("ANN.desk", "spiffe://desk/bob")] == [True, False]


@pytest.mark.parametrize("pem", [b"", b"x", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_what_is_no_certificate_is_none(pem: bytes) -> None:
    assert from_pem(pem) == NO_CERTIFICATE
