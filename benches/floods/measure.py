"""The answers of each listener at a steady pace, and how long each took."""

from __future__ import annotations

import asyncio
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import grpc
from envoy.service.auth.v3.external_auth_pb2 import CheckRequest
from envoy.service.auth.v3.external_auth_pb2_grpc import AuthorizationStub

from authzsvc._gen.fixauthz.v1 import admin_pb2
from authzsvc.demo.stack import LOOPBACK
from benches.floods import attack, wire
from benches.floods.service import COMP_ID, SCOPES, Service

CHECKS_PER_S = 100.0
OTHERS_PER_S = 10.0
PATIENCE_S = 10.0


@dataclass(slots=True)
class Answers:
    """How long each answer of a listener took, from the moment that its question was due."""

    listener: str
    seconds: list[float] = field(default_factory=list)
    failed: int = 0

    def at(self, share: float) -> float:
        """The time that this share of the answers took at most, in ms."""
        ordered = sorted(self.seconds)
        return 1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("nan")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a flood did."""

    name: str
    per_s: float
    """Acts of the flood."""
    answers: list[Answers]
    memory_mib: int
    """By how much the service's memory rose at the most."""
    refused: dict[str, int]
    """What the audit says that the flooded listener refused, by reason."""

    def of(self, listener: str) -> Answers:
        """The answers of one listener."""
        return next(answers for answers in self.answers if answers.listener == listener)


async def measure(service: Service, seconds: float, flood: attack.Kind | None, on: str, cpu: int = -1) -> Outcome:
    """Ask every listener for so long, while a flood runs on one of them."""
    service.forget_peak()
    before, told = service.memory_mib(), len(service.floods())
    answers = {name: Answers(name) for name in ("listen.unix", "listen.tcp", "admin.unix", "metrics.tcp")}
    async with (
        grpc.aio.insecure_channel(f"unix:{service.stack.socket}") as unix,
        grpc.aio.insecure_channel(service.decisions) as tcp,
        grpc.aio.insecure_channel(f"unix:{service.stack.admin_socket}") as admin,
    ):
        asks = {
            "listen.unix": (_check(service, unix), CHECKS_PER_S),
            "listen.tcp": (_check(service, tcp), CHECKS_PER_S),
            "admin.unix": (_sessions(admin), OTHERS_PER_S),
            "metrics.tcp": (_scrape(service), OTHERS_PER_S),
        }
        for ask, _ in asks.values():
            await ask()
        attacker = None if flood is None else await _attacker(service, seconds, flood, on, cpu)
        if attacker is not None:
            await asyncio.sleep(1.0)  # it starts
        await asyncio.gather(*[_steady(answers[name], *how, seconds) for name, how in asks.items()])
        acts = 0 if attacker is None else int((await attacker.communicate())[0] or 0)
    await asyncio.sleep(1.5)  # the last of the audit
    refused = Counter[str]()
    for one in service.floods()[told:]:
        if one["flood"]["listener"] == on:
            refused[one["flood"]["reason"]] += int(one["flood"]["count"])
    name = "none" if flood is None else f"{flood} on {on}"
    return Outcome(name, acts / (seconds + 1), [*answers.values()], service.peak_mib() - before, refused)


async def _attacker(
    service: Service, seconds: float, flood: attack.Kind, on: str, cpu: int
) -> asyncio.subprocess.Process:
    addresses = {
        "listen.unix": str(service.stack.socket),
        "listen.tcp": service.decisions,
        "admin.tcp": service.admin,
        "metrics.tcp": service.metrics,
    }
    path = wire.LIST_SESSIONS if on.startswith("admin") else wire.CHECK
    options = ["--seconds", str(seconds + 1), "--path", path, "--cpu", str(cpu)]
    options += ["--tls"] if on == "admin.tcp" else []
    command = [sys.executable, "-m", "benches.floods.attack", flood.value, addresses[on], *options]
    return await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)


async def _steady(answers: Answers, ask: Callable[[], Awaitable[object]], per_s: float, seconds: float) -> None:
    """Ask at an even pace, whether or not the answers before have come."""
    begun, asked = time.perf_counter(), list[asyncio.Task[None]]()
    for number in range(int(seconds * per_s)):
        due = begun + number / per_s
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        asked.append(asyncio.create_task(_one(answers, ask, due)))
    await asyncio.gather(*asked)


async def _one(answers: Answers, ask: Callable[[], Awaitable[object]], due: float) -> None:
    try:
        await ask()
    except (grpc.RpcError, OSError, TimeoutError):
        answers.failed += 1
    else:
        answers.seconds.append(time.perf_counter() - due)


def _check(service: Service, channel: grpc.aio.Channel) -> Callable[[], Awaitable[object]]:
    token = service.stack.issuer.mint(scopes=SCOPES, comp_id=COMP_ID)
    request = CheckRequest()
    request.attributes.source.address.socket_address.address = "192.0.2.7"
    http = request.attributes.request.http
    http.id, http.method, http.protocol, http.host = "c1-17", "POST", "FIX.4.4", "VENUE"
    http.path, http.raw_body = "/fix/inbound/D", b"11=O-1\x01167=CS\x01"
    headers = {
        "event": "message",
        "direction": "inbound",
        "begin-string": "FIX.4.4",
        "msg-type": "D",
        "msg-seq-num": "17",
        "poss-dup": "N",
        "sender-comp-id": COMP_ID,
        "target-comp-id": "VENUE",
    }
    for name, value in headers.items():
        http.headers[f"x-fix-{name}"] = value
    http.headers["authorization"] = f"Bearer {token}"
    stub = AuthorizationStub(channel)
    return lambda: stub.Check(request, timeout=PATIENCE_S)


def _sessions(channel: grpc.aio.Channel) -> Callable[[], Awaitable[object]]:
    method = channel.unary_unary(
        wire.LIST_SESSIONS,
        admin_pb2.ListSessionsRequest.SerializeToString,
        admin_pb2.ListSessionsResponse.FromString,
    )
    return lambda: method(admin_pb2.ListSessionsRequest(), timeout=PATIENCE_S)


def _scrape(service: Service) -> Callable[[], Awaitable[object]]:
    async def ask() -> Any:  # noqa: ANN401
        async with asyncio.timeout(PATIENCE_S):
            reader, writer = await asyncio.open_connection(LOOPBACK, int(service.metrics.rpartition(":")[2]))
            try:
                writer.write(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                page = await reader.read()
                if b"authzsvc_decisions_total" not in page:
                    raise ConnectionError("no metrics")
            finally:
                writer.close()
        return page

    return ask
