from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner, Result

from authzsvc.cli.app import app
from authzsvc.errors import ToolError
from authzsvc.sessions.restrictions import Mode
from authzsvc.settings.admin import AdminSettings
from authzsvc.tokens.certificate import Certificate
from authzsvc.tokens.claims import Identity
from authzsvc.tokens.credential import Credential
from tests.e2e.certificates import Authority
from tests.unit.server.test_admin import SCOPE, Service, serving
from tests.unit.sessions.building import session, who


async def holder(credential: Credential, _certificate: Certificate) -> Identity:
    """An operator who is called what his token is."""
    return who(subject=credential.secret, issuer="https://as", scopes=frozenset({SCOPE}))


@contextlib.contextmanager
def running(settings: AdminSettings) -> Iterator[Service]:
    """An admin service in a thread of its own, since the commands wait for its answers."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    context = serving(settings, holder)
    try:
        yield asyncio.run_coroutine_threadsafe(context.__aenter__(), loop).result(20)
    finally:
        asyncio.run_coroutine_threadsafe(context.__aexit__(None, None, None), loop).result(20)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def run(*arguments: str, given: str | None = None) -> Result:
    result = CliRunner().invoke(app, arguments, input=given, env={"COLUMNS": "250", "AUTHZSVC_CONFIG": None})
    if isinstance(result.exception, ToolError):
        raise result.exception
    return result


@pytest.fixture
def local(tmp_path: Path) -> Iterator[Service]:
    with running(AdminSettings(unix=tmp_path / "a")) as service:
        service.registry.open(session("1", "ALGO", ("trader",)))
        service.registry.open(session("2", "OTHER", client_id="other", subject="bo\x1b[31mb"))
        yield service


def at(service: Service) -> tuple[str, str]:
    return "--admin", service.addresses[0]


def test_list_shows_who_lives(local: Service) -> None:
    result = run("session", "list", *at(local))
    assert result.exit_code == 0
    rows = [line for line in result.stdout.splitlines() if "VENUE" in line]
    assert [("ALGO" in row, "OTHER" in row) for row in rows] == [(True, False), (False, True)]
    assert "192.0.2.7:40001" in rows[0]
    assert "2096-10-02 07:06:40Z" in rows[0]
    assert "\x1b" not in result.stdout


def test_list_as_json_and_only_some(local: Service) -> None:
    found = json.loads(run("session", "list", "--client", "other", "--json", *at(local)).stdout)
    assert [(one["id"], one["sender_comp_id"], one["roles"]) for one in found] == [("2", "OTHER", [])]


def test_kill_list_restore(local: Service) -> None:
    result = run("session", "kill", "--role", "trader", "--mode", "cancel-only", "--reason", "too fast", *at(local))
    (entry,) = local.control.restrictions.restrictions.values()
    assert (result.exit_code, result.stdout) == (0, f"in force as `{entry.id}`; 1 live session hit\n")
    assert (entry.mode, entry.value, entry.reason) == (Mode.CANCEL_ONLY, "trader", "too fast")
    assert entry.operator.startswith("unix:")
    assert entry.operator not in ("unix:", "unix:unnamed")
    assert f"cancel-only {entry.id}" in run("session", "list", *at(local)).stdout
    shown = run("session", "list", "--restrictions", *at(local)).stdout
    assert "role trader" in shown
    assert entry.id in shown
    result = run("session", "restore", entry.id, *at(local))
    assert (result.exit_code, result.stdout) == (0, f"lifted `{entry.id}`; 1 live session concerned\n")
    assert not local.control.restrictions.restricted


def test_kill_all_asks_first(local: Service) -> None:
    with pytest.raises(ToolError, match="nothing was done"):
        run("session", "kill", "--all", "--reason", "stop", *at(local), given="n\n")
    assert not local.control.restrictions.restricted
    result = run("session", "kill", "--all", "--reason", "stop", *at(local), given="y\n")
    assert "2 live sessions hit" in result.stdout
    assert run("session", "restore", "--all", *at(local)).exit_code == 0
    done = json.loads(run("session", "kill", "--all", "--yes", "--reason", "stop", "--json", *at(local)).stdout)
    assert done["hit"] == 2
    assert run("session", "restore", "--everything", "--yes", *at(local)).exit_code == 0


def test_what_the_service_refuses_is_told_with_exit_code_1(local: Service) -> None:
    result = run("session", "restore", "--client", "nobody", *at(local))
    assert result.exit_code == 1
    assert result.stderr.startswith("refused: no such restriction is in force")
    result = run("session", "kill", "--client", "algo", "--reason", "Grüße", *at(local))
    assert (result.exit_code, "plain ASCII" in result.stderr) == (1, True)


def test_revoke_and_lift(local: Service) -> None:
    result = run("token", "revoke", "--jti", "t-1", "--reason", "stolen", *at(local))
    (entry,) = local.control.restrictions.revocations
    assert (result.exit_code, result.stdout) == (0, f"revoked as `{entry}`; 2 live sessions hit\n")
    assert f"revoked {entry}" in run("session", "list", *at(local)).stdout
    assert "token-id t-1" in run("session", "list", "--restrictions", *at(local)).stdout
    run("session", "restore", entry, *at(local))
    assert not local.control.restrictions.any_revoked


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("session", "kill", "--reason", "x"), r"whom\?"),
        (("session", "kill", "--reason", "x", "--client", "a", "--role", "b"), "one thing at a time"),
        (("session", "restore"), r"what\?"),
        (("session", "restore", "id", "--client", "a"), r"what\?"),
        (("session", "list", "--restrictions", "--client", "a"), "leave the selection out"),
        (("token", "revoke", "--reason", "x"), r"which tokens\?"),
        (("token", "revoke", "--reason", "x", "--jti", "a", "--subject", "b"), r"which tokens\?"),
        (("session", "list"), r"where is the admin service\?"),
        (("session", "list", "--admin", "nowhere"), "is no address"),
        (("session", "list", "--admin", "unix:"), "is no address"),
        (("session", "list", "--admin", "127.0.0.1:9"), "you must prove who you are"),
        (("session", "list", "--admin", "127.0.0.1:9", "--cert", "c"), "belong together"),
        (("session", "list", "--admin", "127.0.0.1:9", "--token-file", "/none"), "cannot be read"),
    ],
)
def test_what_is_not_well_asked(arguments: tuple[str, ...], text: str) -> None:
    with pytest.raises(ToolError, match=text):
        run(*arguments)


def test_a_kill_needs_a_reason() -> None:
    assert run("session", "kill", "--all", "--yes", "--admin", "unix:/none").exit_code == 2


def test_nobody_there(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match=r"does not answer \(unavailable\)"):
        run("session", "list", "--admin", f"unix:{tmp_path}/none")


def test_the_address_from_the_settings_and_from_the_environment(local: Service, tmp_path: Path) -> None:
    config = tmp_path / "settings.yaml"
    config.write_text(yaml.safe_dump({"admin": {"unix": local.addresses[0].removeprefix("unix:")}, "mapping": "x"}))
    assert run("session", "list", "--config", str(config)).exit_code == 0
    result = CliRunner().invoke(app, ["session", "list"], env={"AUTHZSVC_ADMIN_ADDRESS": local.addresses[0]})
    assert result.exit_code == 0
    config.write_text("listen: {}\n")
    with pytest.raises(ToolError, match="has no `admin` that holds"):
        run("session", "list", "--config", str(config))


def test_over_tls_with_a_certificate_and_a_token(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "operators")
    server, ann = authority.issue_server(), authority.issue("ann")
    tls = {"cert": server.cert, "key": server.key, "client_ca": authority.ca}
    token = {"issuer": "https://as", "scope": SCOPE}
    settings = AdminSettings.model_validate({"tcp": "127.0.0.1:0", "tls": tls, "token": token})
    (tmp_path / "token").write_text("ann-by-token\n")
    (tmp_path / "empty").write_text("two words")
    with running(settings) as service:
        proof = ("--ca", authority.ca, "--cert", ann.cert, "--key", ann.key)
        result = run("session", "list", *at(service), *proof)
        assert (result.exit_code, "no access token" in result.stderr) == (1, True)
        assert run("session", "list", *at(service), *proof, "--token-file", str(tmp_path / "token")).exit_code == 0
        assert service.acts[-1].operator.name == "ann-by-token"
        with pytest.raises(ToolError, match="holds no access token"):
            run("session", "list", *at(service), *proof, "--token-file", str(tmp_path / "empty"))
        with pytest.raises(ToolError, match="does not answer"):
            run("session", "list", *at(service), "--ca", ann.cert, *proof[2:], "--token-file", str(tmp_path / "token"))


def test_thousands_are_all_listed(local: Service) -> None:
    for number in range(5000):
        local.registry.open(replace(session(f"n{number}", f"S{number}"), credential=b"never shown"))
    listed = run("session", "list", "--json", *at(local)).stdout
    assert len(json.loads(listed)) == 5002
    assert "never shown" not in listed
