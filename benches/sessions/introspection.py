"""An introspection endpoint (RFC 7662) on loopback that takes its time; every token it knows is good."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

from authzsvc.tokens.development import AUDIENCE, ISSUER

LONGEST_FORM = 64 * 1024

Claims = dict[str, object]


def opaque(comp_ids: Iterable[str], scopes: Iterable[str]) -> tuple[dict[str, str], dict[str, Claims]]:
    """Tokens that are no JWT, one for each CompID, and what the endpoint says of each token."""
    tokens = {comp_id: f"opaque-{comp_id.lower()}-token" for comp_id in comp_ids}
    return tokens, {token: _claims(comp_id, " ".join(scopes)) for comp_id, token in tokens.items()}


def _claims(comp_id: str, scope: str) -> Claims:
    return {
        "active": True,
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": comp_id.lower(),
        "client_id": comp_id.lower(),
        "scope": scope,
        "exp": int(time.time()) + 3600,
        "fix_comp_id": comp_id,
    }


class SlowServer(ThreadingHTTPServer):
    """Answers each request after `delay_s`, all at once if need be."""

    request_queue_size = 256

    def __init__(self, answers: Mapping[str, Mapping[str, object]], delay_s: float) -> None:
        """`answers`: of each token."""
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers = answers
        self.delay_s = delay_s
        self.asked = 0
        self.waiting = 0
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        """The endpoint's address."""
        return f"http://127.0.0.1:{self.server_port}/introspect"


class _Handler(BaseHTTPRequestHandler):
    server: SlowServer
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Answer about one token."""
        with self.server.lock:
            self.server.asked += 1
            self.server.waiting += 1
        length = min(int(self.headers.get("content-length", "0")), LONGEST_FORM)
        form = parse_qs(self.rfile.read(length).decode())
        time.sleep(self.server.delay_s)
        body = json.dumps(self.server.answers.get(form.get("token", [""])[0], {"active": False})).encode()
        with self.server.lock:
            self.server.waiting -= 1
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def slow_server(answers: Mapping[str, Mapping[str, object]], delay_s: float) -> Iterator[SlowServer]:
    """Serve for as long as this lasts."""
    server = SlowServer(answers, delay_s)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
