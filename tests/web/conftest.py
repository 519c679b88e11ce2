"""Fixtures of the page's tests: a served page, a real browser."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator

import pytest
from playwright.async_api import Browser, async_playwright

from streams.contracts.topics import TopicTable

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
BROWSER_ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PARTITIONS = 4
END_S = 3.0


@pytest.fixture
def topics(topic_prefix: str) -> TopicTable:
    """The topic table of one test."""
    return TopicTable(topic_prefix, PARTITIONS)


@pytest.fixture
def start_web(
    kafka_bootstrap: str, topics: TopicTable
) -> Iterator[Callable[..., tuple[str, subprocess.Popen[str]]]]:
    """Starts `marginmon web` as people do; gives its address. All end with the test, each within 3 s."""
    started: list[subprocess.Popen[str]] = []

    def start(**settings: str) -> tuple[str, subprocess.Popen[str]]:
        command = [
            *(sys.executable, "-m", "streams.cli", "web", "--port", "0"),
            *("--bootstrap", kafka_bootstrap, "--topic-prefix", topics.prefix),
        ]
        environment = os.environ | {f"MARGINMON_WEB_{name}": value for name, value in settings.items()}
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
        started.append(process)
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("web ready http://127.0.0.1:"), line
        return line.split()[-1], process

    yield start
    for process in started:
        process.terminate()
        try:
            process.wait(END_S)
        finally:
            process.kill()


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    """A real Chromium."""
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip(f"NO BROWSER: install one of {', '.join(BROWSERS)} to run this test")
    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(executable_path=found, args=BROWSER_ARGUMENTS)
        yield running
        await running.close()
