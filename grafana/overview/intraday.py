"""Row "Intraday deficits": who owed more within the day than there was equity, and who is frozen for it."""

from __future__ import annotations

from grafana.conventions import about, increase, rising, series
from grafana.panels import Frame, Panel, Query, lines

# They carry the state of an account on and tell nothing new.
TOLD = 'reason!~"OBSERVED|DAY_CLOSED"'


def panels() -> list[Panel]:
    """How many and how much, then what happened to them."""
    return [_number(), _amount(), _frozen(), _events()]


def _number() -> Panel:
    text = about(
        "accounts with a deficit within the day under way, and deficits of earlier days that are outstanding.",
        "outstanding deficits that grow: customers do not pay.",
        "the account pages name the close at which a freeze is decided.",
    )
    query = Query(f"sum by (state) ({series('intraday_deficits')})", "{{state}}")
    return lines(Frame("Intraday deficits", text, "short", span=6, height=8), query)


def _amount() -> Panel:
    text = about(
        "sum of these deficits.",
        "an outstanding sum that no deposits bring down.",
        "compare with the events beside it.",
    )
    query = Query(f"sum by (state) ({series('intraday_deficit_usd')})", "{{state}}")
    return lines(Frame("Intraday deficit amount", text, "currencyUSD", span=6, height=8), query)


def _frozen() -> Panel:
    text = about(
        "accounts that may create no new short position and no new debit; as a second line accounts whose "
        "transactions wait for a price.",
        "any waiting account: its deficits are not known and its days stay open.",
        "publish the missing price; for frozen accounts block new orders where they are taken.",
    )
    frozen = Query(f"sum({series('intraday_accounts_frozen')})", "frozen")
    waiting = Query(f"sum({series('intraday_accounts_waiting')})", "waiting")
    frame = Frame("Frozen accounts", text, "short", span=6, height=8)
    return lines(frame, frozen, waiting, levels=rising(warn=1))


def _events() -> Panel:
    text = about(
        "what happened to intraday deficits by reason, per point of the graph.",
        "many NOT_PROMPT: a freeze follows for those who make a practice of it; any FREEZE_VIOLATION: a frozen account "
        "created or increased a short position or a debit.",
        "read margin.intraday-deficits, whose events name account, day and deadline.",
    )
    query = Query(f"sum by (reason) ({increase('intraday_events_total', TOLD)})", "{{reason}}")
    return lines(Frame("Intraday deficit events", text, "short", span=6, height=8), query)
