"""ISDA SIMM of positions in our own instruments, live: sensitivities add, so a changed position or price moves a few.

A netting set is what shares its risk factors: an issuer in one currency, a basket, a rate curve; its exposure columns
are sensitivities. An account's sets are brought together into buckets, risk classes and product classes by
``combine``. The plain twin is ``explain``; the page for clerks is ``docs/rulebooks/isda-simm.md``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from engine.base.kernel import kernel
from engine.market.instruments import Instrument, Product
from engine.market.view import MarketView
from engine.rules.interface import LINEAR, Float64s, Holding, Int64s
from engine.rules.requirement import Explained, Part, Requirement
from engine.rules.simm.aggregation import PRODUCTS, SHEETS, bucket_starts, charge_all, product_margins
from engine.rules.simm.kernels import COLUMNS
from engine.rules.simm.keys import Keys
from engine.rules.simm.live_columns import WIDTH, Factor, factors_of, rows_of
from engine.rules.simm.live_parameters import COVERED, Parameters, issuers
from engine.rules.simm.live_sensitivities import sensitivities_of
from engine.rules.simm.plain import simm_parts
from engine.rules.simm.sensitivity import Sensitivity, net
from engine.rules.simm.tables import Tables, tables_of

_POST = 1  # the account posts: curvature of its own sensitivities counts as the posting side's


class _Factors(NamedTuple):
    """Risk factors of netting sets: set s owns ``first[s]:first[s + 1]``; column, key and share of each."""

    first: Int64s
    column: Int64s
    key: Int64s
    share: Float64s


class IsdaSimm:
    """ISDA SIMM as a :class:`engine.rules.interface.AddingRulebook`."""

    def __init__(self, parameters: Parameters) -> None:
        self.parameters = parameters
        self.rulebook_id = parameters.rulebook_id
        self.version = parameters.version
        self.silo = parameters.silo
        self.scenario_names: tuple[str, ...] = ()
        self.column_kinds = np.full(WIDTH, LINEAR, np.int8)
        self._keys = Keys(parameters.weights.calibration)
        self._tables: Tables = tables_of(parameters.weights, self._keys)
        self._factors_of: dict[str, list[Factor]] = {}
        self._bound: list[str] = []
        self._factors = self._columns(())

    def netting_set(self, instrument: Instrument) -> str:
        """What its risk factors are: product, currency, and issuer, basket or curve.

        Raises:
            MarginError: NO_RULEBOOK for products that are not covered, with the reason; BAD_PARAMETER for an issuer
                without bucket or a curve without sub-curve.
        """
        self.parameters.check(instrument)
        rate_swap = instrument.product is Product.INTEREST_RATE_SWAP
        of = instrument.underlying if rate_swap else instrument.components or issuers(instrument)[0][0]
        factors = factors_of(self.parameters, instrument)
        # An issuer's bucket can differ between an index and a share of the same name.
        name = (
            f"{instrument.product.value} {instrument.currency} {of!r} {factors[0].sensitivity.bucket}".strip()
        )
        self._factors_of[name] = factors
        return name

    def bind(self, netting_sets: Sequence[str]) -> None:
        """Learn the risk factors of each set, as :meth:`netting_set` found them."""
        known = len(self._bound)
        if list(netting_sets[:known]) != self._bound:
            known, self._factors = 0, self._columns(())
        new = self._columns(netting_sets[known:])
        first = np.concatenate([self._factors.first, self._factors.first[-1] + new.first[1:]])
        columns = zip(self._factors[1:], new[1:], strict=True)
        self._factors = _Factors(first, *(np.concatenate(column) for column in columns))
        self._bound = list(netting_sets)
        if len(self._keys.currencies) > len(self._tables.currency):
            self._tables = tables_of(self.parameters.weights, self._keys)

    def _columns(self, netting_sets: Sequence[str]) -> _Factors:
        by_set = [self._factors_of[name] for name in netting_sets]
        factors = [factor for each in by_set for factor in each]
        return _Factors(
            np.cumsum([0, *(len(each) for each in by_set)], dtype=np.int64),
            np.array([factor.column for factor in factors], np.int64),
            np.array([self._keys.key(factor.sensitivity) for factor in factors], np.int64),
            np.array([factor.share for factor in factors], np.float64),
        )

    def rows(self, market: MarketView, slots: Int64s) -> Float64s:
        """float64[n, 31]: sensitivities of one contract, USD."""
        return rows_of(self.parameters, market, slots)

    def charge(self, exposures: Float64s, sets: Int64s) -> Float64s:
        """float64[m, 31]: the sensitivities themselves; only an account's together have a margin."""
        return exposures.copy()

    def combine(self, charges: Float64s, sets: Int64s, offsets: Int64s) -> Float64s:
        """float64[a, 2]: SIMM of the posting side; initial equals maintenance."""
        requirements = np.zeros((len(offsets) - 1, 2))
        _charge_accounts(
            np.ascontiguousarray(charges), sets, self._factors, offsets, self._tables, requirements
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
            facts |= self._unlisted(instrument)
            records += [
                Sensitivity(
                    one.product_class, one.risk_type, one.qualifier, one.bucket, one.label1, one.label2,
                    one.amount_usd * holding.quantity,
                )
                for one in sensitivities_of(self.parameters, instrument, market)
            ]  # fmt: skip
        records = net(records)
        for record in records:
            facts[_label(record)] = record.amount_usd
        parts = simm_parts(records, self.parameters.weights, -1.0)
        tree = Part.sum_of(f"ISDA SIMM, {self.parameters.weights.days} days", parts, **facts)
        return Explained(Requirement(tree.amount_usd, tree.amount_usd), tree)

    def _unlisted(self, instrument: Instrument) -> dict[str, str]:
        """The bucket of issuers that stand in no list."""
        if instrument.product is Product.INTEREST_RATE_SWAP:
            return {}
        buckets = self.parameters.buckets(instrument)
        return {
            f"bucket of {name}": f"{self.parameters.bucket(instrument, name)}: in no list of {buckets.path}"
            for name, _ in issuers(instrument)
            if name not in buckets.names
        }


def _label(record: Sensitivity) -> str:
    """Of a net sensitivity; rates and FX may stand in more than one product class."""
    labels = [record.risk_type, record.qualifier, record.label1]
    if record.risk_type in ("Risk_IRCurve", "Risk_FX"):
        labels += [record.label2, record.product_class]
    return " ".join(label for label in labels if label)


@kernel
def _charge_accounts(
    charges: Float64s,
    sets: Int64s,
    factors: _Factors,
    offsets: Int64s,
    tables: Tables,
    requirements: Float64s,
) -> None:
    """Net each account's sensitivities by risk factor and charge them."""
    sheets, margins = np.zeros((PRODUCTS, SHEETS, 3)), np.zeros((PRODUCTS, 2))
    for account in range(len(offsets) - 1):
        first, last = offsets[account], offsets[account + 1]
        if first == last:
            continue
        most = 0
        for unit in range(first, last):
            most += factors.first[sets[unit] + 1] - factors.first[sets[unit]]
        all_amounts, all_keys = np.empty(most), np.empty(most, np.int64)
        count = 0
        for unit in range(first, last):
            for factor in range(factors.first[sets[unit]], factors.first[sets[unit] + 1]):
                all_amounts[count] = charges[unit, factors.column[factor]] * factors.share[factor]
                all_keys[count] = factors.key[factor]
                count += 1
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
