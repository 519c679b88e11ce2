"""What every board shares: names, colours, selectors, the three-part description."""

from __future__ import annotations

from grafana_foundation_sdk.models.common import DataSourceRef
from grafana_foundation_sdk.models.dashboard import Threshold

BOARD_TAG = "marginmon"
DATASOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")
RUNBOOKS_URL = "https://github.com/marginmon/marginmon/tree/main/docs/runbooks"

OK_COLOUR, WARN_COLOUR, BREACH_COLOUR = "green", "orange", "red"
NEUTRAL_COLOUR = "blue"

# Label matchers that several expressions share.
BINDING = 'scope="silo"'
SILO_VIEW, UNIFIED_VIEW = 'view="silo"', 'view="unified"'
# A requirement is exported per silo and as silo="all"; a sum over both would count twice.
WHOLE_ACCOUNT, EACH_SILO = 'silo="all"', 'silo!="all"'
# Incomplete accounts are counted beside their state, not instead of it.
COUNTED_ONCE, INCOMPLETE = 'state!="incomplete"', 'state="incomplete"'

# A case in one of these states asks for no money, so it is not an open call.
NO_CALL_STATES = "clear|warning|met|cancelled"


def series(metric: str, *matchers: str) -> str:
    """A selector of ``marginmon_<metric>`` narrowed to the chosen jobs and instances."""
    labels = ", ".join(('job=~"$job"', 'instance=~"$instance"', *matchers))
    return f"marginmon_{metric}{{{labels}}}"


def rate(metric: str, *matchers: str) -> str:
    """Per-second rate of a counter."""
    return f"rate({series(metric, *matchers)}[$__rate_interval])"


def increase(metric: str, *matchers: str) -> str:
    """Growth of a counter over the interval that one point of the panel stands for."""
    return f"increase({series(metric, *matchers)}[$__rate_interval])"


def quantile(share: float, histogram: str, *, by: str = "") -> str:
    """A quantile of a histogram over the rate interval, all instances taken together."""
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({share}, sum by ({labels}) ({rate(f'{histogram}_bucket')}))"


def about(what: str, bad: str, do: str) -> str:
    """A panel's description: what it is, what is bad, what to do."""
    return f"**What:** {what}\n\n**Bad:** {bad}\n\n**Do:** {do}"


def rising(*, warn: float | None = None, breach: float | None = None) -> list[Threshold]:
    """Steps for a figure that is bad when high: worth a look from ``warn``, needs action from ``breach``."""
    marks = ((warn, WARN_COLOUR), (breach, BREACH_COLOUR))
    return [
        Threshold(None, OK_COLOUR),
        *(Threshold(value, colour) for value, colour in marks if value is not None),
    ]


def at_least(minimum: float) -> list[Threshold]:
    """Steps for a figure that needs action below ``minimum``."""
    return [Threshold(None, BREACH_COLOUR), Threshold(minimum, OK_COLOUR)]
