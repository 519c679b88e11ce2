"""One account's explanation, asked from the worker that holds the account."""

from __future__ import annotations

import asyncio
from typing import Any, Final
from urllib.parse import quote, urlsplit

import aiohttp
import msgspec

from streams.web.settings import WebSettings

_MAX_BYTES: Final = 8 * 1024 * 1024
_AT_ONCE: Final = 8


class DrillDownError(RuntimeError):
    """Why there is no explanation: a sentence for the person at the page, and an HTTP status for programs."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class DrillDown:
    """Asks workers; few questions at a time, each bounded in time and size, no redirects."""

    def __init__(self, settings: WebSettings) -> None:
        self._settings = settings
        self._gate = asyncio.Semaphore(_AT_ONCE)
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=settings.worker_timeout_s), trust_env=False
        )

    async def close(self) -> None:
        """End all connections."""
        await self._session.close()

    async def explain(self, served_by: str, account_id: str) -> dict[str, Any]:
        """The worker's answer: ``{"statement": ..., "explanation": ...}``.

        Raises:
            DrillDownError: the address is not allowed, the worker is gone, slow or does not know the account.
        """
        address = self._address(served_by)
        try:
            async with (
                self._gate,
                self._session.get(
                    f"{address}/accounts/{quote(account_id, safe='')}", allow_redirects=False
                ) as answer,
            ):
                return _read(address, account_id, answer.status, await answer.content.read(_MAX_BYTES + 1))
        except TimeoutError:
            raise DrillDownError(
                504,
                f"Worker {address} did not answer within {self._settings.worker_timeout_s:g} s; is it overloaded?",
            ) from None
        except aiohttp.ClientError as error:
            raise DrillDownError(
                503,
                f"Worker {address} is gone ({type(error).__name__}). The figures are its last; "
                "another worker takes the account over and publishes a new statement.",
            ) from None

    def _address(self, served_by: str) -> str:
        parts = urlsplit(served_by)
        try:
            host, port = parts.hostname or "", parts.port
        except ValueError:
            host, port = "", None
        if parts.scheme != "http" or not host or port is None or parts.username:
            raise DrillDownError(502, f"The statement names no usable worker address: {served_by!r}.")
        if not self._settings.may_ask(host):
            raise DrillDownError(
                502, f"Worker {host} is not on this machine and not allowed; add it to MARGINMON_WEB_WORKERS."
            )
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _read(address: str, account_id: str, status: int, body: bytes) -> dict[str, Any]:
    if status == 404:
        raise DrillDownError(
            404,
            f"Worker {address} does not hold account {account_id} any more; a new statement is on its way.",
        )
    if status == 503:
        raise DrillDownError(503, f"Worker {address} is still taking its partitions over; it answers soon.")
    if status != 200 or len(body) > _MAX_BYTES:
        raise DrillDownError(502, f"Worker {address} answered with status {status} and {len(body)} bytes.")
    try:
        answer = msgspec.json.decode(body, type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise DrillDownError(502, f"Worker {address} answered what is no JSON object: {error}.") from None
    if "explanation" not in answer:
        raise DrillDownError(
            502, f"Worker {address} answered without an explanation; is it of another version?"
        )
    return answer
