"""`authzsvc mapping sign`, `verify` and `keygen`: mappings that only the holder of a key can change.

Exit code 0: done, or it holds; 2: it does not, or something cannot be read.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from authzsvc.cli.output import say
from authzsvc.policy.compiler import compile_mapping
from authzsvc.workflow import signing

_MAPPING = typer.Argument(help="The mapping's top file.")


def sign(
    path: Annotated[Path, _MAPPING],
    key: Annotated[Path, typer.Option(help="The private key, Ed25519 in PEM.")],
    out: Annotated[Path | None, typer.Option(help="Where the signature goes [PATH.sig].", show_default=False)] = None,
    renew: Annotated[bool, typer.Option("--renew", help="Raise the serial though the mapping is signed.")] = False,
    serial: Annotated[
        int | None,
        typer.Option(min=1, max=signing.MAX_SERIAL, help="The serial [time of signing].", show_default=False),
    ] = None,
) -> None:
    """Sign a mapping's meaning, under a serial higher than the last. Exit code 0: signed, 2: faults."""
    private = signing.load_private(key)
    public = private.public_key()
    policy = compile_mapping(path)
    name, digest, place = policy.name, policy.digest, out or signing.path_of(path)
    number = serial or signing.serial_for(name, digest, place, public, now=datetime.now(UTC), renew=renew)
    signing.write(place, signing.sign(name, digest, number, private))
    say(f"{place}: {name} {digest[:16]} signed under serial {number} with key {signing.key_id(public)}")


def verify(
    path: Annotated[Path, _MAPPING],
    key: Annotated[Path, typer.Option(help="The public key, Ed25519 in PEM.")],
    signature: Annotated[
        Path | None, typer.Option("--sig", help="Where the signature is [PATH.sig].", show_default=False)
    ] = None,
) -> None:
    """Hold a mapping against its signature. Exit code 0: it holds, 2: it does not, or faults."""
    public = signing.load_public(key)
    policy = compile_mapping(path)
    found = signing.verify(policy.name, policy.digest, signature or signing.path_of(path), public)
    say(f"{path}: {found.name} {found.digest[:16]} is signed under serial {found.serial} with key {found.key_id}")


def keygen(directory: Annotated[Path, typer.Argument(help="Where the two files go.")]) -> None:
    """Make a key pair: the private key for who signs, the public one for `mapping_key` of the service."""
    private, public = signing.generate(directory)
    say(f"{private}: private, for `mapping sign` (keep it away from the gateway)")
    say(f"{public}: public, for `mapping verify` and the setting `mapping_key`")
