"""`authzsvc envoy-config`: what it prints, what it refuses, and the ready configurations."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from authzsvc.cli.app import app
from authzsvc.errors import SettingsFaults

ROOT = Path(__file__).parents[3]
REQUIRED = ["--listen", "127.0.0.1:9880", "--upstream", "127.0.0.1:9881", "--service", "unix:/run/check.sock"]


def print_config(*arguments: str) -> str:
    """What the command prints; it must succeed."""
    result = CliRunner().invoke(app, ["envoy-config", *arguments])
    assert result.exit_code == 0, result.output
    return result.stdout


def refusal(*arguments: str) -> str:
    """What the command says, on one line; it must refuse with exit code 2."""
    result = CliRunner().invoke(app, ["envoy-config", *arguments], env={"COLUMNS": "400"})
    assert result.exit_code == 2, result.output
    return result.stderr


@pytest.mark.parametrize("name", ["envoy/gateway.yaml", "envoy/gateway-tls.yaml", "deploy/envoy.yaml"])
def test_a_ready_configuration_is_what_its_first_line_prints(name: str) -> None:
    first, rest = (ROOT / name).read_text().split("\n", 1)
    assert first.startswith("# authzsvc envoy-config ")
    arguments = shlex.split(first.removeprefix("# authzsvc envoy-config "))
    assert rest == print_config(*arguments), "run `make configurations`"


def test_the_three_places_are_needed() -> None:
    for option in ("--listen", "--upstream", "--service"):
        at = REQUIRED.index(option)
        assert option in refusal(*REQUIRED[:at], *REQUIRED[at + 2 :])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--listen", "localhost:1"], "names a host where Envoy wants an address"),
        (["--listen", "unix:/a"], "is a unix socket where a TCP address belongs"),
        (["--upstream", "venue"], "`venue` is no endpoint"),
        (["--admin", "0.0.0.0:9901"], "is open to others"),
        (["--tls-cert", "a.pem"], "`--tls-cert` and `--tls-key` belong together"),
        (["--tls-key", "a.key"], "`--tls-cert` and `--tls-key` belong together"),
        (["--client-ca", "ca.pem"], "`--client-ca` needs TLS"),
        (["--upstream-tls-name", "venue"], "needs `--upstream-tls`"),
        (["--upstream-tls", "ca.pem", "--upstream-tls-key", "k"], "belong together"),
        (["--service-tls", "ca.pem"], "needs `--service-tls-name`"),
        (["--max-connections", "0"], "max-connections"),
    ],
)
def test_what_does_not_fit_is_refused(arguments: list[str], words: str) -> None:
    assert words in refusal(*REQUIRED, *arguments)


def test_a_fault_in_the_filters_settings_is_raised_for_the_command_to_tell() -> None:
    result = CliRunner().invoke(app, ["envoy-config", *REQUIRED, "--set", "limits.max_feilds=1"])
    assert isinstance(result.exception, SettingsFaults)


def test_each_option_reaches_the_configuration(tmp_path: Path) -> None:
    settings = tmp_path / "filter.yaml"
    settings.write_text("context: {gateway: east}\n")
    text = print_config(
        *[*REQUIRED[:4], "--service", "authz.example:9191", "--filter-config", str(settings)],
        *["--set", "limits.max_fields=77", "--admin", "127.0.0.1:9901", "--max-connections", "55"],
        *["--tls-cert", "c.pem", "--tls-key", "c.key", "--client-ca", "clients.pem"],
        *["--upstream-tls", "uca.pem", "--upstream-tls-name", "v.example"],
        *["--service-tls", "sca.pem", "--service-tls-cert", "s.pem", "--service-tls-key", "s.key"],
    )
    assert yaml.safe_load(text)["admin"]["address"]["socket_address"]["port_value"] == 9901
    expected = ["gateway: east", "max_fields: 77", "max_active_downstream_connections: 55", "sni: authz.example"]
    expected += ["exact: v.example", *(f"filename: {file}" for file in ("c.pem", "c.key", "clients.pem", "uca.pem"))]
    expected += [f"filename: {file}" for file in ("sca.pem", "s.pem", "s.key")]
    assert [words for words in expected if words not in text] == []
