"""An exception that ends a freeze, granted on the account's page: a real browser, Kafka and worker."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from subprocess import Popen

import pytest
from playwright.async_api import Browser, expect

from tests.broker.test_intraday_worker import BOUGHT, Story, until_frozen
from tests.broker.worker_harness import Harness

pytestmark = pytest.mark.browser

SHOWN_MS = 20_000
TOKEN = "alice-token-0123456789-abcdef"
Start = Callable[..., tuple[str, "Popen[str]"]]


async def test_an_operator_ends_a_freeze_by_an_exception(
    harness: Harness, start_web: Start, browser: Browser, tmp_path: Path
) -> None:
    await until_frozen(Story(harness, killed=False))
    tokens = tmp_path / "tokens"
    tokens.write_text(f"alice {TOKEN}\n")
    address, _ = start_web(TOKENS_FILE=str(tokens), ANSWER_TIMEOUT_S="30")
    page = await (await browser.new_context()).new_page()
    await page.goto(f"{address}/accounts/M")
    said, panel = page.locator("#exception-said"), page.locator("#exception-panel")
    await expect(page.locator("#standing")).to_contain_text("frozen", timeout=SHOWN_MS)
    await expect(panel.locator("option")).to_have_text(re.compile(rf"{BOUGHT}, .*1,250\.00"))
    extraordinary, more_time = (
        panel.locator(f"button[value={kind}]") for kind in ("extraordinary", "extend")
    )

    await extraordinary.click()
    await expect(said).to_contain_text("Say why")
    await page.fill("#exception-text", "exchange outage")
    await more_time.click()
    await expect(said).to_contain_text("Name the business day")
    await extraordinary.click()
    await expect(said).to_have_text("No operator has this token.")
    await page.fill("#exception-token", TOKEN)
    await page.fill("#exception-until", "2026-07-10")
    await more_time.click()  # it is late already
    await expect(said).to_contain_text("WRONG_CALL_STATE", timeout=SHOWN_MS)
    assert len(await harness.until("call-responses.dlq", bool)) == 1
    await extraordinary.click()
    await expect(said).to_have_text(
        f"Granted by alice for the deficit of {BOUGHT}: extraordinary circumstances.", timeout=SHOWN_MS
    )
    await expect(page.locator("#standing")).not_to_contain_text("frozen", timeout=SHOWN_MS)
    assert await page.locator("#exception-text").input_value() == ""

    events = [
        json.loads(record.value)
        for record in await harness.until("intraday-deficits", lambda rs: len(rs) > 10)
    ]
    assert [event["reason"] for event in events[9:]] == ["EXTRAORDINARY", "FREEZE_LIFTED"]
    granted = events[9]["response"]
    assert (granted["operator"], granted["text"], granted["until"]) == ("alice", "exchange outage", None)
