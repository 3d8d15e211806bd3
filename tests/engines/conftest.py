"""Fixtures: the gateways, two taps, and the engines of one scenario.

`--engines` names those that play; each has been built by `make`. What is not there is a failure and no skip.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from authzsvc.demo.stack import Stack
from authzsvc.gateway import Endpoint, FilterSettings, GatewayOptions
from authzsvc.gateway.filter_settings import Check, Framing, Refusal
from tests.engines.acceptance.parties import FOLDERS
from tests.engines.acceptance.table import Table
from tests.engines.duel import Duel
from tests.engines.engine import Kind
from tests.engines.kinds import KINDS, padded_pairs, pairs
from tests.engines.tap import Tap
from tests.engines.versions import FIX44, Version

HERE = Path(__file__).parent
TAIL = 3000
PATIENT = Check(timeout_ms=30_000, logon_timeout_ms=30_000)

MakeDuel = Callable[..., Awaitable[Duel]]
Gateways = Callable[[bool, bool], Stack]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Which engines play."""
    parser.addoption("--engines", default="quickfix", help=f"some of {','.join(KINDS)}")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Each scenario for each pair, but where an engine lacks what it is about: `@pytest.mark.needs(…)`.

    `@pytest.mark.padding`: it is about engines that pad BodyLength (9), and so for each of them with each other.
    """
    if "pair" not in metafunc.fixturenames:
        return
    needs = {name for mark in metafunc.definition.iter_markers("needs") for name in mark.args}
    names = str(metafunc.config.getoption("--engines", default="quickfix")).split(",")
    all_pairs = padded_pairs if metafunc.definition.get_closest_marker("padding") else pairs
    found = [pair for pair in all_pairs(names) if not needs & (_lacks(pair[0], "client") | _lacks(pair[1], "venue"))]
    metafunc.parametrize("pair", found, ids=[f"{client}-{venue}" for client, venue in found])


def _lacks(kind: Kind, role: str) -> set[str]:
    """What it lacks in that part: `name`, or `name:role`."""
    return {what.removesuffix(f":{role}") for what in kind.lacks}


def pytest_configure(config: pytest.Config) -> None:
    """Our marks."""
    config.addinivalue_line("markers", "needs(*names): left out for engines that lack one of these (docs/engines.md)")
    config.addinivalue_line("markers", "quickfix_alone: about QuickFIX; left out where other engines play")
    config.addinivalue_line("markers", "padding: about engines that pad BodyLength (9)")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """All tests here share the session's event loop, as the taps live on it. A scenario without a pair is none."""
    without = [item for item in items if item.path.is_relative_to(HERE) and not _plays(config, item)]
    if without:
        config.hook.pytest_deselected(items=without)
        items[:] = [item for item in items if item not in without]
    for item in items:
        if item.path.is_relative_to(HERE) and pytest_asyncio.is_async_test(item):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


def _plays(config: pytest.Config, item: pytest.Item) -> bool:
    """Pytest makes one item of a test that was given nothing to play with, to skip it."""
    if item.get_closest_marker("quickfix_alone") and "quickfix" not in str(config.getoption("--engines")).split(","):
        return False
    callspec = getattr(item, "callspec", None)
    return callspec is None or isinstance(callspec.params.get("pair", ()), tuple)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def taps() -> AsyncIterator[tuple[Tap, Tap]]:
    """One before the gateway, one behind it."""
    near, far = Tap(), Tap()
    for tap in (near, far):
        await tap.start()
    yield near, far
    for tap in (near, far):
        await tap.stop()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def table(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Table]:
    """A bare QuickFIX of every version, and one behind the gateway."""
    table = Table(tmp_path_factory.mktemp("table"), FOLDERS)
    try:
        await table.start()
        yield table
    finally:
        await table.stop()


@pytest.fixture(scope="session")
def gateways(taps: tuple[Tap, Tap], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateways]:
    """One for each setting that is tried, started when it is first asked for."""
    with contextlib.ExitStack() as running:

        @functools.cache
        def gateway(padded_body_length: bool, keep_numbers: bool) -> Stack:
            nowhere = Endpoint("127.0.0.1", 0)
            framing, refusal = Framing(padded_body_length=padded_body_length), Refusal(keep_numbers=keep_numbers)
            settings = FilterSettings(check=PATIENT, framing=framing, refusal=refusal)
            options = GatewayOptions(nowhere, nowhere, nowhere, filter=settings)
            lenient = {"attempts": 10_000, "address_attempts": 1_000_000, "comp_id_attempts": 1_000_000}
            folder = tmp_path_factory.mktemp("stack")
            service = {"guessing": lenient, "sessions": {"store": str(folder / "sessions.db")}}
            return running.enter_context(Stack(folder, taps[1].port, HERE / "mapping.yaml", options, service))

        yield gateway


@pytest_asyncio.fixture(loop_scope="session")
async def make_duel(
    gateways: Gateways, taps: tuple[Tap, Tap], tmp_path: Path, request: pytest.FixtureRequest
) -> AsyncIterator[MakeDuel]:
    """Sets engines against each other; they end with the test."""
    duels: list[Duel] = []

    async def make(
        pair: tuple[Kind, Kind],
        version: Version = FIX44,
        *,
        strict: bool = False,
        keep_numbers: bool = False,
        **options: Any,  # noqa: ANN401
    ) -> Duel:
        stack = gateways(any(kind.pads for kind in pair) and not strict, keep_numbers)
        duel = Duel(stack, *taps, pair, version, tmp_path / str(len(duels)))
        duels.append(duel)
        await duel.start(**options)
        return duel

    request.node.duels = duels
    yield make
    for duel in duels:
        await duel.stop()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed:
        for duel in getattr(item, "duels", []):
            report.sections += duel.transcript()
    return report
