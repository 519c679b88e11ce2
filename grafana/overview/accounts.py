"""Row "Accounts": how close all of them are to their limit, and which are the worst."""

from __future__ import annotations

from grafana.conventions import COUNTED_ONCE, INCOMPLETE, about, series
from grafana.panels import Frame, Panel, Query, distribution, lines, ranking

ACCOUNT_PAGE = "${ui_url}/accounts/${__data.fields.account:percentencode}"
TOP_OFF = "none, or switched off (MARGINMON_TOP_ACCOUNTS=0)"


def panels() -> list[Panel]:
    """The whole population first, then names."""
    return [
        _utilisation(),
        _worst("deficit", "top_account_deficit_usd", "owe most under today's rules"),
        _worst("gap", "top_account_gap_usd", "would gain most from the unified rule"),
        _states(),
    ]


def _utilisation() -> Panel:
    text = about(
        "how many accounts stand at which utilisation (maintenance over equity of the worst silo).",
        "colour that moves up towards 100 %: calls are coming before they come.",
        "look at the worst accounts beside it and at the market that drives them.",
    )
    query = Query(f"sum by (le) ({series('account_utilisation_ratio_bucket')})", "{{le}}")
    return distribution(Frame("Utilisation", text, "percentunit", span=12, height=10), query)


def _worst(figure_name: str, metric: str, who: str) -> Panel:
    text = about(
        f"the ten accounts with the largest {figure_name}: those who {who}.",
        "one account that dwarfs the rest.",
        "follow the link to its page with the explanation of every figure.",
    )
    query = Query(f"topk(10, max by (account) ({series(metric)}))")
    frame = Frame(f"Largest {figure_name}", text, "currencyUSD", span=6, height=10)
    return ranking(
        frame, query, key="account", value=figure_name.capitalize(), url=ACCOUNT_PAGE, no_value=TOP_OFF
    )


def _states() -> Panel:
    text = about(
        "accounts by state: clear, warning, in call; as a line those whose figures rest on missing or stale input.",
        "incomplete accounts: their figures cannot be trusted and their calls are held in warning.",
        "runbooks MarginAccountsIncomplete and MarginPriceStale.",
    )
    states = Query(f"sum by (state) ({series('accounts', COUNTED_ONCE)})", "{{state}}")
    incomplete = Query(f"sum({series('accounts', INCOMPLETE)})", "incomplete")
    frame = Frame("Accounts by state", text, "short", span=24, height=7)
    return lines(frame, states, incomplete, stacked=True, total="incomplete")
