"""`python -m authzsvc.contract.generate`: make `authzsvc/_gen` anew from the schemas in proto/fixauthz/v1.

It needs grpcio-tools, which is a tool of development. The outcome is committed, and a test fails when it drifts.
"""

from __future__ import annotations

import sys
from pathlib import Path

from authzsvc.errors import ToolError

ROOT = Path(__file__).parents[2]
PROTO = ROOT / "proto"
GENERATED = ROOT / "authzsvc" / "_gen"
SOURCES = ("fixauthz/v1/admin.proto", "fixauthz/v1/event.proto")


def generate(into: Path) -> None:
    """Compile the schemas into Python modules and their type stubs below `into`. Raises `ToolError`."""
    try:
        from grpc_tools import protoc  # type: ignore[import-untyped]
    except ImportError:
        raise ToolError("`grpcio-tools` is missing (install the development requirements)") from None
    into.mkdir(parents=True, exist_ok=True)
    arguments = ["protoc", f"-I{PROTO}", f"--python_out={into}", f"--pyi_out={into}", *SOURCES]
    if protoc.main(arguments) != 0:
        raise ToolError(f"the schemas in `{PROTO}` do not compile (see above)")


if __name__ == "__main__":
    try:
        generate(GENERATED)
    except ToolError as error:
        sys.exit(str(error))
