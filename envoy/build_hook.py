"""Hatch's hook that puts the FIX filter, built by cargo, and the mappings inside the wheel.

A wheel then holds all that `authzsvc` needs beside Envoy itself: `authzsvc/_filter/libfix_authz.so` and
`authzsvc/_mappings/`. An editable install takes both from the checkout instead and builds nothing.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

LIBRARY = "libfix_authz.so"


class FilterBuildHook(BuildHookInterface):  # type: ignore[type-arg]  # hatchling leaves the parameter to its own builders
    """Builds the filter for a standard wheel and tags the wheel with this platform.

    The library is plain C ABI, so the tag is `py3-none-<platform>`: any Python 3, this operating system and processor.
    """

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called by hatchling before a wheel is put together; `version` is `standard` or `editable`."""
        if version == "editable":
            return
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{sysconfig.get_platform().replace('-', '_').replace('.', '_')}"
        build_data["force_include"][str(self._build_filter())] = f"authzsvc/_filter/{LIBRARY}"
        mappings = Path(self.root, "mappings")
        if mappings.is_dir():
            build_data["force_include"][str(mappings)] = "authzsvc/_mappings"

    def _build_filter(self) -> Path:
        """The path of the freshly built library; ends the build with a plain line where that fails."""
        workspace = Path(self.root, "envoy")
        cargo = shutil.which("cargo")
        if cargo is None:
            sys.exit("`cargo` is missing: the FIX filter is written in Rust (install Rust, then try again)")
        command = [cargo, "build", "--release", "--locked", "--manifest-path", str(workspace / "Cargo.toml")]
        command += ["--target-dir", str(workspace / "target")]
        if subprocess.run(command, check=False).returncode != 0:
            sys.exit("`cargo build` of the FIX filter failed: see its messages above")
        return workspace / "target" / "release" / LIBRARY
