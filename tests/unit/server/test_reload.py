"""The real server while its mapping's files change, for better and for worse."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
from envoy.service.auth.v3.external_auth_pb2_grpc import AuthorizationStub
from grpc_health.v1 import health_pb2, health_pb2_grpc

from authzsvc.errors import SignatureError
from authzsvc.policy.compiler import compile_mapping
from authzsvc.policy.warnings import Kind
from authzsvc.server import reload as reload_module
from authzsvc.server.lifecycle import Service, running
from authzsvc.server.logs import JsonFormatter
from authzsvc.sessions.signed_mappings import SignedMapping
from authzsvc.sessions.sqlite import SqliteStore
from authzsvc.workflow import signing
from tests.unit.checks import MAPPING, Answer, check, soh

from .conftest import Site

SERVING = int(health_pb2.HealthCheckResponse.SERVING)
WIDER = MAPPING.replace("SecurityType: CommonStock", "SecurityType: {in: [CommonStock, Future]}")
BROKEN = MAPPING.replace("NewOrderMultileg", "NewOrderMultilegs").replace("ExecutionReport", "ExecutionReports")
FUTURE = soh("11=O-1|167=FUT|")


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look more often, so that the tests need not wait."""
    monkeypatch.setattr(reload_module, "POLL_S", 0.02)
    monkeypatch.setattr(reload_module, "_RETRY_S", 0.2)


@pytest.fixture
def logged() -> Iterator[Callable[[str], list[dict[str, Any]]]]:
    """The lines of the log with these words."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    logger = logging.getLogger("authzsvc.server.reload")
    logger.addHandler(handler)
    logger.setLevel("INFO")

    def lines(words: str) -> list[dict[str, Any]]:
        return [line for line in map(json.loads, stream.getvalue().splitlines()) if words in line["message"]]

    yield lines
    logger.removeHandler(handler)
    logger.setLevel(logging.NOTSET)


class Client:
    """Asks a running service."""

    def __init__(self, channel: grpc.aio.Channel, site: Site) -> None:
        self.channel = channel
        self.token = site.issuer.mint(scopes=("order:create:equity",), comp_id="ALGO")

    async def future(self) -> Answer:
        """Whether an order for a future is permitted: by `WIDER` only."""
        request = check(self.token, msg_type="D", body=FUTURE)
        return Answer(await AuthorizationStub(self.channel).Check(request, timeout=20, wait_for_ready=True))

    async def permitted(self) -> bool:
        return (await self.future()).allowed

    async def health(self, service: str = "mapping") -> int:
        request = health_pb2.HealthCheckRequest(service=service)
        return int((await health_pb2_grpc.HealthStub(self.channel).Check(request, timeout=20)).status)

    async def stale(self) -> bool:
        return await self.health() != SERVING


async def until(holds: Callable[[], Awaitable[bool]], wanted: bool = True) -> None:
    async def ask() -> None:
        while await holds() is not wanted:
            await asyncio.sleep(0.01)

    await asyncio.wait_for(ask(), 30)


@asynccontextmanager
async def client(site: Site) -> AsyncIterator[Client]:
    options = [("grpc.use_local_subchannel_pool", 1)]
    async with grpc.aio.insecure_channel(f"unix:{site.socket}", options=options) as channel:
        yield Client(channel, site)


@asynccontextmanager
async def served(site: Site, reload: asyncio.Event | None = None, **more: Any) -> AsyncIterator[tuple[Client, Service]]:  # noqa: ANN401
    async with running(site.settings(**more), reload) as service, client(site) as made:
        await service.ready
        yield made, service


def write(site: Site, text: str, name: str = "mapping.yaml") -> None:
    """In one step, as editors and deployments do."""
    partial = site.directory / ".partial"
    partial.write_text(text)
    partial.replace(site.directory / name)


async def test_a_good_change_takes_effect_and_no_call_is_dropped(site: Site) -> None:
    async with served(site) as (asking, _):
        before = await asking.future()
        assert not before.allowed
        stop = asyncio.Event()

        async def keep_asking() -> list[Answer]:
            answers = []
            while not stop.is_set():
                answers.append(await asking.future())
            return answers

        askers = [asyncio.create_task(keep_asking()) for _ in range(4)]
        write(site, WIDER)
        await until(asking.permitted)
        stop.set()
        answers = [answer for found in await asyncio.gather(*askers) for answer in found]
        after = await asking.future()
    policies = {answer.headers["x-fix-policy"]: answer.allowed for answer in [*answers, before, after]}
    assert policies == {before.headers["x-fix-policy"]: False, after.headers["x-fix-policy"]: True}
    assert all(answer.allowed is policies[answer.headers["x-fix-policy"]] for answer in answers)


async def test_a_bad_change_keeps_the_old_and_a_repair_recovers(
    site: Site, logged: Callable[[str], list[dict[str, Any]]]
) -> None:
    write(site, WIDER)
    async with served(site) as (asking, _):
        assert await asking.permitted()
        write(site, BROKEN)
        await until(asking.stale)
        assert await asking.permitted()
        assert await asking.health("") == SERVING
        write(site, MAPPING)
        await until(asking.stale, False)
        assert not await asking.permitted()
    (refused,) = logged("refused")
    assert (refused["level"], refused["count"]) == ("error", 2)
    assert ["NewOrderMultilegs" in fault for fault in refused["faults"]] == [True, False]
    assert len(logged("replaced")) == 1


async def scraped(service: Service) -> str:
    assert service.metrics is not None
    host, _, port = service.metrics.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"GET /metrics HTTP/1.0\r\n\r\n")
    page = (await asyncio.wait_for(reader.read(), 10)).decode()
    writer.close()
    await writer.wait_closed()
    return page


SHADOWED = WIDER + "rollout: {mode: shadow, messages: {NewOrderMultileg: shadow}}\n"


async def test_warnings_are_given_at_start_and_at_each_reload(
    site: Site, logged: Callable[[str], list[dict[str, Any]]]
) -> None:
    def told() -> list[tuple[str, str]]:
        return [(line["kind"], line["key"]) for line in logged("enforces less than it seems to say")]

    def counted(page: str) -> dict[str, float]:
        lines = [line for line in page.splitlines() if line.startswith("authzsvc_mapping_warnings{")]
        return {kind: float(line.rpartition(" ")[2]) for kind in Kind for line in lines if f'"{kind}"' in line}

    none = dict.fromkeys(map(str, Kind), 0.0)
    write(site, MAPPING.replace("[OrderCancelRequest, ", "[NewOrderSingle, "))
    async with served(site, metrics={"tcp": "127.0.0.1:0"}) as (asking, service):
        assert told() == [("opens_risk", "session.risk_reducing[0]")]
        assert counted(await scraped(service)) == none | {"opens_risk": 1}
        write(site, SHADOWED)
        await until(asking.permitted)
        shadows = [("shadow", "rollout.messages.NewOrderMultileg"), ("shadow", "rollout.mode")]
        assert sorted(told()[1:]) == shadows
        assert counted(await scraped(service)) == none | {"shadow": 2}
        write(site, BROKEN)
        await until(asking.stale)
        assert counted(await scraped(service)) == none | {"shadow": 2}
        write(site, MAPPING)
        await until(asking.permitted, False)
        assert counted(await scraped(service)) == none
    assert len(told()) == 3
    (line, *_) = logged("enforces less than it seems to say")
    assert (line["level"], line["file"]) == ("warning", str(site.directory / "mapping.yaml"))
    assert line["line"] > 0
    assert "NewOrderSingle" in line["text"]
    assert "OrderCancelRequest" in line["hint"]


async def test_the_same_meaning_with_other_warnings_is_told(
    site: Site, logged: Callable[[str], list[dict[str, Any]]]
) -> None:
    """A wildcard for a scope that was written out changes no decision, and not the digest."""
    forbid = "forbid: [{name: f, message: NewOrderMultileg, unless: [order:create:option_multileg]}]\n"
    roles = MAPPING + forbid + 'roles: {trader: {scopes: ["order:create:equity", "order:create:option_multileg"]}}\n'
    write(site, roles)
    async with served(site) as (_, service):
        assert logged("enforces less") == []
        write(site, roles.replace('"order:create:equity", "order:create:option_multileg"', '"order:create:*"'))

        async def told() -> bool:
            return [line["kind"] for line in logged("enforces less")] == ["wildcard"]

        await until(told)
        assert logged("replaced") == []
        assert service.policy == compile_mapping(site.directory / "mapping.yaml").digest


async def test_no_more_warnings_are_logged_than_people_read(
    site: Site, logged: Callable[[str], list[dict[str, Any]]]
) -> None:
    senders = ", ".join(f"S{number}: shadow" for number in range(500))
    write(site, f"{MAPPING}rollout: {{senders: {{{senders}}}}}\n")
    async with served(site, metrics={"tcp": "127.0.0.1:0"}) as (_, service):
        assert 'authzsvc_mapping_warnings{kind="shadow"} 500.0' in await scraped(service)
    assert len(logged("enforces less than it seems to say")) == 20
    (more,) = logged("more warnings than are logged")
    assert (more["count"], more["logged"]) == (500, 20)


async def test_metrics_tell(site: Site) -> None:
    async with served(site, metrics={"tcp": "127.0.0.1:0"}) as (asking, service):
        write(site, BROKEN)
        await until(asking.stale)
        page = await scraped(service)
    assert "authzsvc_mapping_stale 1.0" in page
    assert f'digest="{service.policy}",name="example"}} 1.0' in page
    assert 'authzsvc_mapping_reloads_total{result="changed"} 0.0' in page


async def test_an_included_file_a_list_and_what_was_not_there(site: Site) -> None:
    listed = MAPPING.replace("SecurityType: CommonStock", "SecurityType: {in_list: traded}")
    write(site, listed.replace("version: 1", "version: 1\ninclude: [more/]"))
    more = site.directory / "more"
    more.mkdir()
    (more / "lists.yaml").write_text("lists: {traded: {file: traded.txt}}\n")
    (more / "traded.txt").write_text("CS\n")
    async with served(site) as (asking, _):
        assert not await asking.permitted()
        (more / "traded.txt").write_text("CS\nFUT\n")
        await until(asking.permitted)
        (more / "lists.yaml").write_text("lists: {traded: {values: [CS]}}\n")
        await until(asking.permitted, False)
        (more / "lists.yaml").write_text("lists: {traded: {file: deeper/traded.txt}}\n")
        await until(asking.stale)
        (more / "deeper").mkdir()
        (more / "deeper" / "traded.txt").write_text("FUT\n")
        await until(asking.permitted)
        (more / "a-new-one.yaml").write_text("nonsense: 1\n")
        await until(asking.stale)
        (more / "a-new-one.yaml").unlink()
        await until(asking.stale, False)


async def test_a_file_that_goes_and_comes_back(site: Site) -> None:
    async with served(site) as (asking, _):
        (site.directory / "mapping.yaml").unlink()
        await until(asking.stale)
        write(site, WIDER)
        await until(asking.permitted)


BOMB = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12))
HOSTILE = {
    "bomb": BOMB,
    "deep": "[" * 200_000,
    "empty": "",
    "binary": "\x00\x01\x02",
    "wide": "version: 1\n" + "".join(f"k{n}: [{n}, {n}]\n" for n in range(200_000)),
    "large": "# " + "x" * 50_000_000,
}


@pytest.mark.parametrize("kind", HOSTILE)
async def test_a_hostile_mapping_leaves_answers_flowing(site: Site, kind: str) -> None:
    write(site, WIDER)
    async with served(site) as (asking, _):
        write(site, HOSTILE[kind])
        asked = 0
        while not await asking.stale():
            assert await asking.permitted()
            asked += 1
        assert await asking.permitted()
        write(site, MAPPING)
        await until(asking.permitted, False)


async def test_whoever_asks_has_it_read_though_nothing_changed(
    site: Site, logged: Callable[[str], list[dict[str, Any]]]
) -> None:
    reload = asyncio.Event()
    async with served(site, reload) as (_, service):
        reload.set()

        async def told() -> bool:
            return bool(logged("mean what is in force"))

        await until(told)
    assert logged("mean what is in force")[0]["mapping"] == service.policy


@dataclass(frozen=True)
class Signer:
    """Signs the site's mapping as it stands."""

    site: Site
    private: Path
    public: Path

    @classmethod
    def of(cls, site: Site) -> Signer:
        return cls(site, *signing.generate(site.directory / "signers"))

    def sign(self, text: str, serial: int) -> None:
        """Puts a mapping and its signature in place, each in one step."""
        write(self.site, text)
        policy = compile_mapping(self.site.directory / "mapping.yaml")
        made = signing.sign(policy.name, policy.digest, serial, signing.load_private(self.private))
        signing.write(self.site.directory / "mapping.yaml.sig", made)


async def test_only_a_signed_mapping_is_taken(site: Site) -> None:
    signer = Signer.of(site)
    signer.sign(WIDER, 1)
    async with served(site, mapping_key=str(signer.public)) as (asking, _):
        assert await asking.permitted()
        write(site, MAPPING)
        await until(asking.stale)
        assert await asking.permitted()
        signer.sign(MAPPING, 2)
        await until(asking.permitted, False)
        assert not await asking.stale()


async def test_an_older_signed_mapping_is_refused(site: Site, logged: Callable[[str], list[dict[str, Any]]]) -> None:
    signer = Signer.of(site)
    signer.sign(MAPPING, 5)
    async with served(site, mapping_key=str(signer.public)) as (asking, _):
        assert not await asking.permitted()
        for serial in (4, 5):  # an older one, and another under the same serial
            signer.sign(WIDER, serial)
            await until(asking.stale)
            assert not await asking.permitted()
            signer.sign(MAPPING, 5)
            await until(asking.stale, False)
        signer.sign(WIDER, 6)
        await until(asking.permitted)
    refused = [line["faults"][0] for line in logged("the mapping is refused")]
    assert any("has serial 4, and serial 5 of mapping `example` was accepted before (put the" in one for one in refused)
    assert any(
        "has serial 5, under which mapping `example` was accepted with another meaning" in one for one in refused
    )


async def test_nor_does_a_service_start_with_it(site: Site) -> None:
    signer = Signer.of(site)
    signer.sign(MAPPING, 5)
    async with served(site, mapping_key=str(signer.public)):
        pass
    signer.sign(WIDER, 4)
    with pytest.raises(SignatureError, match=r"mapping\.yaml\.sig` has serial 4, and serial 5 .* --renew"):
        async with served(site, mapping_key=str(signer.public)):
            pytest.fail("it started")
    signer.sign(WIDER, 6)  # a deliberate roll-back is signed anew
    async with served(site, mapping_key=str(signer.public)) as (asking, _):
        assert await asking.permitted()


async def test_what_one_service_has_accepted_binds_the_others_of_its_store(site: Site, tmp_path: Path) -> None:
    signer = Signer.of(site)
    signer.sign(MAPPING, 5)
    async with served(site, mapping_key=str(signer.public)) as (asking, _):
        store = await SqliteStore.open(site.directory / "sessions.db")
        key = signing.key_id(signing.load_public(signer.public))
        await store.accept_mapping(SignedMapping(key, "example", 7, "another"))
        await store.close()
        signer.sign(WIDER, 6)
        await until(asking.stale)
        assert not await asking.permitted()
        signer.sign(WIDER, 8)
        await until(asking.permitted)


LISTED = MAPPING.replace("session:", "lists: {own: {file: own.txt}}\nsession:", 1)


def put_fifo(path: Path) -> None:
    """Puts a FIFO in the place of a file, in one step."""
    partial = path.with_name(".fifo")
    os.mkfifo(partial)
    partial.replace(path)


@asynccontextmanager
async def process_of(site: Site, **more: Any) -> AsyncIterator[asyncio.subprocess.Process]:  # noqa: ANN401
    """A real service, which is killed at the end if it still runs."""
    command = [sys.executable, "-m", "authzsvc", "serve", "--config", str(site.config(**more))]
    process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.PIPE)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


@pytest.mark.parametrize("name", ["mapping.yaml", "mapping.yaml.sig", "signers/mapping-key.pub.pem", "own.txt"])
async def test_a_fifo_in_a_files_place_is_refused_and_stops_neither_reloads_nor_the_end(site: Site, name: str) -> None:
    signer, path = Signer.of(site), site.directory / name
    (site.directory / "own.txt").write_text("A\n")
    signer.sign(LISTED, 1)
    async with process_of(site, mapping_key=str(signer.public)) as process, client(site) as asking:
        assert not await asking.permitted()
        content = path.read_bytes()
        put_fifo(path)
        await until(asking.stale)
        assert not await asking.permitted()
        path.unlink()
        path.write_bytes(content)
        signer.sign(WIDER, 2)
        await until(asking.permitted)
        assert not await asking.stale()
        put_fifo(site.directory / "mapping.yaml")
        await until(asking.stale)
        process.send_signal(signal.SIGTERM)
        _, log = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == 0
    faults = [line["faults"] for line in map(json.loads, log.splitlines()) if "refused" in line["message"]]
    assert f"{name}" in faults[0][0]
    assert "is a FIFO, not a regular file" in faults[0][0] or "is no regular file" in faults[0][0]


async def test_sighup_of_a_real_process(site: Site) -> None:
    command = [sys.executable, "-m", "authzsvc", "serve", "--config", str(site.config())]
    process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.PIPE)
    assert process.stderr is not None
    try:
        async with client(site) as asking:
            assert not await asking.permitted()
            write(site, WIDER)
            process.send_signal(signal.SIGHUP)
            await until(asking.permitted)
        process.send_signal(signal.SIGTERM)
        _, log = await asyncio.wait_for(process.communicate(), 30)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0
    assert "the mapping was replaced" in [json.loads(line)["message"] for line in log.splitlines()]


@pytest.mark.parametrize("sig", [None, "{}"])
async def test_an_unsigned_mapping_does_not_start(site: Site, sig: str | None) -> None:
    _, public = signing.generate(site.directory / "signers")
    if sig is not None:
        Path(site.directory / "mapping.yaml.sig").write_text(sig)
    await refuses_to_start(site, "mapping.yaml.sig", mapping_key=str(public))


async def test_nor_does_an_older_one(site: Site) -> None:
    signer = Signer.of(site)
    signer.sign(MAPPING, 5)
    async with served(site, mapping_key=str(signer.public)):
        pass
    signer.sign(WIDER, 4)
    await refuses_to_start(site, "authzsvc mapping sign --renew", mapping_key=str(signer.public))


async def refuses_to_start(site: Site, words: str, **more: Any) -> None:  # noqa: ANN401
    """A real process ends with code 2, and its last line has these words."""
    command = [sys.executable, "-m", "authzsvc", "serve", "--config", str(site.config(**more))]
    process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.PIPE)
    try:
        _, said = await asyncio.wait_for(process.communicate(), 60)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 2
    assert words in said.decode().splitlines()[-1]
    assert b"Traceback" not in said
