"""Fixtures of the end-to-end tests.

One venue and one stack serve most tests; a module that needs other settings, or harms its processes, overrides `stack`
with one of its own. All of it, the venue included, lives on the one event loop of the session. When a test fails, the
tails of the logs and of the audit stand in its report. At the end, all that was written is searched for secrets.
"""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from authzsvc.demo.stack import Stack
from authzsvc.demo.venue import Venue
from authzsvc.gateway import Endpoint, FilterSettings, GatewayOptions, ServerTls
from authzsvc.gateway.filter_settings import Cache, Check
from tests.authorization_server import AuthorizationServer
from tests.e2e.certificates import Authority
from tests.e2e.pages import keep_pages, metrics_address
from tests.e2e.rig import HandVenue, Rig
from tests.e2e.secret_check import SecretCheck
from tests.e2e.secrets import recorded

HERE = Path(__file__).parent
TAIL = 3000
PATIENT = Check(timeout_ms=30_000, logon_timeout_ms=30_000)
"""A busy machine must not turn an answer into a failure where failures are not the theme."""

LENIENT = {"attempts": 10_000, "address_attempts": 1_000_000, "comp_id_attempts": 1_000_000}
"""All clients come from one address, many with bad tokens on purpose."""

StartStack = Callable[..., Stack]

_running: list[Stack] = []
_secret_check = SecretCheck(HERE)


def pytest_configure(config: pytest.Config) -> None:
    """The end of the run has a check of its own."""
    config.pluginmanager.register(_secret_check)


@pytest.fixture(scope="session", autouse=True)
def secrets_noted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Every token that is minted here is searched for at the end."""
    _secret_check.begin(tmp_path_factory.getbasetemp())
    with recorded():
        yield


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All tests here share the session's event loop, as the venue lives on it."""
    for item in items:
        if item.path.is_relative_to(HERE) and pytest_asyncio.is_async_test(item):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed:
        for stack in _running:
            for file in (stack.service_log, stack.envoy_log, stack.audit):
                if file.exists():
                    report.sections.append((f"end of {file}", file.read_text(errors="replace")[-TAIL:]))
    return report


def options(settings: FilterSettings | None = None, *, listen_tls: ServerTls | None = None) -> GatewayOptions:
    """A gateway of these settings; its addresses are the stack's to say."""
    nowhere = Endpoint("127.0.0.1", 0)
    settings = settings or FilterSettings(check=PATIENT)
    if "cache" not in settings.model_fields_set:
        # One Check a message, as most tests count them; `test_cache.py` is about the others.
        settings = settings.model_copy(update={"cache": Cache(enabled=False)})
    return GatewayOptions(nowhere, nowhere, nowhere, listen_tls=listen_tls, filter=settings)


def stack_factory(folder: Path, venue: Venue, ending: ExitStack) -> StartStack:
    """Starts stacks that end with `ending`."""

    def start(settings: FilterSettings | None = None, *, kind: type[Stack] = Stack, **more: Any) -> Stack:  # noqa: ANN401
        number = len(list(folder.iterdir()))
        upstream_port = more.pop("upstream_port", venue.port)
        gateway = options(settings, listen_tls=more.pop("listen_tls", None))
        mapping = more.pop("mapping", None) or HERE / "mapping.yaml"
        metrics = metrics_address()
        service_settings = {"metrics": {"tcp": metrics}, "guessing": LENIENT, **more.pop("service_settings", {})}
        stack = kind(folder / str(number), upstream_port, mapping, gateway, service_settings, **more)
        _running.append(stack)
        ending.callback(_running.remove, stack)
        ending.enter_context(stack)
        ending.callback(keep_pages, stack, metrics)
        return stack

    return start


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def venue() -> AsyncIterator[Venue]:
    """The venue that all stacks lead to."""
    venue = Venue()
    await venue.start()
    yield venue
    await venue.stop()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def hand_venue() -> AsyncIterator[HandVenue]:
    """A venue for tests that play its part themselves, behind stacks of their own."""
    hand_venue = HandVenue()
    await hand_venue.start()
    yield hand_venue
    await hand_venue.stop()


@pytest.fixture(scope="module")
def start_stack(tmp_path_factory: pytest.TempPathFactory, venue: Venue) -> Iterator[StartStack]:
    """Starts a stack that lives as long as the module."""
    with ExitStack() as ending:
        yield stack_factory(tmp_path_factory.mktemp("stack"), venue, ending)


@pytest.fixture(scope="session")
def common_stack(tmp_path_factory: pytest.TempPathFactory, venue: Venue) -> Iterator[Stack]:
    """The stack of all tests that need no other."""
    with ExitStack() as ending:
        yield stack_factory(tmp_path_factory.mktemp("stack"), venue, ending)()


@pytest.fixture(scope="module")
def stack(common_stack: Stack) -> Stack:
    """The module's stack; a module with needs of its own overrides this."""
    return common_stack


@pytest_asyncio.fixture(loop_scope="session")
async def rig(stack: Stack, venue: Venue) -> AsyncIterator[Rig]:
    """What a test works with."""
    rig = Rig(stack, venue)
    yield rig
    await rig.release()


@pytest.fixture
def unused_port() -> Iterator[int]:
    """A loopback port that nobody listens on: bound, so that nobody else takes it."""
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        yield reserved.getsockname()[1]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """The authority of a module's certificates, whoever's they are."""
    return Authority(tmp_path_factory.mktemp("ca"), "ca")


@pytest.fixture
def server(running: AuthorizationServer) -> Iterator[AuthorizationServer]:
    """A module's running authorization server, without faults, whatever the test did."""
    yield running
    running.well()
