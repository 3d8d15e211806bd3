"""`authzsvc mapping sign`, `verify` and `keygen`: mappings that only the holder of a key can change.

Exit code 0: done, or it holds; 2: it does not, or something cannot be read.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from authzsvc.policy.compiler import compile_mapping
from authzsvc.workflow import signing

_MAPPING = typer.Argument(help="The mapping's top file.")


def sign(
    path: Annotated[Path, _MAPPING],
    key: Annotated[Path, typer.Option(help="The private key, Ed25519 in PEM.")],
    out: Annotated[Path | None, typer.Option(help="Where the signature goes [PATH.sig].", show_default=False)] = None,
) -> None:
    """Sign a mapping's meaning. Exit code 0: signed, 2: faults."""
    private = signing.load_private(key)
    policy = compile_mapping(path)
    place = out or signing.path_of(path)
    signing.write(place, signing.sign(policy.digest, private))
    print(f"{place}: {policy.name} {policy.digest[:16]} signed with key {signing.key_id(private.public_key())}")


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
    found = signing.verify(policy.digest, signature or signing.path_of(path), public)
    print(f"{path}: {policy.name} {policy.digest[:16]} is signed with key {found.key_id}")


def keygen(directory: Annotated[Path, typer.Argument(help="Where the two files go.")]) -> None:
    """Make a key pair: the private key for who signs, the public one for `mapping_key` of the service."""
    private, public = signing.generate(directory)
    print(f"{private}: private, for `mapping sign` (keep it away from the gateway)")
    print(f"{public}: public, for `mapping verify` and the setting `mapping_key`")
