from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from authzsvc.errors import SettingsFaults
from authzsvc.settings import Settings, load

GOOD = """\
mapping: mappings/institutional.yaml
listen:
  unix: /run/authz.sock
tokens:
  issuers:
    - issuer: https://as.example/realms/fix
      audience: fix-gateway
      algorithms: [ES256, RS256]
      jwks: {url: "https://as.example/keys"}
"""


def written(directory: Path, text: str) -> Path:
    path = directory / "settings.yaml"
    path.write_text(text)
    return path


def faults(path: Path | None, options: dict[str, Any] | None = None) -> list[str]:
    with pytest.raises(SettingsFaults) as refused:
        load(path, options)
    return str(refused.value).splitlines()


def test_the_least_that_is_needed(tmp_path: Path) -> None:
    found = load(written(tmp_path, GOOD))
    issuer = found.tokens.issuers[0]
    assert (issuer.audience, issuer.algorithms, issuer.scope_claims) == (["fix-gateway"], ["ES256", "RS256"], None)
    assert (found.audit.path, found.log.level, found.reflection, found.listen.tcp) == ("-", "info", False, None)
    assert found.sessions.store == Path("authzsvc-sessions.db")


def test_sessions_may_be_kept_in_memory_alone(tmp_path: Path) -> None:
    assert load(written(tmp_path, GOOD + "sessions: {store: null}\n")).sessions.store is None


def test_json_does_as_well(tmp_path: Path) -> None:
    text = Settings.model_validate_json  # the model itself takes its own JSON
    dumped = load(written(tmp_path, GOOD)).model_dump_json(exclude_none=True)
    assert text(dumped).mapping == load(written(tmp_path, dumped)).mapping


def test_the_environment_comes_before_the_file_and_options_before_both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path, GOOD + "log: {level: error}\ndrain_s: 1\n")
    monkeypatch.setenv("AUTHZSVC_LOG__LEVEL", "debug")
    monkeypatch.setenv("AUTHZSVC_DRAIN_S", "2")
    monkeypatch.setenv("AUTHZSVC_LISTEN__TCP", "9191")
    monkeypatch.setenv("AUTHZSVC_ADMISSION__PRINCIPALS", '["spiffe://a"]')
    found = load(path, {"log": {"level": "warning"}})
    assert (found.log.level, found.drain_s) == ("warning", 2.0)
    assert (found.listen.tcp, found.listen.unix) == ("127.0.0.1:9191", Path("/run/authz.sock"))
    assert found.admission.principals == ["spiffe://a"]


def test_the_environment_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTHZSVC_MAPPING", "m.yaml")
    monkeypatch.setenv("AUTHZSVC_LISTEN", '{"tcp": "0.0.0.0:1"}')
    issuer = '[{"issuer": "i", "audience": ["a"], "algorithms": ["ES256"], "jwks": {"file": "k"}}]'
    monkeypatch.setenv("AUTHZSVC_TOKENS__ISSUERS", issuer)
    found = load(None)
    assert (found.mapping, found.listen.tcp, found.tokens.issuers[0].issuer) == (Path("m.yaml"), "0.0.0.0:1", "i")


@pytest.mark.parametrize(
    ("address", "read"),
    [("9191", "127.0.0.1:9191"), (":0", "127.0.0.1:0"), ("[::1]:80", "[::1]:80"), ("authz:7", "authz:7")],
)
def test_tcp_addresses(tmp_path: Path, address: str, read: str) -> None:
    assert load(written(tmp_path, GOOD), {"listen": {"tcp": address}}).listen.tcp == read


def test_all_faults_at_once_with_file_line_and_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = """\
listen:
  tcp: nowhere
  sctp: 1
tokens:
  issuers:
    - issuer: https://as
      audience: []
      algorithms: [ES256, none, HS256, RS1024]
      jwks: {file: a, url: "https://b/"}
      leeway_s: 3600
log: {level: chatty}
"""
    path = written(tmp_path, text)
    monkeypatch.setenv("AUTHZSVC_DECISIONS__MAX_AGE_S", "-3")
    found = faults(path, {"drain_s": "x"})
    places = [line.split("` ")[0] for line in found]
    assert sorted(places) == sorted(
        [
            f"{path}:2: `listen.tcp",
            f"{path}:3: `listen.sctp",
            f"{path}:1: `mapping",
            f"{path}:7: `tokens.issuers[0].audience",
            f"{path}:8: `tokens.issuers[0].algorithms[1]",
            f"{path}:8: `tokens.issuers[0].algorithms[2]",
            f"{path}:8: `tokens.issuers[0].algorithms[3]",
            f"{path}:9: `tokens.issuers[0].jwks",
            f"{path}:10: `tokens.issuers[0].leeway_s",
            f"{path}:11: `log.level",
            "environment: `AUTHZSVC_DECISIONS__MAX_AGE_S",
            "options: `drain_s",
        ]
    )


@pytest.mark.parametrize("algorithm", ["none", "None", "HS256", "HS384", "HS512", "es256", ""])
def test_only_algorithms_with_a_public_key(tmp_path: Path, algorithm: str) -> None:
    (fault,) = faults(written(tmp_path, GOOD.replace("[ES256, RS256]", f'["{algorithm}"]')))
    assert f"`{algorithm}`: not an algorithm with a public key" in fault


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("  unix: /run/authz.sock\n", "  tls: {cert: c, key: k}\n", "nothing to listen on"),
        ("  unix: /run/authz.sock\n", "  unix: /s\n  tls: {cert: c, key: k}\n", "`tls` is for `tcp`"),
        ("/run/authz.sock", "/" + "x" * 200, "too long for a unix socket"),
        ("{url:", "{file: keys.json, url:", "set `file` or `url`, not both"),
        (
            "      jwks:",
            "      introspection: {client: {id: gw}}\n      jwks:",
            "`client_secret_basic` needs `secret_file`",
        ),
        (
            "      jwks:",
            "      introspection: {client: {id: gw, method: private_key_jwt}}\n      jwks:",
            "`private_key_jwt` needs `key_file`",
        ),
        ("      jwks:", "      http: {cert: c.pem}\n      jwks:", "set `cert` and `key` together"),
        ("      jwks:", "      preset: ping\n      jwks:", "rfc9068"),
        ("listen:", "sessions: {on_expiry: never}\nlisten:", "logout"),
        ("listen:", "guessing: {attempts: 0}\nlisten:", "greater than or equal to 1"),
        ("listen:", "admin: {tcp: 9443}\nlisten:", "`tcp` needs `tls`"),
        ("https://as.example/keys", "ftp://as.example/keys", "pattern"),
        ("https://as.example/keys", "https://user:password@as.example/keys", "pattern"),
        ("{url:", "{keep_s: 299, url:", "`keep_s` is less than `refresh_s`"),
        ("[ES256, RS256]", "[]", "at least 1"),
        ("tokens:", "token:", "tokens"),
        (GOOD, "[]", "not a mapping"),
        (GOOD, "a: b: c", "mapping values are not allowed"),
        (GOOD, "mapping: a\nmapping: b", "there twice"),
    ],
)
def test_faults(tmp_path: Path, old: str, new: str, complaint: str) -> None:
    assert complaint in "\n".join(faults(written(tmp_path, GOOD.replace(old, new))))


KEYS = '      jwks: {url: "https://as.example/keys"}\n'
AT = "http://as.example/x"
CLIENT = "client: {id: gw, secret_file: s}"
BY_NAME = ("https://as.example/realms/fix", "http://as.example/realms/fix")
"""An issuer whose metadata is found by its name."""


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ([("https://as.example/keys", "http://as.example/keys")], "`jwks.url`"),
        ([("https://as.example/keys", "http://10.0.0.1:8080/keys")], "`jwks.url`"),
        ([("https://as.example/keys", "http://127.0.0.1.as.example/keys")], "`jwks.url`"),
        ([(KEYS, ""), BY_NAME], "`issuer`"),
        ([(KEYS, f"      discovery: {{url: {AT}}}\n")], "`discovery.url`"),
        ([(KEYS, f"{KEYS}      introspection: {{url: {AT}, {CLIENT}}}\n")], "`introspection.url`"),
        ([(KEYS, f"{KEYS}      broker: {{url: {AT}}}\n")], "`broker.url`"),
        ([(KEYS, f"{KEYS}      broker: {{scope: a}}\n"), BY_NAME], "`issuer`"),
        ([(KEYS, f"{KEYS}      introspection: {{{CLIENT}}}\n"), BY_NAME], "`issuer`"),
        ([(KEYS, f"      jwks: {{url: {AT}}}\n      broker: {{url: {AT}}}\n")], "`jwks.url`, `broker.url`"),
    ],
)
def test_what_is_asked_in_clear_on_another_machine(tmp_path: Path, changes: list[tuple[str, str]], named: str) -> None:
    text = GOOD
    for old, new in changes:
        text = text.replace(old, new)
    (fault,) = faults(written(tmp_path, text))
    assert f"`tokens.issuers[0]` {named}: asked over http on another machine" in fault
    assert "say `http.insecure: true`" in fault
    allowed = text.replace("      algorithms:", "      http: {insecure: true}\n      algorithms:")
    assert load(written(tmp_path, allowed)).tokens.issuers[0].http.insecure


@pytest.mark.parametrize(
    "changes",
    [
        [("https://as.example/keys", "http://127.0.0.1:8080/keys")],
        [("https://as.example/keys", "http://localhost/keys")],
        [("https://as.example/keys", "http://[::1]:8080/keys")],
        [BY_NAME],
        [(KEYS, ""), (BY_NAME[0], "http://127.0.0.1:8080/realms/fix")],
        [(KEYS, f"{KEYS}      introspection: {{url: 'https://as.example/i', {CLIENT}}}\n"), BY_NAME],
    ],
)
def test_what_may_be_asked(tmp_path: Path, changes: list[tuple[str, str]]) -> None:
    """On this machine over http; and an issuer's name is no address where nothing is asked there."""
    text = GOOD
    for old, new in changes:
        text = text.replace(old, new)
    assert not load(written(tmp_path, text)).tokens.issuers[0].http.insecure


@pytest.mark.parametrize("name", ["our-issuer", "urn:issuer", "https://as.example/x?tenant=1"])
def test_an_issuer_whose_metadata_cannot_be_found_by_its_name(tmp_path: Path, name: str) -> None:
    text = GOOD.replace(KEYS, "").replace(BY_NAME[0], name)
    (fault,) = faults(written(tmp_path, text))
    assert "`issuer`:" in fault
    assert "`discovery.url`" in fault
    placed = text + "      discovery: {url: 'https://as.example/metadata'}\n"
    assert load(written(tmp_path, placed)).tokens.issuers[0].issuer == name


def test_an_issuer_twice(tmp_path: Path) -> None:
    twice = GOOD + GOOD[GOOD.index("    - issuer") :]
    assert "twice" in "\n".join(faults(written(tmp_path, twice)))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    (fault,) = faults(tmp_path / "none.yaml")
    assert fault.startswith(str(tmp_path / "none.yaml"))


def test_an_environment_that_is_no_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTHZSVC_TOKENS", "x")
    (fault,) = faults(None)
    assert fault.startswith("environment:")


INTROSPECTED = """\
    - issuer: https://as.example/{name}
      audience: fix-gateway
      algorithms: [ES256]
      context: {context}
      introspection: {{client: {{id: gw, secret_file: s}}}}
"""


@pytest.mark.parametrize(
    ("contexts", "told_apart"),
    [
        (["{}", "{}"], False),
        (["{desk: a}", "{}"], False),
        (["{desk: a}", "{region: eu}"], False),
        (["{desk: a}", "{desk: b}"], True),
        (["{desk: a, region: eu}", "{desk: b, region: eu}"], True),
    ],
)
def test_opaque_tokens_must_tell_by_the_listener_whose_they_are(
    tmp_path: Path, contexts: list[str], told_apart: bool
) -> None:
    head = GOOD[: GOOD.index("    - issuer")]
    text = head + "".join(INTROSPECTED.format(name=name, context=context) for name, context in enumerate(contexts))
    if told_apart:
        assert len(load(written(tmp_path, text)).tokens.issuers) == 2
    else:
        assert "does not say whose it is" in "\n".join(faults(written(tmp_path, text)))


def test_an_issuer_without_keys_named_is_asked_for_them(tmp_path: Path) -> None:
    text = GOOD.replace('      jwks: {url: "https://as.example/keys"}\n', "")
    jwks = load(written(tmp_path, text)).tokens.issuers[0].jwks
    assert (jwks.file, jwks.url) == (None, None)


def test_a_mapping_key_needs_a_store_for_its_serials(tmp_path: Path) -> None:
    with pytest.raises(SettingsFaults, match=r"`mapping_key` needs `sessions\.store`"):
        load(written(tmp_path, GOOD + "mapping_key: key.pem\nsessions: {store: null}\n"))
    assert load(written(tmp_path, GOOD + "mapping_key: key.pem\n")).mapping_key == Path("key.pem")
