"""The worker's pages: /metrics, /healthz, /readyz, /accounts/{id}; loopback unless told otherwise."""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from engine.base.errors import MarginError
from engine.state.engine import Engine
from streams.worker.account_view import NotLiveError, account_view
from streams.worker.clock import Clock
from streams.worker.engine_thread import EngineThread


class Pages:
    """HTTP server of one worker.

    Attributes:
        address: base address, e.g. ``http://127.0.0.1:9464``; empty before :meth:`start`.
    """

    def __init__(
        self,
        engine: Engine,
        engine_thread: EngineThread,
        registry: CollectorRegistry,
        not_ready: Callable[[], str],
        clock: Clock,
    ) -> None:
        """``not_ready`` says what is still missing; empty when the worker is live."""
        self._engine = engine
        self._thread = engine_thread
        self._registry = registry
        self._not_ready = not_ready
        self._clock = clock
        self.address = ""
        application = web.Application()
        application.add_routes(
            [
                web.get("/metrics", self._metrics),
                web.get("/healthz", self._healthz),
                web.get("/readyz", self._readyz),
                web.get("/accounts/{account_id}", self._account),
            ]
        )
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.5)

    async def start(self, host: str, port: int) -> None:
        """Listen; port 0 takes a free one.

        Raises:
            OSError: the port is taken or the host is not ours.
        """
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port)
        await site.start()
        bound_port = self._runner.addresses[0][1]
        shown = f"[{host}]" if ":" in host else host
        self.address = f"http://{shown}:{bound_port}"

    async def stop(self) -> None:
        """Close all connections."""
        await self._runner.cleanup()

    async def _metrics(self, request: web.Request) -> web.Response:
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        return web.Response(body=encode(self._registry), headers={"Content-Type": content_type})

    async def _healthz(self, _: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def _readyz(self, _: web.Request) -> web.Response:
        missing = self._not_ready()
        if missing:
            return web.json_response({"status": "not ready", "waiting_for": missing}, status=503)
        return web.json_response({"status": "ready"})

    async def _account(self, request: web.Request) -> web.Response:
        account_id = request.match_info["account_id"]
        try:
            view = await self._thread.run(
                account_view, self._engine, account_id, self._clock.now_ns(), self.address
            )
        except MarginError as error:
            return web.json_response({"error": str(error)}, status=404)
        except NotLiveError as error:
            return web.json_response({"error": str(error)}, status=503)
        return web.json_response(view)
