"""Interest rate curves of a market: which par quotes make each, and which swaps are valued on it."""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple, Protocol

import numpy as np

from engine.base.errors import MarginError, Reason
from engine.base.units import NANOSECONDS_PER_DAY
from engine.market.bootstrap import bootstrap
from engine.market.instruments import Instrument, Product
from engine.market.rate_conventions import RateConvention, convention_for
from engine.market.rate_flows import joined, last_days, quote_flows, swap_flows
from engine.market.rate_pricing import Float64s, Flows, Int64s, payer_values
from engine.market.rate_schedule import tenor_months

Shifts = Mapping[str, Float64s]
_ON_A_CURVE: Final = frozenset({Product.PAR_RATE, Product.INTEREST_RATE_SWAP})
_NO_PILLARS: Final = np.zeros(0, np.int64)
_DAYS_KEPT: Final = 2  # live values and risk may stand on either side of midnight


class Quoted(Protocol):
    """Where quotes stand by slot, and the instant that days count from."""

    mark: Float64s
    valuation_time_ns: int


class Curve(NamedTuple):
    """Logarithms of discount factors float64[m, p] at pillars int64[p], days from today."""

    pillars: Int64s
    logs: Float64s


class _Legs(NamedTuple):
    """Swaps of one curve as columns: int64[n] slots, the place of each slot, flows, fixed rates, fixings."""

    slots: Int64s
    places: dict[int, int]
    flows: Flows
    coupons: Float64s
    fixings: Float64s


class _Members:
    """Quotes and swaps of one curve, and their flows once somebody asks."""

    def __init__(self, convention: RateConvention) -> None:
        self.convention = convention
        self.quotes: list[tuple[int, int]] = []  # months, slot; ascending
        self.swaps: dict[int, Instrument] = {}
        self._legs: _Legs | None = None
        self._flows_of: dict[tuple[int, int], Flows] = {}
        self._quote_flows: dict[int, tuple[Flows, Int64s]] = {}

    def forget_flows(self) -> None:
        self._legs = None
        self._quote_flows.clear()

    def legs(self) -> _Legs:
        """Of all swaps."""
        if self._legs is None:
            swaps = self.swaps.values()
            terms = [(_day(swap.start_ns), _day(swap.expiry_ns)) for swap in swaps]
            # A new fixing, every morning for every swap, changes no date: dates are made once per pair of terms.
            known = self._flows_of
            self._flows_of = {
                each: known[each] if each in known else swap_flows([each], self.convention) for each in terms
            }
            self._legs = _Legs(
                np.array(list(self.swaps), np.int64),
                {slot: place for place, slot in enumerate(self.swaps)},
                joined([self._flows_of[each] for each in terms] or [swap_flows((), self.convention)]),
                np.array([swap.coupon for swap in swaps], np.float64),
                np.array([swap.fixing for swap in swaps], np.float64),
            )
        return self._legs

    def quote_flows(self, today: int) -> tuple[Flows, Int64s]:
        """Legs of the swaps that are quoted, and their pillars, days from today."""
        if today not in self._quote_flows:
            flows = quote_flows((months for months, _ in self.quotes), today, self.convention)
            self._quote_flows[today] = flows, last_days(flows) - today
            for day in sorted(self._quote_flows)[:-_DAYS_KEPT]:
                del self._quote_flows[day]
        return self._quote_flows[today]


class RateCurves:
    """Curves by name; a curve stands after the one that discounts it.

    Quotes move in shifts: float64[m, quotes], one row a scenario, columns as :meth:`quotes`, fractions a year.

    Attributes:
        conventions: of each curve.
        day_marked: days since 1970, when swaps were last valued; :mod:`engine.market.rate_follow`'s.
    """

    def __init__(self, conventions: Mapping[str, RateConvention] | None = None) -> None:
        self.conventions = dict(conventions or {})
        self.day_marked = -1
        self._members = {curve_id: _Members(each) for curve_id, each in self.conventions.items()}

    def check(self, instrument: Instrument, slot: int | None) -> None:
        """Refuse what cannot stand on its curve; ``slot`` is its own, if it has one.

        Raises:
            MarginError: BAD_INSTRUMENT naming instrument, field and value.
        """
        if instrument.product not in _ON_A_CURVE:
            return
        thing = f"instrument {instrument.instrument_id}"
        convention = convention_for(self.conventions, instrument.underlying, thing)

        def require(condition: bool, detail: str) -> None:
            if not condition:
                raise MarginError(Reason.BAD_INSTRUMENT, thing, detail)

        require(
            instrument.currency == convention.currency,
            f"currency {instrument.currency} is not the {convention.currency} of curve {convention.curve_id}",
        )
        if instrument.product is Product.PAR_RATE:
            months = tenor_months(instrument.tenor)
            require(months > 0, f"tenor {instrument.tenor!r} is not a number of months or years: 3M, 10Y")
            quotes = self._members[convention.curve_id].quotes
            require(
                all(months != other or slot == taken for other, taken in quotes),
                f"curve {convention.curve_id} has another quote of {instrument.tenor}",
            )

    def put(self, slot: int, instrument: Instrument) -> None:
        """Learn a quote or swap that :meth:`check` let pass; others are none of the curves' business."""
        if instrument.product not in _ON_A_CURVE:
            return
        self.remove(slot, instrument)
        members = self._members[instrument.underlying]
        if instrument.product is Product.PAR_RATE:
            insort(members.quotes, (tenor_months(instrument.tenor), slot))
        else:
            members.swaps[slot] = instrument

    def remove(self, slot: int, instrument: Instrument) -> None:
        """The instrument is gone, if it was here."""
        if instrument.product not in _ON_A_CURVE:
            return
        members = self._members[instrument.underlying]
        members.quotes = [quote for quote in members.quotes if quote[1] != slot]
        members.swaps.pop(slot, None)
        members.forget_flows()

    def is_needed(self, instrument: Instrument) -> bool:
        """Whether it is a quote on which a swap rests, on its own curve or on one that it discounts."""
        return instrument.product is Product.PAR_RATE and any(
            members.swaps and instrument.underlying in self.rests_on(curve_id)
            for curve_id, members in self._members.items()
        )

    def quotes_under(self, instruments: Iterable[Instrument]) -> set[int]:
        """Slots of the quotes that the swaps among these rest on."""
        curves = {each.underlying for each in instruments if each.product is Product.INTEREST_RATE_SWAP}
        return {slot for curve_id in curves for each in self.rests_on(curve_id) for slot in self.quotes(each)}

    def quotes(self, curve_id: str) -> list[int]:
        """Slots of the curve's quotes, ascending by tenor."""
        return [slot for _, slot in self._members[curve_id].quotes]

    def tenors(self, curve_id: str) -> list[int]:
        """Months of the curve's quotes, ascending."""
        return [months for months, _ in self._members[curve_id].quotes]

    def swaps(self, curve_id: str) -> Int64s:
        """int64[n]: slots of the swaps on the curve."""
        return self._members[curve_id].legs().slots

    def rests_on(self, curve_id: str) -> tuple[str, ...]:
        """The curves whose quotes move a swap on this one: its own, then the one that discounts it."""
        discount = self.conventions[curve_id].discount_curve
        return (curve_id,) if discount == curve_id else (curve_id, discount)

    def curve(
        self, market: Quoted, curve_id: str, shifts: Shifts, count: int, discount: Curve | None = None
    ) -> Curve:
        """The curve under ``count`` sets of shifts; a curve without shifts does not move.

        NaN from the first quote on that has no price. ``discount``: the curve that discounts it; None = it itself.
        """
        today = _day(market.valuation_time_ns)
        flows, pillars = self._members[curve_id].quote_flows(today)
        levels = np.tile(market.mark[self.quotes(curve_id)], (count, 1))
        if curve_id in shifts:
            levels += shifts[curve_id]
        logs = bootstrap(
            flows, today, levels, pillars, *(discount or Curve(_NO_PILLARS, np.zeros((count, 0))))
        )
        logs[np.isnan(logs).any(axis=1)] = np.nan
        return Curve(pillars, logs)

    def pair(self, market: Quoted, curve_id: str, shifts: Shifts, count: int) -> tuple[Curve, Curve]:
        """The curve that discounts swaps on this one, and the one that forecasts them: itself."""
        discount_curve = self.conventions[curve_id].discount_curve
        discount = self.curve(market, discount_curve, shifts, count)
        if discount_curve == curve_id:
            return discount, discount
        return discount, self.curve(market, curve_id, shifts, count, discount)

    def values(self, market: Quoted, curve_id: str, slots: Int64s, shifts: Shifts, count: int) -> Float64s:
        """float64[n, count]: value per unit of notional to the side that pays fixed, of swaps on the curve.

        NaN where a quote of the curves has no price, or a running floating period no fixing.
        """
        if not all(self.quotes(each) for each in self.rests_on(curve_id)):
            return np.full((len(slots), count), np.nan)
        discount, forward = self.pair(market, curve_id, shifts, count)
        legs = self._members[curve_id].legs()
        if slots is legs.slots:
            which = np.arange(len(slots))
        else:
            which = np.array([legs.places[slot] for slot in slots.tolist()], np.int64)
        return payer_values(
            legs.flows, which, legs.coupons[which], legs.fixings[which], _day(market.valuation_time_ns), *discount,
            *forward,
        )  # fmt: skip

    def marks(self, market: Quoted, curve_id: str) -> Float64s:
        """float64[n]: :meth:`values` of all :meth:`swaps` as the quotes stand."""
        slots = self.swaps(curve_id)
        return self.values(market, curve_id, slots, {}, 1)[:, 0] if len(slots) else np.zeros(0)


def _day(time_ns: int) -> int:
    return time_ns // NANOSECONDS_PER_DAY
