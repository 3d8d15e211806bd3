"""`authzsvc demo`: AlgoProvider's story on one machine, and its parts for a composed set-up."""

from __future__ import annotations

import asyncio
import signal
import tempfile
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated

import typer

from authzsvc.demo.algoprovider import SCOPES, AlgoProvider, fetch_token
from authzsvc.demo.screen import Claim, Screen
from authzsvc.demo.stack import LOOPBACK, Stack, find_mapping
from authzsvc.demo.story import Story
from authzsvc.demo.venue import Venue
from authzsvc.gateway import Endpoint

KEPT_FOR_S = 12 * 3600

app = typer.Typer(help="AlgoProvider's story through the real Envoy, told on screen.", invoke_without_command=True)


@app.callback()
def story(
    context: typer.Context,
    keep: Annotated[bool, typer.Option("--keep", help="Stay up, and print where to connect and a token.")] = False,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Where the gateway listens; 0: any free port.")] = 0,
) -> None:
    """Start all parts, tell the story, end; exit code 0 only if every claim held."""
    if context.invoked_subcommand is None:
        raise typer.Exit(0 if asyncio.run(_tell(keep, port)) else 1)


async def _tell(keep: bool, port: int) -> bool:
    screen = Screen()
    stopped = _stop_signal()
    with tempfile.TemporaryDirectory(prefix="authzsvc-demo-") as directory:
        venue = Venue()
        await venue.start()
        stack = Stack(Path(directory), venue.port, find_mapping("institutional.yaml"), listen_port=port)
        try:
            screen.say("starting the decision service and Envoy …")
            await asyncio.to_thread(stack.start)
            held = await _unless(stopped, Story(stack, venue, screen).tell())
            if keep and not stopped.is_set():
                _tell_where(screen, stack)
                await stopped.wait()
        finally:
            stack.stop()
            await venue.stop()
    return held


async def _unless(stopped: asyncio.Event, story: Coroutine[None, None, bool]) -> bool:
    """The story's verdict; a story that was broken off did not hold."""
    telling, stopping = asyncio.create_task(story), asyncio.create_task(stopped.wait())
    await asyncio.wait((telling, stopping), return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if telling.done():
        return telling.result()
    telling.cancel()
    await asyncio.wait((telling,))
    return False


def _stop_signal() -> asyncio.Event:
    """Set when a person or a supervisor wants an end."""
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    return stopped


def _tell_where(screen: Screen, stack: Stack) -> None:
    comp_id = "TRADER"
    token = stack.issuer.mint(scopes=SCOPES, subject="you", comp_id=comp_id, ttl_s=KEPT_FOR_S)
    screen.title("Up until you press Ctrl-C")
    screen.say(
        f"connect   {LOOPBACK}:{stack.port} (FIX 4.0 to 4.4, FIXT 1.1; SenderCompID={comp_id}, TargetCompID=VENUE)"
    )
    screen.say(f"audit     {stack.audit}")
    screen.say(f"admin     http://{stack.admin}")
    screen.say(f"scopes    {' '.join(SCOPES)}")
    screen.say("token     for Password (554) of the Logon; development keys, valid for 12 hours:")
    screen.console.print(token, soft_wrap=True, markup=False)


@app.command("venue")
def venue_command(
    listen: Annotated[str, typer.Option(metavar="HOST:PORT", help="Where the gateway connects.")] = "127.0.0.1:9881",
) -> None:
    """Run the simulated venue alone."""
    asyncio.run(_run_venue(Endpoint.parse(listen)))


async def _run_venue(endpoint: Endpoint) -> None:
    stopped = _stop_signal()
    venue = Venue()
    await venue.start(endpoint.host, endpoint.port)
    Screen().say(f"the venue listens on {endpoint.host}:{venue.port}")
    await stopped.wait()
    await venue.stop()


@app.command("algoprovider")
def algoprovider_command(
    connect: Annotated[str, typer.Option(metavar="HOST:PORT", help="The gateway.")],
    token_url: Annotated[str, typer.Option(help="The authorization server's token endpoint.")],
    client_id: Annotated[str, typer.Option(help="The client's name there.")] = "algoprovider",
    client_secret: Annotated[str, typer.Option(envvar="CLIENT_SECRET", help="Its secret.", show_default=False)] = "",
) -> None:
    """Run AlgoProvider alone, with a token by the client-credentials flow."""
    token = fetch_token(token_url, client_id, client_secret)
    raise typer.Exit(0 if asyncio.run(_run_algoprovider(Endpoint.parse(connect), token)) else 1)


async def _run_algoprovider(gateway: Endpoint, token: str) -> bool:
    screen = Screen()
    algo = AlgoProvider()
    algo.on_message = lambda _, message: screen.message("AlgoProvider", "received", message)
    algo.on_sent = lambda _, message: screen.message("AlgoProvider", "sent", message)
    claims: list[Claim] = []
    await algo.connect(gateway.host, gateway.port)
    try:
        algo.log_on(token)
        await algo.wait_for_type("A")
        spread = algo.spread()
        await asyncio.sleep(2)
        algo.replace(spread)
        order = algo.stock_order()
        reject = await algo.wait_for_type("j")
        claims.append(Claim("the stock order was rejected", reject.get(45) == order.get(34)))
        algo.subscribe()
        await algo.wait_for_type("W")
        claims.append(Claim("the session trades on", algo.connected and not algo.faults))
        algo.logout()
        await algo.closed()
    except TimeoutError:
        claims.append(Claim("every awaited message came", held=False))
    finally:
        await algo.disconnect()
    screen.claims(claims)
    return all(claim.held for claim in claims)
