"""``marginmon web``: the live page on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
from types import FrameType

import click
import uvicorn
from pydantic import ValidationError

from streams.contracts.connection import one_line
from streams.web.app import create_app
from streams.web.service import WebService
from streams.web.settings import WebSettings

_GRACE_S = 1


@click.command()
@click.option("--bootstrap", help="host:port of a Kafka broker, several separated by commas.")
@click.option("--topic-prefix", "--prefix", help="Start of every topic's name.")
@click.option("--host", help="Address to listen on (default: 127.0.0.1).")
@click.option("--port", type=click.IntRange(0, 65535), help="Port (default: 8080; 0 takes a free one).")
def web(bootstrap: str | None, topic_prefix: str | None, host: str | None, port: int | None) -> None:
    """Serve the live page: silo and unified margin side by side, calls, drill-down.

    Prints one line `web ready http://...` when it answers. All settings can be given as MARGINMON_WEB_<NAME>
    too; flags win. It has no log-in: put a proxy that has one before it when others than you can reach it.
    Exit code 0 after Ctrl-C or SIGTERM, 1 if the port is taken, 2 for a wrong setting.

    \b
    Example:
      marginmon web --bootstrap 127.0.0.1:9092 --port 8080
    """
    try:
        settings = WebSettings.from_options(
            bootstrap=bootstrap, topic_prefix=topic_prefix, host=host, port=port
        )
    except ValidationError as error:
        raise click.UsageError(one_line(error)) from None
    # The Kafka client repeats itself many times a second while a broker is away; the feed says it once.
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    with listening(settings) as listener, contextlib.suppress(KeyboardInterrupt):
        serve(settings, listener)


def listening(settings: WebSettings) -> socket.socket:
    """A socket that listens where the settings say.

    Raises:
        ClickException: the address cannot be listened on.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    try:
        return socket.create_server((settings.host, settings.port), family=family, backlog=128)
    except OSError as error:
        raise click.ClickException(
            f"cannot listen on {settings.host} port {settings.port}: {error.strerror or error}; "
            "choose another --port (0 takes a free one)"
        ) from None


def serve(settings: WebSettings, listener: socket.socket) -> None:
    """Serve until SIGTERM or Ctrl-C."""
    service = WebService(settings)
    config = uvicorn.Config(
        create_app(settings, service),
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_GRACE_S,
    )
    # uvicorn ends cleanly on SIGTERM and then raises it again for whoever handled it before: nobody.
    signal.signal(signal.SIGTERM, lambda number, frame: None)
    asyncio.run(Server(config, service, address_of(listener)).serve([listener]))


def address_of(listener: socket.socket) -> str:
    """Where browsers find the page."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class Server(uvicorn.Server):
    """Says when it is ready, and lets go of the event streams as soon as it must end."""

    def __init__(self, config: uvicorn.Config, service: WebService, address: str) -> None:
        super().__init__(config)
        self._service = service
        self._address = address

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """One line on stdout, once requests are answered."""
        await super().startup(sockets)
        click.echo(f"web ready {self._address}")

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Streams never end by themselves; without this they would use up the grace time."""
        self._service.hub.close()
        super().handle_exit(sig, frame)
