"""The figures as a live table on a terminal, or as one line elsewhere."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from streams.demo.figures import Figures


def money(amount_usd: float) -> str:
    """Millions with two decimals: 12.34 m."""
    return f"{amount_usd / 1e6:,.2f} m"


def line(figures: Figures) -> str:
    """One line for logs and pipes."""
    share = figures.gap_usd / figures.silo_usd if figures.silo_usd else 0.0
    calls = figures.calls.get(("silo", "issued"), 0.0)
    return (
        f"silo {money(figures.silo_usd)} USD, unified {money(figures.unified_usd)}, "
        f"gap {money(figures.gap_usd)} ({share:.0%}), trapped {money(figures.trapped_usd)}; "
        f"calls open {calls:.0f}, issued {figures.issued_per_s:.1f}/s, met {figures.met_per_s:.1f}/s; "
        f"prices {figures.prices_per_s:,.0f}/s, trades {figures.trades_per_s:,.0f}/s, "
        f"lag {figures.lag_messages:,.0f}, {latency(figures)}"
    )


def latency(figures: Figures) -> str:
    """Median and 99th percentile from an input to its call."""
    if figures.latency_ms is None:
        return "no call in the last seconds"
    median_ms, tail_ms = figures.latency_ms
    return f"input to call p50 {median_ms:,.0f} ms, p99 {tail_ms:,.0f} ms"


def board(figures: Figures | None, page: str) -> RenderableType:
    """The live table."""
    if figures is None:
        return Panel("waiting for the first figures", title="marginmon demo")
    return Panel(
        Group(_requirements(figures), Text(), _calls(figures), Text(), _flow(figures)),
        title="marginmon demo",
        subtitle=f"page {page}   Ctrl-C ends everything",
    )


def _requirements(figures: Figures) -> Table:
    table = Table(box=None, expand=True)
    for heading in ("USD", "silos today", "unified", "gap", "share"):
        table.add_column(heading, justify="left" if heading == "USD" else "right")
    share = figures.gap_usd / figures.silo_usd if figures.silo_usd else 0.0
    table.add_row(
        "maintenance requirement",
        money(figures.silo_usd),
        money(figures.unified_usd),
        Text(money(figures.gap_usd), style="bold green"),
        f"{share:.0%}",
    )
    table.add_row("deficits", money(figures.silo_deficit_usd), money(figures.unified_deficit_usd), "", "")
    table.add_row("trapped excess", money(figures.trapped_usd), "", "", "")
    return table


def _calls(figures: Figures) -> Table:
    table = Table(box=None, expand=True)
    for heading in ("cases", "warning", "issued", "met", "issued/s", "met/s"):
        table.add_column(heading, justify="left" if heading == "cases" else "right")
    for scope, name in (("silo", "binding calls"), ("unified", "unified (shadow)")):
        numbers = [f"{figures.calls.get((scope, state), 0.0):,.0f}" for state in ("warning", "issued", "met")]
        rates = [f"{figures.issued_per_s:.1f}", f"{figures.met_per_s:.1f}"] if scope == "silo" else ["", ""]
        table.add_row(name, *numbers, *rates)
    return table


def _flow(figures: Figures) -> Text:
    accounts = sum(number for state, number in figures.accounts.items() if state != "incomplete")
    return Text(
        f"{accounts:,.0f} accounts, {figures.accounts.get('incomplete', 0.0):,.0f} incomplete   "
        f"prices {figures.prices_per_s:,.0f}/s   trades {figures.trades_per_s:,.0f}/s   "
        f"lag {figures.lag_messages:,.0f} messages\n{latency(figures)}   "
        f"parked {figures.parked:,.0f}   dead letters {figures.dead_letters:,.0f}"
    )
