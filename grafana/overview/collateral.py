"""Row "Collateral of all customers": how much the firm has taken of one asset or issuer, against its own limits."""

from __future__ import annotations

from grafana.conventions import about, rising, series
from grafana.panels import Frame, Panel, Query, lines

NO_LIMITS = "Empty where collateral.toml states no firm_limits."


def panels() -> list[Panel]:
    """What is used, then how far that is known."""
    return [_largest(), _unknown()]


def _largest() -> Panel:
    text = about(
        "the ten largest shares of the firm's limits, over the accounts of all workers: days of volume, share of an "
        f"issue, amount of an issuer. {NO_LIMITS}",
        "a line above 100 %: what was taken could not be sold as the firm assumes.",
        "runbook MarginCollateralLimitExceeded; no account's equity depends on it.",
    )
    query = Query(
        f"topk(10, sum by (limit, asset) ({series('collateral_limit_use_ratio')}))", "{{limit}}: {{asset}}"
    )
    frame = Frame("Use of the firm's limits", text, "percentunit", span=16, height=8)
    return lines(frame, query, levels=rising(warn=0.8, breach=1.0))


def _unknown() -> Panel:
    text = about(
        "by limit, the most that an asset could use beside what is named on the left (assets below 1 % on a worker "
        f"are not named), and assets whose volume, issue, issuer or price is not known. {NO_LIMITS}",
        "many unknown assets: the limit does not see them.",
        "publish average_daily_volume, amount_outstanding or issuer with margin.instruments.",
    )
    hidden = Query(f"sum by (limit) ({series('collateral_limit_hidden_use_ratio')})", "{{limit}}: not named")
    unmeasured = Query(
        f"max by (limit) ({series('collateral_limit_unmeasured_assets')})", "{{limit}}: assets not known"
    )
    return lines(Frame("What the limits do not see", text, "short", span=8, height=8), hidden, unmeasured)
