"""Keycloak's own distribution, as `make interop` unpacks it, and how it is run.

`python -m tests.interop.distribution` readies it once for `tests.interop.keycloak`.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
HOME = ROOT / "build/interop/keycloak"
"""The unpacked distribution."""
BUILT = ("--db=dev-file", "--https-client-auth=request")
"""What Keycloak wants settled before it starts."""

_JVM = ("-Xms64m", "-Xmx512m", "-XX:MaxMetaspaceSize=256m", "-XX:+ExitOnOutOfMemoryError", "-Dfile.encoding=UTF-8")
_OPENED = ("java.util", "java.util.concurrent", "java.security", "java.lang")


def command(*arguments: str) -> list[str]:
    """What `kc.sh` runs, without its shell."""
    return [
        "java",
        *_JVM,
        *(f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in _OPENED),
        f"-Dkc.home.dir={HOME}",
        f"-Djboss.server.config.dir={HOME}/conf",
        "-Djava.util.logging.manager=org.jboss.logmanager.LogManager",
        "-Djava.util.concurrent.ForkJoinPool.common.threadFactory="
        "io.quarkus.bootstrap.forkjoin.QuarkusForkJoinWorkerThreadFactory",
        "-Dquarkus-log-max-startup-records=10000",
        "-cp",
        f"{HOME}/lib/quarkus-run.jar",
        "io.quarkus.bootstrap.runner.QuarkusEntryPoint",
        *arguments,
    ]


def main() -> int:
    """Ready the distribution; its exit code."""
    return subprocess.run(command("build", *BUILT), check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
