"""ISDA SIMM of positions in our own instruments, live: sensitivities add, so a changed position or price moves a few.

A netting set is one issuer in one currency; its exposure columns are sensitivities. An account's sets are brought
together into buckets, risk classes and product classes by ``combine``. The plain twin is ``explain``; the page for
clerks is ``docs/rulebooks/isda-simm.md``.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engine.base.errors import MarginError, Reason
from engine.base.kernel import kernel
from engine.market.credit import credit_spreads, maturity_days, valuation_day
from engine.market.credit_pricing import BASIS_POINT, cr01, upfront
from engine.market.instruments import Instrument, Product
from engine.market.view import MarketView
from engine.rules.covered import require_covered
from engine.rules.interface import LINEAR, Float64s, Holding, Int64s
from engine.rules.requirement import Explained, Part, Requirement
from engine.rules.simm.aggregation import PRODUCTS, SHEETS, bucket_starts, charge_all, product_margins
from engine.rules.simm.kernels import COLUMNS
from engine.rules.simm.keys import Keys
from engine.rules.simm.live_parameters import COVERED, Parameters, issuer
from engine.rules.simm.live_sensitivities import DAYS_OF, ONE_PERCENT, sensitivities_of
from engine.rules.simm.plain import simm_parts
from engine.rules.simm.sensitivity import Sensitivity, net
from engine.rules.simm.tables import Tables, tables_of
from engine.rules.simm.vocabulary import CREDIT_TENORS, TENORS

# Exposure columns: value of shares by 1 %; spread by tenor; discount rate by tenor; FX.
_EQUITY = 0
_SPREAD = 1
_RATE = _SPREAD + len(CREDIT_TENORS)
_FX = _RATE + len(TENORS)
_WIDTH = _FX + 1
_POST = 1  # the account posts: curvature of its own sensitivities counts as the posting side's
_SEPARATOR = "|"
_CREDIT_DAYS = np.array([DAYS_OF[tenor] for tenor in CREDIT_TENORS])
_RATE_DAYS = np.array([DAYS_OF[tenor] for tenor in TENORS])


class IsdaSimm:
    """ISDA SIMM as a :class:`engine.rules.interface.AddingRulebook`."""

    def __init__(self, parameters: Parameters) -> None:
        self.parameters = parameters
        self.rulebook_id = parameters.rulebook_id
        self.version = parameters.version
        self.silo = parameters.silo
        self.scenario_names: tuple[str, ...] = ()
        self.column_kinds = np.full(_WIDTH, LINEAR, np.int8)
        self._keys = Keys(parameters.weights.calibration)
        self._tables: Tables = tables_of(parameters.weights, self._keys)
        self._bound: list[str] = []
        self._key_of_column: Int64s = np.zeros((0, _WIDTH), np.int64)

    def netting_set(self, instrument: Instrument) -> str:
        """Product, bucket, currency and issuer.

        Raises:
            MarginError: NO_RULEBOOK for products that are not covered and for baskets; BAD_PARAMETER without a bucket.
        """
        require_covered(self, instrument, COVERED)
        thing = f"instrument {instrument.instrument_id} in silo {self.silo}"
        if instrument.components:
            detail = f"{self.rulebook_id} takes swaps on one share, not on a basket; send its parts as a CRIF"
            raise MarginError(Reason.NO_RULEBOOK, thing, detail)
        buckets = self.parameters.buckets(instrument)
        if not buckets[issuer(instrument)]:
            detail = f"{self.rulebook_id} has no bucket for {issuer(instrument)} in {buckets.path}.names"
            raise MarginError(Reason.BAD_PARAMETER, thing, detail)
        parts = (
            instrument.product.value,
            buckets[issuer(instrument)],
            instrument.currency,
            issuer(instrument),
        )
        return _SEPARATOR.join(parts)

    def bind(self, netting_sets: Sequence[str]) -> None:
        """Learn the risk factor that each column of each set stands for."""
        known = len(self._bound)
        if list(netting_sets[:known]) != self._bound:
            known, self._key_of_column = 0, self._key_of_column[:0]
        new = [self._column_keys(name) for name in netting_sets[known:]]
        if new:
            self._key_of_column = np.concatenate((self._key_of_column, np.array(new, np.int64)))
        self._bound = list(netting_sets)
        if len(self._keys.currencies) > len(self._tables.currency):
            self._tables = tables_of(self.parameters.weights, self._keys)

    def _column_keys(self, netting_set: str) -> list[int]:
        product, bucket, currency, name = netting_set.split(_SEPARATOR, 3)
        if product == Product.EQUITY_SWAP.value:
            factors = [Sensitivity("Equity", "Risk_Equity", name, bucket, "", "", 0.0)] * _WIDTH
        else:
            factors = [Sensitivity("Credit", "Risk_Equity", name, bucket, "", "", 0.0)]
            factors += [
                Sensitivity("Credit", "Risk_CreditQ", name, bucket, tenor, currency, 0.0)
                for tenor in CREDIT_TENORS
            ]
            factors += [
                Sensitivity("Credit", "Risk_IRCurve", currency, "", tenor, "OIS", 0.0) for tenor in TENORS
            ]
            factors.append(Sensitivity("Credit", "Risk_FX", currency, "", "", "", 0.0))
        return [self._keys.key(factor) for factor in factors]

    def rows(self, market: MarketView, slots: Int64s) -> Float64s:
        """float64[n, 19]: sensitivities of one contract, USD."""
        rows = np.zeros((len(slots), _WIDTH))
        priced = np.flatnonzero(market.priced[slots])
        taken = slots[priced]
        value_usd = market.unit_value_usd(taken)
        credit = np.array(
            [market.instruments[slot].product is Product.CREDIT_DEFAULT_SWAP for slot in taken], np.bool_
        )
        rows[priced[~credit], _EQUITY] = ONE_PERCENT * value_usd[~credit]
        swaps = taken[credit]
        if len(swaps):
            inside = np.zeros((len(swaps), _WIDTH))
            units = market.multiplier[swaps] * market.fx_rate(swaps)
            _credit_rows(
                valuation_day(market), maturity_days(market, swaps), market.recovery_rate[swaps], market.rate,
                market.coupon[swaps], credit_spreads(market, swaps), units, _CREDIT_DAYS, _RATE_DAYS, inside,
            )  # fmt: skip
            inside[:, _FX] = np.where(market.foreign[swaps], ONE_PERCENT * value_usd[credit], 0.0)
            rows[priced[credit]] = inside
        return rows

    def charge(self, exposures: Float64s, sets: Int64s) -> Float64s:
        """float64[m, 19]: the sensitivities themselves; only an account's together have a margin."""
        return exposures.copy()

    def combine(self, charges: Float64s, sets: Int64s, offsets: Int64s) -> Float64s:
        """float64[a, 2]: SIMM of the posting side; initial equals maintenance."""
        requirements = np.zeros((len(offsets) - 1, 2))
        _charge_accounts(
            np.ascontiguousarray(charges), self._key_of_column[sets], offsets, self._tables, requirements
        )
        return requirements

    def explain(self, holdings: Sequence[Holding], market: MarketView) -> Explained:
        """The plain twin, with what each position brings in as facts."""
        records: list[Sensitivity] = []
        facts: dict[str, float | str] = {"version": self.version}
        for holding in sorted(holdings, key=lambda one: one.instrument.instrument_id):
            instrument = holding.instrument
            if holding.silo != self.silo or instrument.product not in COVERED:
                continue
            if not market.priced[market.slot_of[instrument.instrument_id]]:
                facts[f"mark of {instrument.instrument_id}"] = "missing: not in the figure"
                continue
            buckets = self.parameters.buckets(instrument)
            if issuer(instrument) not in buckets.names:
                facts[f"bucket of {issuer(instrument)}"] = f"{buckets.others}: in no list of {buckets.path}"
            records += [
                Sensitivity(
                    one.product_class, one.risk_type, one.qualifier, one.bucket, one.label1, one.label2,
                    one.amount_usd * holding.quantity,
                )
                for one in sensitivities_of(self.parameters, instrument, market)
            ]  # fmt: skip
        records = net(records)
        for record in records:
            labels = (record.risk_type, record.qualifier, record.label1)
            facts[" ".join(label for label in labels if label)] = record.amount_usd
        parts = simm_parts(records, self.parameters.weights, -1.0)
        tree = Part.sum_of(f"ISDA SIMM, {self.parameters.weights.days} days", parts, **facts)
        return Explained(Requirement(tree.amount_usd, tree.amount_usd), tree)


@kernel
def _credit_rows(
    today: int,
    maturity: Int64s,
    recovery: Float64s,
    rate: float,
    coupon: Float64s,
    spread: Float64s,
    units: Float64s,
    credit_days: Float64s,
    rate_days: Float64s,
    rows: Float64s,
) -> None:
    """One basis point of spread and of rate, by tenor."""
    for one in range(len(maturity)):
        terms = (maturity[one], recovery[one])
        by_spread = cr01(today, terms[0], terms[1], rate, coupon[one], spread[one])
        by_rate = 0.0
        if maturity[one] > today:
            moved = upfront(today, terms[0], terms[1], rate + BASIS_POINT, coupon[one], spread[one])
            by_rate = moved - upfront(today, terms[0], terms[1], rate, coupon[one], spread[one])
        days = float(maturity[one] - today)
        _share_out(units[one] * by_spread, days, credit_days, rows[one, _SPREAD:_RATE])
        _share_out(units[one] * by_rate, days, rate_days, rows[one, _RATE:_FX])


@kernel
def _share_out(amount: float, days: float, tenors: Float64s, row: Float64s) -> None:
    """In proportion to time between the two tenors around; all to the outer one beyond the ends."""
    place = np.searchsorted(tenors, days)
    if place == 0:
        row[0] = amount
    elif place == len(tenors):
        row[-1] = amount
    else:
        later = (days - tenors[place - 1]) / (tenors[place] - tenors[place - 1])
        row[place - 1] = amount * (1.0 - later)
        row[place] = amount * later


@kernel
def _charge_accounts(
    charges: Float64s, keys: Int64s, offsets: Int64s, tables: Tables, requirements: Float64s
) -> None:
    """Net each account's sensitivities by risk factor and charge them."""
    sheets, margins = np.zeros((PRODUCTS, SHEETS, 3)), np.zeros((PRODUCTS, 2))
    for account in range(len(offsets) - 1):
        first, last = offsets[account], offsets[account + 1]
        if first == last:
            continue
        all_amounts, all_keys = charges[first:last].ravel(), keys[first:last].ravel()
        held = np.flatnonzero(all_amounts)
        if len(held) == 0:
            continue
        order = held[np.argsort(all_keys[held], kind="mergesort")]
        netted, amounts = np.empty(len(order), np.int64), np.empty(len(order))
        count = 0
        for place in order:
            if count == 0 or netted[count - 1] != all_keys[place]:
                netted[count], amounts[count] = all_keys[place], 0.0
                count += 1
            amounts[count - 1] += all_amounts[place]
        starts = bucket_starts(netted[:count])
        buckets = np.zeros((len(starts) - 1, COLUMNS))
        charge_all(netted[:count], amounts[:count], starts, tables, buckets, sheets)
        product_margins(sheets, tables, margins)
        requirements[account, :] = margins[:, _POST].sum()
