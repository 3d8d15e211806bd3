"""What a stack says of itself when asked: metrics and Envoy's admin pages, kept as files for the search for secrets."""

from __future__ import annotations

import random
import socket
import urllib.request

from authzsvc.demo.stack import LOOPBACK, Stack

ADMIN = ("/stats", "/stats/prometheus", "/config_dump?include_eds", "/clusters", "/listeners", "/certs", "/server_info")


def metrics_address() -> str:
    """An address for a stack's metrics. No port that the kernel hands out by itself: one of those may be taken again
    before the service listens on it."""
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                trial.bind((LOOPBACK, port))
            except OSError:
                continue
        return f"{LOOPBACK}:{port}"


def keep_pages(stack: Stack, metrics: str) -> None:
    """Ask whatever still runs, and keep the answers in the stack's folder."""
    folder = stack.directory / "pages"
    folder.mkdir(exist_ok=True)
    if stack.envoy is not None and stack.envoy.running:
        for page in ADMIN:
            name = page.partition("?")[0].strip("/").replace("/", "-")
            (folder / f"envoy-{name}.txt").write_text(stack.ask_admin(page))
    if stack.service is not None and stack.service.running:
        with urllib.request.urlopen(f"http://{metrics}/metrics", timeout=10) as answer:
            (folder / "metrics.txt").write_bytes(answer.read())
