"""The pages in a real browser, over a real Kafka and the worker's own HTTP server."""

from __future__ import annotations

import random
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from subprocess import Popen

import pytest
from aiokafka import AIOKafkaProducer
from playwright.async_api import Browser, Page, expect

from engine.base.units import cents_nearest
from streams.contracts.intraday import IntradayOpenDeficit, IntradayStatement
from streams.contracts.topics import TopicTable
from tests.web.live_book import LiveBook, create_topics, producer, publish, shaken, worker_pages

pytestmark = pytest.mark.browser

DESKTOP, PHONE = (1440, 900), (390, 844)
SHOWN_MS = 20_000


@dataclass
class Site:
    """A served book: publish through it, open pages on it."""

    address: str
    book: LiveBook
    topics: TopicTable
    sending: AIOKafkaProducer
    served_by: str
    browser: Browser
    process: Popen[str]
    complaints: list[str] = field(default_factory=list)
    generator: random.Random = field(default_factory=lambda: random.Random(4))

    async def publish(self) -> None:
        """Move the market, publish what follows."""
        events = self.book.step(shaken(self.generator, 0.01))
        await publish(self.sending, self.topics, self.book.statements(self.served_by), events)

    async def open(self, path: str, size: tuple[int, int] = DESKTOP, scheme: str = "light") -> Page:
        """A page of its own; what its console says is collected."""
        context = await self.browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme=scheme,  # type: ignore[arg-type]
        )
        page = await context.new_page()
        page.on("console", lambda message: self.complaints.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        await page.goto(self.address + path)
        return page


@pytest.fixture
async def site(
    start_web: Callable[..., tuple[str, Popen[str]]],
    kafka_bootstrap: str,
    topics: TopicTable,
    browser: Browser,
) -> AsyncIterator[Site]:
    """A page over an empty log; nothing may stand in any console at the end."""
    await create_topics(kafka_bootstrap, topics)
    address, process = start_web(AGEING_AFTER_S="4", STALE_AFTER_S="6")
    book = LiveBook(40)
    async with worker_pages(book) as worker, producer(kafka_bootstrap) as sending:
        site = Site(address, book, topics, sending, worker.address, browser, process)
        yield site
    assert site.complaints == []


def headline(amount: object) -> str:
    return f"${round(float(str(amount))):,}"


def explained_unified(book: LiveBook) -> Decimal:
    """What the worker's tree says; it rounds to the nearest cent, a statement's requirement rounds up."""
    return cents_nearest(book.engine.explain("ACC-0005").unified.tree.amount_usd)


async def width_beyond(page: Page) -> int:
    """Pixels by which the page is wider than its window."""
    wider: int = await page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    return wider


async def ground(page: Page) -> str:
    colour: str = await page.evaluate("getComputedStyle(document.body).backgroundColor")
    return colour


async def test_the_overview_fills_and_moves_with_the_figures(site: Site) -> None:
    page = await site.open("/")
    await expect(page.get_by_text("Waiting for the first statement")).to_be_visible()
    await expect(page.locator("#waiting-why")).to_have_text("Kafka answers; no worker has published yet.")
    for _ in range(2):
        await site.publish()
        statements = site.book.statements("")
        silo_sum = sum(statement.gap.silo_sum for statement in statements)
        gap = sum(statement.gap.gap for statement in statements)
        await expect(page.locator("#silo-sum")).to_have_text(headline(silo_sum), timeout=SHOWN_MS)
        await expect(page.locator("#gap")).to_have_text(headline(gap))
    await expect(page.get_by_text("Waiting for the first statement")).to_be_hidden()
    await expect(page.locator("#freshness")).to_have_attribute("data-level", "fresh")
    worst = max(statements, key=lambda statement: statement.gap.silo_deficit)
    await expect(page.locator("#accounts tbody tr").first).to_contain_text(worst.account_id)
    await expect(page.locator("#waterfall svg")).to_have_attribute(
        "aria-label", contains("Netting: futures −")
    )
    await expect(page.locator("#calls tbody tr[data-kind=binding]").first).to_be_visible()
    await expect(page.locator("#states")).to_contain_text("issued")
    await expect(page.locator("#synthetic")).to_be_visible()
    await expect(page.locator("#history polyline")).to_have_count(2, timeout=SHOWN_MS)


def contains(text: str) -> re.Pattern[str]:
    return re.compile(re.escape(text))


async def test_old_figures_are_labelled_and_grey_but_stay(site: Site) -> None:
    await site.publish()
    page = await site.open("/")
    await expect(page.locator("#silo-sum")).to_be_visible(timeout=SHOWN_MS)
    shown = await page.locator("#silo-sum").inner_text()
    fresh = await page.evaluate("getComputedStyle(document.getElementById('silo-sum')).color")
    await expect(page.locator("#notice")).to_contain_text("no worker has published", timeout=SHOWN_MS)
    await expect(page.locator("#freshness")).to_have_attribute("data-level", "stale")
    assert await page.locator("#silo-sum").inner_text() == shown
    assert await page.evaluate("getComputedStyle(document.getElementById('silo-sum')).color") != fresh
    await site.publish()
    await expect(page.locator("#notice")).to_be_hidden(timeout=SHOWN_MS)


async def test_sorting_filtering_and_moving_by_keyboard(site: Site) -> None:
    await site.publish()
    page = await site.open("/")
    rows = page.locator("#accounts tbody tr")
    await expect(rows).to_have_count(25, timeout=SHOWN_MS)
    await page.get_by_role("button", name="Gap").press("Enter")
    widest = max(site.book.statements(""), key=lambda statement: abs(statement.gap.gap))
    await expect(rows.first).to_contain_text(widest.account_id)
    await expect(page.locator("th[aria-sort=descending]")).to_have_text("Gap")
    await page.keyboard.press("/")
    await page.keyboard.type("acc-0017")
    await expect(rows).to_have_count(1)
    await page.keyboard.press("Control+A")
    await page.keyboard.press("Delete")
    await expect(rows).to_have_count(25)
    await rows.nth(0).locator("a").focus()
    await page.keyboard.press("ArrowDown")
    second = await rows.nth(1).locator("a").inner_text()
    await page.keyboard.press("Enter")
    await expect(page.locator("[aria-current=page]")).to_have_text(second)


async def test_colours_follow_the_system_and_a_choice_is_kept(site: Site) -> None:
    light, dark = await site.open("/"), await site.open("/", scheme="dark")
    system = await ground(light), await ground(dark)
    assert system[0] != system[1]
    button = light.locator("#theme")
    await button.click()
    await expect(button).to_have_text("dark")
    assert await ground(light) == system[1]
    await light.reload()
    await expect(button).to_have_text("dark")
    assert await ground(light) == system[1]


@pytest.mark.parametrize("path", ["/", "/accounts/ACC-0005"])
@pytest.mark.parametrize("size", [PHONE, (360, 740), (768, 1024), DESKTOP], ids=lambda size: str(size[0]))
async def test_no_page_is_wider_than_its_window(site: Site, path: str, size: tuple[int, int]) -> None:
    await site.publish()
    page = await site.open(path, size)
    await expect(page.locator("#waterfall svg")).to_be_visible(timeout=SHOWN_MS)
    if path != "/":
        await page.get_by_role("button", name="open all").click()
        await expect(page.locator("#trees details[open]").first).to_be_visible()
    assert await width_beyond(page) == 0


async def test_an_account_is_explained_by_its_worker_and_open_parts_stay_open(site: Site) -> None:
    await site.publish()
    page = await site.open("/accounts/ACC-0005")
    await expect(page.locator("#silos .silo")).to_have_count(4, timeout=SHOWN_MS)
    for _ in range(2):
        await site.publish()
        statement = site.book.statements("", ["ACC-0005"])[0]
        await expect(page.locator("#unified")).to_have_text(
            headline(statement.unified.requirement), timeout=SHOWN_MS
        )
        tree = page.locator("#trees .tree", has_text="Unified · one-pot")
        await expect(tree.locator("summary .amount").first).to_have_text(
            f"{explained_unified(site.book):,.2f}", timeout=SHOWN_MS
        )
        part = tree.locator(".parts > details").first
        if await part.get_attribute("open") is None:
            await part.locator("summary").first.click()
    await expect(part).to_have_attribute("open", "")
    await expect(page.locator("#positions tbody tr")).to_have_count(5)
    await expect(page.locator("#scenarios svg")).to_have_attribute(
        "aria-label", contains("P&L in USD by scenario")
    )
    await expect(page.locator("#quality")).to_contain_text(site.served_by)


async def test_a_frozen_account_says_so_with_its_deficit_and_deadlines(site: Site) -> None:
    site.book.step()
    (statement,) = site.book.statements(site.served_by, ["ACC-0001"])
    frozen = IntradayStatement(
        deficit_today=Decimal(0), open_deficits=1, outstanding=Decimal("1250.00"), freeze_due_date="2026-07-07",
        expires_date="2026-07-21", frozen=True, frozen_until="2026-10-05",
        freeze_violations=2, deficits=(
            IntradayOpenDeficit(
                deficit_id="im-1", business_date="2026-06-29", amount=Decimal("1250.00"), state="outstanding",
                counts=True, late=True, extended_until="2026-07-07",
            ),
        ),
    )  # fmt: skip
    await publish(site.sending, site.topics, [statement.model_copy(update={"intraday": frozen})])
    page = await site.open("/accounts/ACC-0001")
    await expect(page.locator("#standing")).to_contain_text("frozen", timeout=SHOWN_MS)
    await expect(page.locator("#standing")).to_contain_text("intraday deficit")
    for text in (
        "1,250.00 in 1",
        "2026-07-07",
        "2026-07-21",
        "until 2026-10-05: no new short position",
        "im-1",
        "late, time until",
    ):
        await expect(page.locator("#intraday")).to_contain_text(text)
    overview = await site.open("/")
    await expect(overview.locator("main")).to_contain_text("frozen", timeout=SHOWN_MS)
    await publish(site.sending, site.topics, site.book.statements(site.served_by, ["ACC-0001"]))
    await expect(page.locator("#intraday-panel")).to_be_hidden(timeout=SHOWN_MS)
    await expect(page.locator("#standing")).not_to_contain_text("frozen")


async def test_a_silo_shows_the_threshold_and_who_shares_it(site: Site) -> None:
    site.book.step()
    (statement,) = site.book.statements(site.served_by, ["ACC-0001"])
    first, *others = statement.silos
    for allocation, look in (
        ("allocated in group Alder", "small "),
        ("OVER_ALLOCATED: group Alder", "small bad"),
    ):
        shared = first.model_copy(
            update={
                "threshold": Decimal("30000000.00"), "minimum_transfer": Decimal("250000.00"), "allocation": allocation,
            }
        )  # fmt: skip
        await publish(site.sending, site.topics, [statement.model_copy(update={"silos": (shared, *others)})])
        page = await site.open("/accounts/ACC-0001")
        card = page.locator("#silos article").first
        for text in (allocation, "Threshold, not collected", "30,000,000.00", "250,000.00"):
            await expect(card).to_contain_text(text, timeout=SHOWN_MS)
        await expect(card.get_by_text(allocation)).to_have_class(look)
    await publish(site.sending, site.topics, [statement])
    await expect(card).not_to_contain_text("Threshold", timeout=SHOWN_MS)


async def test_an_account_whose_worker_is_gone_keeps_its_figures(site: Site) -> None:
    async with worker_pages(site.book) as gone:
        site.served_by = gone.address
    await site.publish()
    page = await site.open("/accounts/ACC-0001")
    await expect(page.locator("#explained-note")).to_contain_text(
        f"Worker {site.served_by} is gone", timeout=SHOWN_MS
    )
    await expect(page.locator("#silo-sum")).to_be_visible()


async def test_a_page_says_when_its_server_is_gone(site: Site) -> None:
    await site.publish()
    page = await site.open("/")
    await expect(page.locator("#silo-sum")).to_be_visible(timeout=SHOWN_MS)
    site.process.terminate()
    await expect(page.locator("#notice")).to_contain_text("No word from the server", timeout=SHOWN_MS)
    await expect(page.locator("#freshness")).to_have_attribute("data-level", "lost")
    assert site.complaints
    assert all("ERR_CONNECTION_REFUSED" in said or "ERR_INCOMPLETE" in said for said in site.complaints)
    site.complaints.clear()


async def test_an_operator_answers_a_call_and_the_token_stays_in_memory(
    site: Site, start_web: Callable[..., tuple[str, Popen[str]]], tmp_path: Path
) -> None:
    tokens = tmp_path / "tokens"
    tokens.write_text("alice alice-token-0123456789-abcdef\n")
    site.address, _ = start_web(TOKENS_FILE=str(tokens), ANSWER_TIMEOUT_S="0.5")
    await site.publish()
    called = next(row for row in site.book.step() if row.binding and row.state == "issued")
    await publish(site.sending, site.topics, site.book.statements(site.served_by), [called])
    page = await site.open(f"/accounts/{called.account_id}")
    await expect(page.locator("#answer-panel")).to_be_visible(timeout=SHOWN_MS)
    await page.fill("#answer-text", "wire sent")
    await page.fill("#answer-token", "nobody-nobody-nobody-nobody")
    await page.click("#answer-panel button[value=acknowledge]")
    await expect(page.locator("#answer-said")).to_have_text("No operator has this token.")
    await page.fill("#answer-token", "alice-token-0123456789-abcdef")
    for _ in range(2):  # the second time without the token
        await page.click("#answer-panel button[value=acknowledge]")
        await expect(page.locator("#answer-said")).to_contain_text("no worker has said", timeout=SHOWN_MS)
        assert await page.locator("#answer-token").input_value() == ""
    # The browser itself notes every 401, and advises a form around the token's field.
    assert [text for text in site.complaints if "401" not in text and "[DOM]" not in text] == []
    site.complaints.clear()
    kept = await page.evaluate("JSON.stringify([localStorage, sessionStorage, document.cookie])")
    assert "alice-token" not in kept + await page.content()
