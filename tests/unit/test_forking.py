"""Starting processes beside gRPC: its fork handlers do not run, for they may wait for ever."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

FORKS_DURING_A_CALL = """
import os, threading
from concurrent import futures
import grpc

called, done = threading.Event(), threading.Event()

def answer(request, context):
    called.set()
    done.wait(10)
    return request

server = grpc.server(futures.ThreadPoolExecutor(1))
handler = grpc.method_handlers_generic_handler("x.Y", {"Z": grpc.unary_unary_rpc_method_handler(answer)})
server.add_generic_rpc_handlers((handler,))
port = server.add_insecure_port("127.0.0.1:0")
server.start()
channel = grpc.insecure_channel(f"127.0.0.1:{port}")
call = threading.Thread(target=lambda: channel.unary_unary("/x.Y/Z")(b""))
call.start()
called.wait(10)
child = os.fork()
if child == 0:
    os._exit(0)
os.waitpid(child, 0)
done.set()
call.join()
server.stop(None)
"""
TOLD = "fork() handlers"
"""gRPC says that it skips them, where they are on and a call is in flight."""


@pytest.mark.parametrize(("first", "told"), [("", True), ("import authzsvc.demo.stack", False)])
def test_whoever_imports_us_first_forks_without_the_handlers_of_grpc(first: str, told: bool) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GRPC_")}
    ran = subprocess.run(
        [sys.executable, "-c", f"{first}\n{FORKS_DURING_A_CALL}"],
        env={**environment, "GRPC_VERBOSITY": "info"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert (TOLD in ran.stderr) is told


def test_the_tests_themselves_do() -> None:
    assert os.environ["GRPC_ENABLE_FORK_SUPPORT"] == "false"
