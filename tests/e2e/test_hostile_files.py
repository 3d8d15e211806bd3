"""Whoever can write to the mapping's directory cannot bring an older mapping back or stop the service with a FIFO."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from authzsvc.demo.stack import Stack
from authzsvc.errors import ToolError
from authzsvc.policy.compiler import compile_mapping
from authzsvc.workflow import signing
from tests.e2e.rig import Rig, eventually
from tests.e2e.test_reload import NARROW, WIDE

PROMPTLY_S = 9.0
"""The service drains for 5 s at most."""


@dataclass(frozen=True)
class Signed:
    """A directory with a mapping and its signature, and who can sign there."""

    mapping: Path
    public: Path
    private: Ed25519PrivateKey

    def put(self, text: str, serial: int) -> None:
        """Replaces the mapping, then its signature, each in one step."""
        self._replace(self.mapping, text)
        policy = compile_mapping(self.mapping)
        made = signing.sign(policy.name, policy.digest, serial, self.private)
        signing.write(signing.path_of(self.mapping), made)

    def put_fifo(self) -> None:
        """Replaces the mapping by a FIFO that nobody writes to."""
        partial = self.mapping.with_name(".fifo")
        os.mkfifo(partial)
        partial.replace(self.mapping)

    def _replace(self, path: Path, text: str) -> None:
        partial = path.with_name(".partial")
        partial.write_text(text)
        partial.replace(path)


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> Signed:
    directory = tmp_path_factory.mktemp("signed")
    private = Ed25519PrivateKey.generate()  # never in a file, where the search for secrets would find it
    pem = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    (directory / "key.pub.pem").write_bytes(private.public_key().public_bytes(*pem))
    made = Signed(directory / "mapping.yaml", directory / "key.pub.pem", private)
    made.put(WIDE, 1)
    return made


@pytest.fixture(scope="module")
def stack(start_stack: Callable[..., Stack], signed: Signed) -> Stack:
    return start_stack(mapping=signed.mapping, service_settings={"mapping_key": str(signed.public)})


async def logged(rig: Rig, words: str, times: int = 1) -> None:
    """Waits until the service has said so this many times."""
    await eventually(lambda: rig.stack.service_log.read_text().count(words) >= times, words, 30)


async def test_neither_an_older_mapping_nor_a_fifo(rig: Rig, signed: Signed) -> None:
    client = await rig.log_on("order:create:equity")
    order = client.stock_order()
    assert (await rig.at_venue(order, client)).raw == order.raw

    signed.put(NARROW, 2)
    await logged(rig, "the mapping was replaced")
    await client.reject_of(client.stock_order())

    signed.put(WIDE, 1)  # as it was signed once: the signature holds
    await logged(rig, "has serial 1, and serial 2 of mapping `changing` was accepted before")
    await client.reject_of(client.stock_order())

    signed.put_fifo()
    await logged(rig, "it is a FIFO, not a regular file")
    await client.reject_of(client.stock_order())

    signed.put(WIDE, 3)
    await logged(rig, "the mapping was replaced", 2)
    order = client.stock_order()
    assert (await rig.at_venue(order, client)).raw == order.raw

    service = rig.stack.service
    assert service is not None
    signed.put_fifo()
    await logged(rig, "it is a FIFO, not a regular file", 2)
    assert service.stop(PROMPTLY_S) == 0

    signed.put(NARROW, 2)
    with pytest.raises(ToolError, match="ended with code 2") as caught:
        rig.stack.start_service()
    assert "has serial 2, and serial 3 of mapping `changing` was accepted before" in str(caught.value)
    signed.put(WIDE, 3)
    rig.stack.start_service()
