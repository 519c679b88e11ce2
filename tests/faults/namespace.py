"""A network namespace behind a pair of virtual Ethernet devices: its way to the host can be taken away without a word.

Unlike a closed connection this is what a failed switch looks like: packets go nowhere, and neither side is told.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
from pathlib import Path

_HOST_ADDRESS = "10.213.77.1"
_INSIDE_ADDRESS = "10.213.77.2"
_CLONE_NEWNET = 0x40000000


class Namespace:
    """Needs the command ``ip`` and the right to make namespaces.

    Attributes:
        host_address: of this machine, seen from inside. path: what a process enters it by.
    """

    def __init__(self) -> None:
        self._name = f"marginmon-{os.getpid()}"
        self._outside, self._inside = f"mmo{os.getpid()}", f"mmi{os.getpid()}"
        self.host_address = _HOST_ADDRESS
        self.path = Path("/var/run/netns") / self._name

    async def __aenter__(self) -> Namespace:
        await _ip("netns", "add", self._name)
        try:
            await _ip(
                "link",
                "add",
                self._outside,
                "type",
                "veth",
                "peer",
                "name",
                self._inside,
                "netns",
                self._name,
            )
            await _ip("addr", "add", f"{_HOST_ADDRESS}/30", "dev", self._outside)
            await _ip("link", "set", self._outside, "up")
            await self._within("addr", "add", f"{_INSIDE_ADDRESS}/30", "dev", self._inside)
            await self._within("link", "set", "lo", "up")
            await self.join()
        except OSError:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await _ip("netns", "del", self._name)  # takes both devices with it

    async def cut(self) -> None:
        """Nothing gets in or out any more."""
        await self._within("link", "set", self._inside, "down")

    async def join(self) -> None:
        """The way is there again."""
        await self._within("link", "set", self._inside, "up")

    async def _within(self, *arguments: str) -> None:
        await _ip("-n", self._name, *arguments)


async def _ip(*arguments: str) -> None:
    process = await asyncio.create_subprocess_exec("ip", *arguments)
    if await process.wait():
        raise OSError(
            f"ip {' '.join(arguments)} failed: this fault needs the right to make network namespaces"
        )


def enter(path: str) -> None:
    """This process, while it has one thread, goes on inside the namespace."""
    libc = ctypes.CDLL(None, use_errno=True)
    handle = os.open(path, os.O_RDONLY)
    try:
        if libc.setns(handle, _CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), f"namespace {path} cannot be entered")
    finally:
        os.close(handle)
