"""Row "At a glance": twelve figures that say whether anything needs a person now."""

from __future__ import annotations

from grafana.conventions import (
    BINDING,
    COUNTED_ONCE,
    EACH_SILO,
    NO_CALL_STATES,
    SILO_VIEW,
    UNIFIED_VIEW,
    WHOLE_ACCOUNT,
    about,
    rate,
    rising,
    series,
)
from grafana.panels import Frame, Panel, Query, figure

USD = "currencyUSD"
APPLIED = 'outcome="applied"'
SILO_TOTAL = f"sum({series('margin_requirement_usd', SILO_VIEW, WHOLE_ACCOUNT)})"
UNIFIED_TOTAL = f"sum({series('margin_requirement_usd', UNIFIED_VIEW, WHOLE_ACCOUNT)})"
GAP = f"sum({series('gap_usd')})"


def panels() -> list[Panel]:
    """First what hurts, then how much money stands behind it."""
    return [
        _in_deficit(), _open_calls(), _deficit(), _freshness(), _price_age(), _monitored(),
        _silo_total(), _unified_total(), _gap(), _gap_share(), _trapped(), _equity(),
    ]  # fmt: skip


def _in_deficit() -> Panel:
    text = about(
        "accounts whose equity is below today's requirement in at least one silo.",
        "any; each of them is, or is about to be, a margin call.",
        "open the worst ones from the table below; runbook MarginAccountsInBreach.",
    )
    query = Query(f"sum({series('accounts_in_deficit', SILO_VIEW)})", "Accounts")
    frame = Frame("Accounts in deficit", text, "short", span=4, height=4)
    return figure(frame, query, levels=rising(breach=1), texts={"0": ("none", "ok")}, decimals=0)


def _open_calls() -> Panel:
    text = about(
        "binding margin calls that are not yet met.",
        "a number that grows, or calls that stay open (row Calls, oldest open call).",
        "work the calls on the web page; runbook MarginCallsOpen.",
    )
    states = f'state!~"{NO_CALL_STATES}"'
    query = Query(f"sum({series('margin_calls_open', BINDING, states)})", "Calls")
    frame = Frame("Open binding calls", text, "short", span=4, height=4)
    return figure(frame, query, levels=rising(warn=1), texts={"0": ("none", "ok")}, decimals=0)


def _deficit() -> Panel:
    text = about(
        "sum of all deficits: under today's silo rules, and the one the unified rule would see.",
        "a silo deficit; where the unified one is much smaller, the wall between silos causes the calls.",
        "compare with trapped excess; runbook MarginDeficitLarge.",
    )
    frame = Frame("Total deficit", text, USD, span=4, height=4)
    silo = Query(f"sum({series('deficit_usd', SILO_VIEW)})", "Silos")
    unified = Query(f"sum({series('deficit_usd', UNIFIED_VIEW)})", "Unified")
    return figure(frame, silo, unified, levels=rising(breach=0.01), texts={"0": ("none", "ok")})


def _freshness() -> Panel:
    text = about(
        "whether the figures rest on current input.",
        "STALE PRICES: a held instrument's price is older than its limit; NO INPUT: nothing was applied.",
        "distrust every figure here until it is fresh; runbooks MarginPriceStale and MarginInputStale.",
    )
    stale = f"(max({series('stale_instruments')}) > bool 0)"
    # Before the first applied message there is no series: that is no input, not "no data".
    applied = f"(sum({rate('input_messages_total', APPLIED)}) or 0 * sum({series('live')}))"
    silent = f"2 * ({applied} == bool 0)"
    texts = {
        "0": ("FRESH", "ok"),
        "1": ("STALE PRICES", "warn"),
        "2": ("NO INPUT", "breach"),
        "3": ("NO INPUT, STALE PRICES", "breach"),
    }
    frame = Frame("Data freshness", text, "short", span=4, height=4)
    return figure(frame, Query(f"{stale} + {silent}", "Input"), levels=rising(warn=1, breach=2), texts=texts)


def _price_age() -> Panel:
    text = about(
        "age of the oldest price among the instruments that accounts hold.",
        "growing without end: its feed has stopped.",
        "find the product in row Pipeline, price age; runbook MarginPriceStale.",
    )
    query = Query(f"max({series('price_age_seconds')})", "Oldest price")
    return figure(Frame("Oldest price", text, "s", span=4, height=4), query)


def _monitored() -> Panel:
    text = about(
        "what is being watched: accounts, positions, instruments.",
        "a drop: a worker is down or still restoring, and its accounts are not watched.",
        "look at row Workers; runbooks MarginWorkerDown and MarginPartitionsUnowned.",
    )
    accounts = Query(f"sum({series('accounts', COUNTED_ONCE)})", "Accounts")
    positions = Query(f"sum({series('positions')})", "Positions")
    instruments = Query(f"max({series('instruments')})", "Instruments")
    frame = Frame("Monitored", text, "short", span=4, height=4)
    return figure(frame, accounts, positions, instruments)


def _silo_total() -> Panel:
    text = about(
        "requirement of all accounts under today's rules, silo by silo, added up.",
        "nothing by itself; a jump without a market move is a data or parameter change.",
        "see requirement by silo below for the silo that moved.",
    )
    return figure(Frame("Silo requirement", text, USD, span=4, height=4), Query(SILO_TOTAL, "Silos"))


def _unified_total() -> Panel:
    text = about(
        "requirement of the same accounts under the unified candidate rulebook (shadow, not binding).",
        "above the silo total: the unified rule sees risk that the silos do not charge.",
        "see the gap's terms below.",
    )
    return figure(Frame("Unified requirement", text, USD, span=4, height=4), Query(UNIFIED_TOTAL, "Unified"))


def _gap() -> Panel:
    text = about(
        "silo requirement minus unified requirement; positive is money that the unified rule would free.",
        "negative: the silos together ask for less than the unified model.",
        "see gap and its terms, and the accounts with the largest gap.",
    )
    return figure(Frame("Gap", text, USD, span=4, height=4), Query(GAP, "Gap"))


def _gap_share() -> Panel:
    text = about(
        "the gap as a share of the silo requirement.",
        "negative, or a step without a market move.",
        "see gap and its terms: rulebook effect, netting effect, add-ons.",
    )
    frame = Frame("Gap share", text, "percentunit", span=4, height=4)
    return figure(frame, Query(f"{GAP} / {SILO_TOTAL}", "Gap share"), decimals=1)


def _trapped() -> Panel:
    text = about(
        "excess that sits in one silo while another silo of the same account is in deficit.",
        "large beside the total deficit: the money is there, but may not move.",
        "tell the accounts concerned which silo holds the excess (web page).",
    )
    return figure(
        Frame("Trapped excess", text, USD, span=4, height=4), Query(f"sum({series('trapped_excess_usd')})")
    )


def _equity() -> Panel:
    text = about(
        "cash, collateral after haircut and market value of all silos.",
        "falling towards the silo requirement.",
        "see equity by silo below for where it falls.",
    )
    return figure(
        Frame("Equity", text, USD, span=4, height=4),
        Query(f"sum({series('equity_usd', EACH_SILO)})", "Equity"),
    )
