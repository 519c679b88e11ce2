"""A fault proxy before the broker: passes on, slows down, holds connections half closed, or refuses."""

from __future__ import annotations

import asyncio
import contextlib
from enum import Enum


class Mode(Enum):
    """What happens to bytes."""

    PASS = "pass"
    SLOW = "slow"  # every piece is late
    HALF_CLOSED = "half-closed"  # requests go through, answers never come
    CUT = "cut"  # connections are refused and ended


class FaultProxy:
    """Listens on an address of this machine; ``mode`` takes effect at once, also on open connections."""

    def __init__(
        self, port: int, target_port: int, delay_s: float = 0.15, address: str = "127.0.0.1"
    ) -> None:
        self.port, self._target, self._delay_s, self._address = port, target_port, delay_s, address
        self.mode = Mode.PASS
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> FaultProxy:
        self._server = await asyncio.start_server(self._serve, self._address, self.port)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        self.cut()

    def cut(self) -> None:
        """End every open connection."""
        for writer in self._open:
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.mode is Mode.CUT:
            writer.close()
            return
        try:
            to_reader, to_writer = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.close()
            return
        self._open |= {writer, to_writer}
        await asyncio.gather(
            self._pump(reader, to_writer, answers=False), self._pump(to_reader, writer, answers=True)
        )
        self._open -= {writer, to_writer}

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, answers: bool
    ) -> None:
        with contextlib.suppress(OSError):
            while piece := await reader.read(64 * 1024):
                if self.mode is Mode.SLOW:
                    await asyncio.sleep(self._delay_s)
                if self.mode is Mode.HALF_CLOSED and answers:
                    continue
                writer.write(piece)
                await writer.drain()
        writer.close()
