"""Faults of the broker and of the way to it: killed and started again, slow, half closed, cut off, disk full."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from streams.broker.kafka import EmbeddedBroker, Secured
from streams.broker.ports import free_ports
from tests.faults.firm import Firm
from tests.faults.judgement import Row, judged
from tests.faults.namespace import Namespace
from tests.faults.nursery import Nursery
from tests.faults.proxy import FaultProxy, Mode

_OUTAGE_S = 6.0
_PARTED_S = 9.0  # longer than the session timeout
_DISK = "64m"
_LARGER_DISK = "512m"


async def broker_killed(prefix: str, folder: Path, nursery: Nursery, times: int, seed: int) -> Row:
    """kill -9, and started again on the same data after a while."""
    (port,) = free_ports(1)
    data = folder / f"{prefix}data"
    broker = await asyncio.to_thread(EmbeddedBroker(port=port, data_folder=data).start)
    try:
        async with Firm(broker.bootstrap, prefix, folder, nursery, seed) as firm:
            life = firm.worker()
            await firm.live(life)
            for _ in range(times):
                await asyncio.sleep(3.0)
                os.kill(broker.pid, signal.SIGKILL)
                await asyncio.to_thread(broker.stop)
                broker = await asyncio.to_thread(EmbeddedBroker(port=port, data_folder=data).start)
                await firm.evaluated()
            return await judged("kill -9 of the broker, started again", times, firm)
    finally:
        await asyncio.to_thread(broker.stop)


async def network(prefix: str, folder: Path, nursery: Nursery, times: int, seed: int) -> Row:
    """Connections that are slow, half closed, cut, in turn, in front of two workers."""
    async with (
        proxied(folder / f"{prefix}data") as (proxy, bootstrap),
        Firm(bootstrap, prefix, folder, nursery, seed) as firm,
    ):
        for life in (firm.worker(), firm.worker()):
            await firm.live(life)
        for number in range(times):
            proxy.mode = (Mode.SLOW, Mode.HALF_CLOSED, Mode.CUT)[number % 3]
            if proxy.mode is Mode.CUT:
                proxy.cut()
            await asyncio.sleep(_OUTAGE_S)
            half_closed, proxy.mode = proxy.mode is Mode.HALF_CLOSED, Mode.PASS
            if half_closed:
                proxy.cut()
            await firm.evaluated()
        return await judged("slow, half-closed and cut connections, 6 s each", times, firm)


async def parted(prefix: str, folder: Path, nursery: Nursery, times: int, seed: int) -> Row:
    """Of two workers one is in a network namespace whose way to the broker is taken away and given back. Needs root."""
    async with (
        Namespace() as namespace,
        proxied(folder / f"{prefix}data", namespace.host_address) as (_, bootstrap),
        Firm(bootstrap, prefix, folder, nursery, seed) as firm,
    ):
        inside = firm.worker(namespace=str(namespace.path))
        for life in (firm.worker(), inside):
            await firm.live(life)
        for _ in range(times):
            await firm.evaluated(by=inside)  # it has partitions to lose
            await namespace.cut()
            await asyncio.sleep(_PARTED_S)
            await namespace.join()
        await firm.evaluated(by=inside)
        return await judged(
            "one worker behind a network partition for 9 s with a session of 6 s", times, firm
        )


async def disk_full(prefix: str, folder: Path, nursery: Nursery, times: int, seed: int) -> Row:
    """The broker's file system fills up, the broker gives up, and is started again on a larger one. Needs root."""
    data = folder / f"{prefix}data"
    data.mkdir()
    await _mount("mount", "-t", "tmpfs", "-o", f"size={_DISK}", "tmpfs", str(data))
    (port,) = free_ports(1)
    broker = EmbeddedBroker(port=port, data_folder=data)
    try:
        await asyncio.to_thread(broker.start)
        async with Firm(broker.bootstrap, prefix, folder, nursery, seed) as firm:
            await firm.live(firm.worker())
            await asyncio.sleep(3.0)
            _fill(data / "ballast")
            await asyncio.sleep(_OUTAGE_S)
            (data / "ballast").unlink()
            await _mount("mount", "-o", f"remount,size={_LARGER_DISK}", str(data))
            if broker.ended():
                await asyncio.to_thread(broker.stop)
                broker = EmbeddedBroker(port=port, data_folder=data)
                await asyncio.to_thread(broker.start)
            await firm.evaluated()
            return await judged("disk of the broker full for 6 s", 1, firm)
    finally:
        await asyncio.to_thread(broker.stop)
        await _mount("umount", "-l", str(data))
        shutil.rmtree(data, ignore_errors=True)


async def _mount(*arguments: str) -> None:
    process = await asyncio.create_subprocess_exec(*arguments)
    if await process.wait():
        raise OSError(f"{' '.join(arguments)} failed: this fault needs the right to mount a tmpfs")


def _fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(1 << 20))
        except OSError:
            return


@asynccontextmanager
async def proxied(data: Path, address: str = "127.0.0.1") -> AsyncIterator[tuple[FaultProxy, str]]:
    """A broker that tells its clients to come through a fault proxy at an address of this machine."""
    port, proxy_port = free_ports(2)
    bootstrap = f"{address}:{proxy_port}"
    advertised = Secured(settings={"advertised.listeners": f"PLAINTEXT://{bootstrap}"})
    broker = EmbeddedBroker(port=port, data_folder=data, secured=advertised)
    try:
        async with FaultProxy(proxy_port, port, address=address) as proxy:
            await asyncio.to_thread(broker.start)
            yield proxy, bootstrap
    finally:
        await asyncio.to_thread(broker.stop)
