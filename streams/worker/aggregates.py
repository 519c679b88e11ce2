"""Aggregate figures of the accounts this worker holds, as metrics: never a series per account."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np
from prometheus_client.core import GaugeHistogramMetricFamily, GaugeMetricFamily, Metric

from engine.base.units import NANOSECONDS_PER_SECOND
from engine.state.firm_limit_uses import FirmLimitUses
from engine.state.totals import Totals
from streams.worker.histograms import cumulative

UTILISATION_BUCKETS: Final = (0.1, 0.25, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 1.0, 1.1, 1.25, 1.5, 2.0)


class Aggregates:
    """Collector over the totals of the last refresh.

    Attributes:
        totals: None until the first refresh. time_ns: when they were made.
    """

    def __init__(self) -> None:
        self.totals: Totals | None = None
        self.time_ns = 0

    def collect(self) -> Iterator[Metric]:
        """All families, for the registry."""
        if self.totals is None:
            return
        yield from _population(self.totals)
        yield from _money(self.totals)
        yield from _calls(self.totals, self.time_ns)
        yield from _prices(self.totals, self.time_ns)
        yield from _intraday(self.totals)
        yield from _firm_limits(self.totals.firm_limits)
        yield _utilisation(self.totals)
        yield from _worst(self.totals)


def _family(name: str, help_text: str, labels: list[str], values: Mapping[Any, float]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"marginmon_{name}", help_text, labels=labels)
    for label_values, value in values.items():
        family.add_metric(list(label_values), value)
    return family


def _population(totals: Totals) -> Iterator[Metric]:
    states = {(state,): float(number) for state, number in totals.accounts.items()}
    yield _family("accounts", "Accounts by state; incomplete counts beside them.", ["state"], states)
    yield _family("positions", "Holdings with a quantity.", [], {(): totals.positions})
    yield _family("instruments", "Instruments known.", [], {(): totals.instruments})
    yield _family(
        "stale_instruments", "Held instruments with a stale price.", [], {(): totals.stale_instruments}
    )
    yield _family(
        "accounts_closing", "Closed accounts that are not empty yet.", [], {(): float(totals.closing)}
    )
    yield _family(
        "counterparty_groups_over_allocated", "Groups whose records allocate more threshold than there is.", [],
        {(): float(totals.groups_over_allocated)},
    )  # fmt: skip
    in_deficit = {
        ("silo",): float(totals.accounts_in_silo_deficit),
        ("unified",): float(totals.accounts_in_unified_deficit),
    }
    yield _family("accounts_in_deficit", "Accounts with a deficit.", ["view"], in_deficit)


def _money(totals: Totals) -> Iterator[Metric]:
    requirement = {("silo", silo): amount for silo, amount in totals.requirement.items()}
    requirement["silo", "all"] = totals.silo_requirement
    requirement["unified", "all"] = totals.unified_requirement
    yield _family("margin_requirement_usd", "Maintenance requirement.", ["view", "silo"], requirement)
    equity = {(silo,): amount for silo, amount in totals.equity.items()}
    yield _family("equity_usd", "Equity after haircuts.", ["silo"], equity)
    deficit = {("silo",): sum(totals.deficit.values()), ("unified",): totals.unified_deficit}
    yield _family("deficit_usd", "Sum of the accounts' deficits.", ["view"], deficit)
    yield _family("gap_usd", "Silo sum minus unified requirement.", [], {(): totals.gap})
    yield _family(
        "trapped_excess_usd", "Excess in silos of accounts with a deficit elsewhere.", [],
        {(): totals.trapped_excess},
    )  # fmt: skip
    terms = {
        ("rulebook_effect",): totals.rulebook_effect,
        ("netting_effect",): totals.netting_effect,
        ("add_ons",): -totals.add_ons,
    }
    yield _family("gap_term_usd", "Terms that add up to the gap.", ["term"], terms)


def _calls(totals: Totals, time_ns: int) -> Iterator[Metric]:
    open_calls = {key: float(number) for key, number in totals.open_calls.items()}
    yield _family("margin_calls_open", "Cases by state.", ["scope", "state"], open_calls)
    amounts = {(scope,): amount for scope, amount in totals.open_amount.items()}
    yield _family("margin_call_open_amount_usd", "Amount of issued calls.", ["scope"], amounts)
    age_ns = time_ns - totals.oldest_call_ns if totals.oldest_call_ns else 0
    yield _family(
        "margin_call_age_seconds", "Age of the oldest open binding call.", [],
        {(): age_ns / NANOSECONDS_PER_SECOND},
    )  # fmt: skip


def _intraday(totals: Totals) -> Iterator[Metric]:
    sums = totals.intraday
    yield _family(
        "intraday_accounts_frozen", "Accounts frozen after an intraday deficit.", [], {(): sums.frozen}
    )
    deficits = {("today",): float(sums.deficits_today), ("outstanding",): float(sums.outstanding)}
    yield _family("intraday_deficits", "Intraday margin deficits by state.", ["state"], deficits)
    amounts = {("today",): sums.today_usd, ("outstanding",): sums.outstanding_usd}
    yield _family("intraday_deficit_usd", "Sum of intraday margin deficits.", ["state"], amounts)
    yield _family("intraday_accounts_waiting", "Accounts that wait for a price.", [], {(): sums.waiting})


def _firm_limits(limits: FirmLimitUses) -> Iterator[Metric]:
    """Nothing where no limit is stated."""
    for name, help_text, labels, values in (
        (
            "collateral_limit_use_ratio", "Collateral held as a share of the firm's limit; add up over workers.",
            ["limit", "asset"], {(one.limit, one.asset): one.use for one in limits.shown},
        ),
        (
            "collateral_limit_hidden_use_ratio", "Largest share that is not among the named.",
            ["limit"], {(limit,): use for limit, use in limits.hidden.items()},
        ),
        (
            "collateral_limit_unmeasured_assets", "Assets held whose share of the limit is not known.",
            ["limit"], {(limit,): float(number) for limit, number in limits.unmeasured.items()},
        ),
    ):  # fmt: skip
        if values:
            yield _family(name, help_text, labels, values)


def _prices(totals: Totals, time_ns: int) -> Iterator[Metric]:
    ages = {
        (product,): (time_ns - oldest_ns) / NANOSECONDS_PER_SECOND
        for product, oldest_ns in totals.oldest_price_ns.items()
    }
    yield _family("price_age_seconds", "Age of the oldest price of a held instrument.", ["product"], ages)


def _utilisation(totals: Totals) -> Metric:
    places = np.searchsorted(np.array(UTILISATION_BUCKETS), totals.utilisation, side="left")
    counts = np.bincount(places, minlength=len(UTILISATION_BUCKETS) + 1)
    finite = totals.utilisation[np.isfinite(totals.utilisation)]
    family = GaugeHistogramMetricFamily(
        "marginmon_account_utilisation_ratio",
        "Maintenance over equity of each account's worst silo; the sum leaves out accounts without equity.",
    )
    family.add_metric([], cumulative(UTILISATION_BUCKETS, counts), float(finite.sum()))
    return family


def _worst(totals: Totals) -> Iterator[Metric]:
    for name, help_text, worst in (
        ("top_account_deficit_usd", "Largest deficits, if naming accounts is on.", totals.worst_deficits),
        ("top_account_gap_usd", "Largest gaps, if naming accounts is on.", totals.worst_gaps),
    ):
        if worst:
            yield _family(name, help_text, ["account"], {(account,): amount for account, amount in worst})
