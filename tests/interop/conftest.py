"""Fixtures: one Keycloak for all the tests here, and the certificates that go with it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.certificates import Authority, Pem
from tests.interop.keycloak import Keycloak
from tests.interop.realm import Realm

HERE = Path(__file__).parent
TEST_S = 400
"""A test may start Keycloak twice, on a busy machine."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All tests here may have to wait for a JVM."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.timeout(TEST_S))


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Keycloak's, the clients' and the gateway's."""
    return Authority(tmp_path_factory.mktemp("ca"), "ca")


@pytest.fixture(scope="session")
def algoprovider(authority: Authority) -> Pem:
    """The certificate of the client `algoprovider-mtls`, by its subject."""
    return authority.issue("algoprovider")


@pytest.fixture(scope="session")
def stranger(authority: Authority) -> Pem:
    """A good certificate of somebody else."""
    return authority.issue("stranger")


@pytest.fixture(scope="session")
def keycloak(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keycloak]:
    """A running Keycloak; who stops it starts it again."""
    assertion = authority.issue("assertion")
    server = Keycloak(tmp_path_factory.mktemp("keycloak"), authority.issue_server(), authority.ca, assertion)
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture
def realm(keycloak: Keycloak) -> Iterator[Realm]:
    """The realm's endpoints."""
    with Realm(keycloak, keycloak.assertion) as realm:
        yield realm
