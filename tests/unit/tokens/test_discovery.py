from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from authzsvc.errors import KeysError
from authzsvc.tokens.development import DevelopmentIssuer
from authzsvc.tokens.discovery import Discovered, ServerMetadata, check_place, discover, in_clear, well_known
from authzsvc.tokens.http import Http
from authzsvc.tokens.keys import KeySet, Refresh

from .web import Authority, Reply, Web, serving

OAUTH = "/.well-known/oauth-authorization-server/realms/fix"
OIDC = "/realms/fix/.well-known/openid-configuration"


def issuer(web: Web) -> str:
    return f"{web.url}/realms/fix"


def metadata(web: Web, **more: object) -> Reply:
    usual = {
        "issuer": issuer(web),
        "jwks_uri": f"{web.url}/keys",
        "token_endpoint": f"{web.url}/token",
        "introspection_endpoint": "https://as.example/introspect",
        "mtls_endpoint_aliases": {"token_endpoint": "https://mtls.as.example/token"},
    }
    found = {name: value for name, value in {**usual, **more}.items() if value is not None}
    return Reply(json.dumps(found).encode())


@pytest.mark.parametrize(
    ("name", "addresses"),
    [
        (
            "https://as",
            ("https://as/.well-known/oauth-authorization-server", "https://as/.well-known/openid-configuration"),
        ),
        (
            "https://as/",
            ("https://as/.well-known/oauth-authorization-server", "https://as/.well-known/openid-configuration"),
        ),
        (
            "https://as:8443/realms/fix/",
            (
                "https://as:8443/.well-known/oauth-authorization-server/realms/fix",
                "https://as:8443/realms/fix/.well-known/openid-configuration",
            ),
        ),
    ],
)
def test_where_the_metadata_may_be(name: str, addresses: tuple[str, str]) -> None:
    assert well_known(name) == addresses


async def test_metadata_of_oauth(web: Web, http: Http) -> None:
    web.replies[OAUTH] = metadata(web)
    found = await discover(http, issuer(web))
    assert found == ServerMetadata(issuer(web), f"{web.url}/keys", f"{web.url}/token", "https://as.example/introspect")
    assert web.paths() == [OAUTH]


async def test_metadata_of_openid_connect_comes_second(web: Web, http: Http) -> None:
    web.replies[OIDC] = metadata(web)
    assert (await discover(http, issuer(web))).jwks_uri == f"{web.url}/keys"
    assert web.paths() == [OAUTH, OIDC]


@pytest.mark.parametrize(
    "first", [Reply(b"<html>"), Reply(status=302, headers={"Location": "/elsewhere"}), Reply(b"[]")]
)
async def test_what_is_no_metadata_is_passed_by(web: Web, http: Http, first: Reply) -> None:
    web.replies[OAUTH], web.replies[OIDC] = first, metadata(web)
    assert (await discover(http, issuer(web))).issuer == issuer(web)
    assert web.paths() == [OAUTH, OIDC]


@pytest.mark.parametrize("name", ["https://sts.example/tenant/", "acme.example"])
async def test_metadata_at_a_given_address(web: Web, http: Http, name: str) -> None:
    web.replies["/elsewhere"] = metadata(web, issuer=name, jwks_uri="https://as.example/keys")
    found = await discover(http, name, f"{web.url}/elsewhere?appid=x")
    assert (found.issuer, found.jwks_uri) == (name, "https://as.example/keys")
    assert web.paths() == ["/elsewhere?appid=x"]


@pytest.mark.parametrize(
    ("address", "clear"),
    [
        ("https://as.example/", False),
        ("http://127.0.0.1:8080/x", False),
        ("http://127.9.9.9/", False),
        ("http://[::1]/", False),
        ("http://localhost:1/", False),
        ("http://as.example/", True),
        ("HTTP://as.example/", True),
        ("http://10.0.0.1/", True),
        ("http://localhost.as.example/", True),
        ("http://127.0.0.1.as.example/", True),
        ("no address", False),
    ],
)
def test_what_goes_in_clear(address: str, clear: bool) -> None:
    assert in_clear(address) is clear


def test_where_metadata_may_be_had() -> None:
    check_place("http://as.example/x", insecure=True)
    check_place("https://as.example/x?y", query=True)
    for address in ("ftp://as.example/", "as.example", "https://as.example/x?y"):
        with pytest.raises(KeysError):
            check_place(address, insecure=True)


@pytest.mark.parametrize("url", ["http://as.example/metadata", "http://10.0.0.1/metadata", "metadata", "https://"])
async def test_addresses_that_are_not_asked(http: Http, url: str) -> None:
    with pytest.raises(KeysError, match=r"is no address|is only had over https"):
        await discover(http, "https://as.example", url)


async def test_a_server_that_is_asked_in_clear_may_name_addresses_in_clear(web: Web, http: Http) -> None:
    web.replies[OAUTH] = web.replies[OIDC] = metadata(web, jwks_uri="http://as.example/keys")
    with pytest.raises(KeysError, match="jwks_uri"):
        await discover(http, issuer(web))
    assert (await discover(http, issuer(web), insecure=True)).jwks_uri == "http://as.example/keys"
    web.replies[OAUTH] = web.replies[OIDC] = metadata(web, jwks_uri="file:///etc/passwd")
    with pytest.raises(KeysError, match="jwks_uri"):
        await discover(http, issuer(web), insecure=True)


async def test_endpoints_for_clients_with_a_certificate(web: Web, http: Http) -> None:
    web.replies[OAUTH] = metadata(web)
    found = await discover(http, issuer(web), mtls=True)
    assert found.token_endpoint == "https://mtls.as.example/token"
    assert found.introspection_endpoint == "https://as.example/introspect"
    assert found.jwks_uri == f"{web.url}/keys"


async def test_endpoints_need_not_be_there(web: Web, http: Http) -> None:
    web.replies[OAUTH] = metadata(web, jwks_uri=None, token_endpoint=None, introspection_endpoint=None)
    assert await discover(http, issuer(web)) == ServerMetadata(issuer(web), "")


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"issuer": "https://elsewhere"}, "another issuer"),
        ({"issuer": None}, "another issuer"),
        ({"issuer": 7}, "another issuer"),
        ({"jwks_uri": 7}, "jwks_uri"),
        ({"jwks_uri": ""}, "jwks_uri"),
        ({"jwks_uri": "http://as.example/keys"}, "jwks_uri"),
        ({"jwks_uri": "http://169.254.169.254/keys"}, "jwks_uri"),
        ({"jwks_uri": "https://user:pass@as.example/keys"}, "jwks_uri"),
        ({"jwks_uri": "https://as.example:x/keys"}, "jwks_uri"),
        ({"jwks_uri": "https://as.example/\r\nkeys"}, "jwks_uri"),
        ({"jwks_uri": "file:///etc/passwd"}, "jwks_uri"),
        ({"jwks_uri": "https:///keys"}, "jwks_uri"),
        ({"token_endpoint": ["x"], "mtls_endpoint_aliases": {}}, "token_endpoint"),
        ({"introspection_endpoint": "ftp://as.example"}, "introspection_endpoint"),
        ({"mtls_endpoint_aliases": "x"}, "mtls_endpoint_aliases"),
        ({"mtls_endpoint_aliases": {"token_endpoint": "http://as.example/"}}, "token_endpoint"),
    ],
)
async def test_metadata_that_is_not_taken(web: Web, http: Http, change: dict[str, Any], complaint: str) -> None:
    web.replies[OAUTH] = web.replies[OIDC] = metadata(web, **change)
    with pytest.raises(KeysError, match=complaint):
        await discover(http, issuer(web), mtls=True)


@pytest.mark.parametrize("different", ["/", "?", "X"])
async def test_an_issuer_is_compared_exactly(web: Web, http: Http, different: str) -> None:
    web.replies[OAUTH] = web.replies[OIDC] = metadata(web, issuer=f"{issuer(web)}{different}")
    with pytest.raises(KeysError, match="another issuer"):
        await discover(http, issuer(web))


@pytest.mark.parametrize(
    "name",
    [
        "http://as.example",
        "http://10.0.0.1/realms/fix",
        "https://as.example/?a=b",
        "https://as.example/#a",
        "https://user@as.example/",
        "as.example",
        "",
        "https://",
        "https://as.example:x/",
        "https://as.example/ x",
    ],
)
async def test_issuers_that_have_no_metadata(http: Http, name: str) -> None:
    with pytest.raises(KeysError, match=r"is no address|is only had over https"):
        await discover(http, name)


async def test_redirects_are_refused(web: Web, http: Http) -> None:
    web.replies[OAUTH] = web.replies[OIDC] = Reply(status=307, headers={"Location": f"{web.url}/moved"})
    web.replies["/moved"] = metadata(web)
    with pytest.raises(KeysError, match="answered 307"):
        await discover(http, issuer(web))
    assert "/moved" not in web.paths()


async def test_a_server_that_is_not_there(http: Http) -> None:
    with pytest.raises(KeysError, match=r"`127\.0\.0\.1:1` cannot be reached"):
        await discover(http, "http://127.0.0.1:1/realms/fix")


async def test_an_issuer_over_https_takes_no_http(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    async with serving(authority.server()) as web:
        http = Http(timeout_s=5.0, ca=authority.ca)
        web.replies[OAUTH] = metadata(web)
        assert (await discover(http, issuer(web))).jwks_uri == f"{web.url}/keys"
        web.replies[OAUTH] = metadata(web, jwks_uri="http://127.0.0.1:1/keys")
        with pytest.raises(KeysError):
            await discover(http, issuer(web))
        await http.close()


async def test_keys_follow_the_metadata(web: Web, http: Http, tmp_path: Path) -> None:
    old, new = DevelopmentIssuer.create(tmp_path / "old"), DevelopmentIssuer.create(tmp_path / "new")
    web.replies[OAUTH] = metadata(web)
    web.replies["/keys"] = Reply(old.jwks_path.read_bytes(), headers={"ETag": '"1"'})
    source = Discovered(http, issuer(web))
    keys = KeySet(issuer(web), source, Refresh())
    await keys.load()
    assert keys.find(old.key_id) is not None
    assert source.metadata is not None
    assert source.metadata.token_endpoint == f"{web.url}/token"
    web.replies[OAUTH] = metadata(web, jwks_uri=f"{web.url}/moved")
    web.replies["/moved"] = Reply(new.jwks_path.read_bytes(), headers={"ETag": '"1"'})
    await keys.load()
    assert "if-none-match" not in web.asked[-1].headers
    assert (keys.find(new.key_id) is not None, keys.find(old.key_id)) == (True, None)


async def test_old_keys_stay_when_the_metadata_turns_bad(web: Web, http: Http, tmp_path: Path) -> None:
    own = DevelopmentIssuer.create(tmp_path / "own")
    web.replies[OAUTH] = metadata(web)
    web.replies["/keys"] = Reply(own.jwks_path.read_bytes())
    keys = KeySet(issuer(web), Discovered(http, issuer(web)), Refresh())
    await keys.load()
    for bad in (Reply(status=500), metadata(web, issuer="https://elsewhere"), metadata(web, jwks_uri=None)):
        web.replies[OAUTH] = bad
        with pytest.raises(KeysError):
            await keys.load()
    assert keys.find(own.key_id) is not None


async def test_metadata_stays_when_it_turns_bad(web: Web, http: Http) -> None:
    source = Discovered(http, issuer(web))
    assert source.metadata is None
    web.replies[OAUTH] = metadata(web)
    found = await source.read()
    web.replies[OAUTH] = metadata(web, issuer="https://elsewhere")
    with pytest.raises(KeysError, match=r"404|another issuer"):
        await source.read()
    assert source.metadata is found
