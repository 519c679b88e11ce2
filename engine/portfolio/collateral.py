"""Collateral haircuts: what an asset is worth as collateral in a silo, by kind, asset and maturity, and why."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from engine.base.parameter_table import ParameterTable
from engine.base.units import NANOSECONDS_PER_YEAR
from engine.market.instruments import DEBT, SILOS, TOKENISABLE, Instrument, Product, Silo
from engine.portfolio.collateral_limits import ANY, HOLDABLE, CollateralLimits, read_limits, stated_source
from engine.portfolio.firm_limits import FirmLimit, read_firm_limits

NOT_ELIGIBLE: Final = 1.0  # counts nothing
HOME_CURRENCY: Final = "USD"
# Where the parties agree on a currency of settlement, or a crypto venue keeps a wallet in a coin for contracts that
# settle in it; everywhere else the law or the house says USD.
_MAY_SETTLE: Final = (Silo.SECURITY_BASED_SWAPS.value, Silo.UNCLEARED_SWAPS.value, Silo.FUTURES.value)
_OTHER_GRADE: Final = ":other"  # a corporate bond below investment grade is a kind of its own


def asset_of(instrument: Instrument) -> str:
    """The asset an instrument is: a pair such as BTC-USD names it as its underlying, else it is itself."""
    return instrument.underlying or instrument.instrument_id


def limited_product(instrument: Instrument) -> str:
    """The product that limits go by: of a token that of the security that it stands for."""
    return instrument.tokenised_product or instrument.product.value


def kind_of(instrument: Instrument) -> str:
    """What haircut rules go by: the product, a corporate bond below investment grade apart."""
    kind = limited_product(instrument)
    return kind + _OTHER_GRADE if instrument.grade == "other" else kind


def matured(instrument: Instrument, valuation_time_ns: int) -> bool:
    """Whether it is debt, or a token of debt, whose principal is due: no longer an asset, not yet cash."""
    return limited_product(instrument) in DEBT and 0 < instrument.expiry_ns <= valuation_time_ns


@dataclass(frozen=True, slots=True)
class MaturityBucket:
    """Haircut of assets that mature in less than so many years; infinite for the last one."""

    below_years: float
    haircut: float


@dataclass(frozen=True, slots=True)
class HaircutRule:
    """Haircuts of a kind of asset, shortest maturity first, and where they are from."""

    buckets: tuple[MaturityBucket, ...]
    source: str


@dataclass(frozen=True, slots=True)
class TokenAddOn:
    """What a token costs beside the haircut of what it stands for: settlement time, liquidity."""

    haircut: float
    source: str


@dataclass(frozen=True, slots=True)
class CurrencyHaircut:
    """What a foreign currency costs: on cash, and on top of another asset's own haircut."""

    cash: float
    other_assets: float
    source: str = ""


@dataclass(frozen=True, slots=True)
class HaircutTerms:
    """An asset's haircut in a silo by cause; the sum counts, at most 1.

    Attributes:
        own: of the kind of asset and its maturity. token, currency: on top.
        reason: which rule, in words. sources: of each cause that costs something.
    """

    own: float
    token: float
    currency: float
    reason: str
    sources: tuple[str, ...] = ()

    @property
    def total(self) -> float:
        return min(NOT_ELIGIBLE, self.own + self.token + self.currency)

    @property
    def uncapped(self) -> float:
        """The sum, to which more may be added or from which the currency's part may be taken; infinite where the asset
        is not eligible whatever its currency."""
        return self.own + self.token + self.currency if self.own + self.token < NOT_ELIGIBLE else math.inf


@dataclass(frozen=True, slots=True)
class CollateralSchedule:
    """Haircuts in [0, 1] by silo; 1 = not eligible. What no rule names is not eligible.

    Attributes:
        rules: by (silo, kind, asset), asset ``ANY`` for the rest of the kind.
        tokens: by (silo, product that the token stands for).
        currencies: by (silo, currency), currency ``ANY`` for the rest.
        settled: silos where an account's requirement may be settled in another currency than USD.
        limits: concentration, wrong-way risk, locations.
        firm_limits: over all accounts; watched, of no effect on what an asset counts.
    """

    schedule_id: str
    version: str
    rules: Mapping[tuple[str, str, str], HaircutRule]
    tokens: Mapping[tuple[str, str], TokenAddOn]
    currencies: Mapping[tuple[str, str], CurrencyHaircut]
    settled: frozenset[str]
    limits: CollateralLimits
    firm_limits: tuple[FirmLimit, ...] = ()

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> CollateralSchedule:
        """Read and check a parsed schedule file.

        Raises:
            MarginError: BAD_PARAMETER naming the rule and the offending value; also where two rules
                say something about the same silo and asset.
        """
        header = ParameterTable(f"collateral {mapping.get('schedule_id', 'schedule')}", mapping)
        header.only(
            "schedule_id", "version", "currency", "rules", "currencies", "tokens", "settled", "limits",
            "volume_limits", "wrong_way", "locations", "firm_limits",
        )  # fmt: skip
        header.text("currency", choices=(HOME_CURRENCY,))
        currencies = _once(header, "currencies", map(_currency, header.rows("currencies")))
        return cls(
            schedule_id=header.text("schedule_id"),
            version=header.text("version"),
            rules=_once(header, "rules", map(_rule, header.rows("rules"))),
            tokens=_once(
                header, "tokens", map(_token, header.rows("tokens") if header.has("tokens") else ())
            ),
            currencies=currencies,
            settled=_settled(header, currencies),
            limits=read_limits(header),
            firm_limits=read_firm_limits(header),
        )

    def home(self, silo: str, settlement: str) -> str:
        """The currency without mismatch in a silo for an account that settles in ``settlement``."""
        return settlement if silo in self.settled else HOME_CURRENCY

    def haircut(self, instrument: Instrument, silo: str, valuation_time_ns: int) -> float:
        """Share of the market value that does not count in a silo.

        Time to maturity counts Act/365 from the valuation time; matured debt counts nothing, debt without maturity
        takes the longest bucket. A token bears its add-on too, a foreign asset its currency's addition.
        """
        return self.terms(instrument, silo, valuation_time_ns).total

    def terms(
        self, instrument: Instrument, silo: str, valuation_time_ns: int, settlement: str = HOME_CURRENCY
    ) -> HaircutTerms:
        """The haircut by cause, for an account that settles in ``settlement``."""
        kind, asset = kind_of(instrument), asset_of(instrument)
        if matured(instrument, valuation_time_ns):
            return HaircutTerms(
                NOT_ELIGIBLE, 0.0, 0.0, "matured: counts nothing until its redemption is booked"
            )
        rule = self.rules.get((silo, kind, asset)) or self.rules.get((silo, kind, ANY))
        if rule is None:
            return HaircutTerms(NOT_ELIGIBLE, 0.0, 0.0, f"not eligible: no rule for {kind} in silo {silo}")
        token = TokenAddOn(0.0, "")
        if instrument.tokenised_product:
            found = self.tokens.get((silo, instrument.tokenised_product))
            if found is None:
                reason = f"not eligible: no rule for tokens of {kind} in silo {silo}"
                return HaircutTerms(NOT_ELIGIBLE, 0.0, 0.0, reason)
            token = found
        years = math.inf
        if instrument.expiry_ns > 0:
            years = (instrument.expiry_ns - valuation_time_ns) / NANOSECONDS_PER_YEAR
        bucket = next((each for each in rule.buckets if years < each.below_years), rule.buckets[-1])
        currency = self.mismatch(instrument.currency, silo, settlement)
        return HaircutTerms(
            bucket.haircut,
            token.haircut,
            currency.other_assets,
            _reason(kind, asset if (silo, kind, asset) in self.rules else "", rule, bucket),
            tuple(source for source in (rule.source, token.source, currency.source) if source),
        )

    def most_units(self, instrument: Instrument, silo: str) -> float:
        """Units of an asset that count in a silo: days of its volume; all of them where that is not known."""
        days = self.limits.days(silo, limited_product(instrument), asset_of(instrument))
        volume = instrument.average_daily_volume
        return days * volume if math.isfinite(days) and volume > 0.0 else math.inf

    def group(self, instrument: Instrument, silo: str) -> int:
        """Number of the group with a limit that an asset is in, -1 if none."""
        return self.limits.group(silo, limited_product(instrument), asset_of(instrument))

    def fx_haircut(self, currency: str, silo: str, settlement: str = HOME_CURRENCY) -> float:
        """Haircut on cash of a currency in a silo; 0 for the one that the account settles in."""
        return self.mismatch(currency, silo, settlement).cash

    def mismatch(self, currency: str, silo: str, settlement: str) -> CurrencyHaircut:
        """What a currency costs in a silo of an account that settles in ``settlement``."""
        if currency == self.home(silo, settlement):
            return CurrencyHaircut(0.0, 0.0)
        none = CurrencyHaircut(NOT_ELIGIBLE, NOT_ELIGIBLE)
        return self.currencies.get((silo, currency)) or self.currencies.get((silo, ANY)) or none

    def haircuts(
        self, instruments: Sequence[Instrument], silos: Sequence[str], valuation_time_ns: int
    ) -> NDArray[np.float64]:
        """float64[n]: :meth:`haircut` of each instrument in its silo; a loop, for reference data."""
        pairs = zip(instruments, silos, strict=True)
        values = [self.haircut(instrument, silo, valuation_time_ns) for instrument, silo in pairs]
        return np.array(values, np.float64)


def _reason(kind: str, asset: str, rule: HaircutRule, bucket: MaturityBucket) -> str:
    """E.g. ``treasury, maturity below 5 years`` or ``crypto_spot BTC``."""
    named = f"{kind} {asset}".strip()
    if len(rule.buckets) == 1:
        return named
    if math.isinf(bucket.below_years):
        return f"{named}, maturity from {rule.buckets[-2].below_years:g} years"
    return f"{named}, maturity below {bucket.below_years:g} years"


_Entries = tuple[ParameterTable, list[tuple[str, ...]], Any]


def _once(header: ParameterTable, key: str, entries: Iterable[_Entries]) -> dict[Any, Any]:
    """All entries as one mapping; two entries for the same thing are a mistake in the file."""
    found: dict[Any, Any] = {}
    for table, keys, value in entries:
        for one in keys:
            if one in found:
                raise header.bad(key, f"{table.path} repeats {', '.join(part or 'any' for part in one)}")
            found[one] = value
    return found


def _rule(table: ParameterTable) -> _Entries:
    table.only("silos", "product", "grade", "assets", "haircut", "maturities")
    product = table.text("product", choices=[each for each in HOLDABLE if each != Product.TOKENISED])
    kind = product + _grade(table, product)
    assets = table.texts("assets") if table.has("assets") else (ANY,)
    silos = table.texts("silos", choices=tuple(SILOS))
    keys: list[tuple[str, ...]] = [(silo, kind, asset) for silo in silos for asset in assets]
    if table.has("haircut") == table.has("maturities"):
        raise table.bad("haircut", "give either haircut or maturities")
    if table.has("haircut"):
        buckets: tuple[MaturityBucket, ...] = (MaturityBucket(math.inf, table.number("haircut", 0.0, 1.0)),)
    elif product in DEBT:
        buckets = maturity_buckets(table)
    else:
        raise table.bad("maturities", f"{product} has no maturity")
    return table, keys, HaircutRule(buckets, stated_source(table))


def _grade(table: ParameterTable, product: str) -> str:
    if not table.has("grade"):
        return ""
    grade = table.text("grade", choices=("investment", "other"))
    if product != Product.CORPORATE_BOND:
        raise table.bad("grade", f"{product} has no grade")
    return _OTHER_GRADE if grade == "other" else ""


def _token(table: ParameterTable) -> _Entries:
    table.only("silos", "products", "add_on")
    products = table.texts("products", choices=sorted(TOKENISABLE))
    silos = table.texts("silos", choices=tuple(SILOS))
    add_on = TokenAddOn(table.number("add_on", 0.0, 1.0), stated_source(table))
    return table, [(silo, product) for silo in silos for product in products], add_on


def maturity_buckets(table: ParameterTable) -> tuple[MaturityBucket, ...]:
    """Buckets in order; only the last one is open, and a longer maturity never costs less."""
    rows = table.rows("maturities")
    buckets: list[MaturityBucket] = []
    for row in rows:
        row.only("below_years", "haircut")
        last = row is rows[-1]
        if last and row.has("below_years"):
            raise row.bad("below_years", "the last maturity bucket is open")
        below_years = math.inf if last else row.number("below_years", 0.0, 100.0)
        haircut = row.number("haircut", 0.0, 1.0)
        if buckets and below_years <= buckets[-1].below_years:
            raise row.bad("below_years", f"{below_years:g} is not above the bucket before")
        if buckets and haircut < buckets[-1].haircut:
            raise row.bad("haircut", f"{haircut:g} is below that of a shorter maturity")
        buckets.append(MaturityBucket(below_years, haircut))
    return tuple(buckets)


def _settled(header: ParameterTable, currencies: Mapping[tuple[str, str], CurrencyHaircut]) -> frozenset[str]:
    """Each needs a rule for any currency: it says what the dollar costs there."""
    if not header.has("settled"):
        return frozenset()
    table = header.table("settled")
    table.only("silos")
    silos = table.texts("silos", choices=_MAY_SETTLE)
    for silo in silos:
        if (silo, ANY) not in currencies:
            raise table.bad("silos", f"{silo} has no entry of currencies without a list of them")
    return frozenset(silos)


def _currency(table: ParameterTable) -> _Entries:
    table.only("silos", "currencies", "cash", "other_assets")
    currencies = table.texts("currencies") if table.has("currencies") else (ANY,)
    if HOME_CURRENCY in currencies:
        raise table.bad("currencies", f"{HOME_CURRENCY} is the home currency and has no haircut")
    silos = table.texts("silos", choices=tuple(SILOS))
    cash, other_assets = table.number("cash", 0.0, 1.0), table.number("other_assets", 0.0, 1.0)
    value = CurrencyHaircut(cash, other_assets, stated_source(table))
    return table, [(silo, currency) for silo in silos for currency in currencies], value
