"""Reference data of one instrument, checked, and its place in a silo."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from engine.base.errors import MarginError, Reason


class Silo(StrEnum):
    """A segregation bucket of an account."""

    SECURITIES = "securities"
    SECURITY_BASED_SWAPS = "security_based_swaps"
    FUTURES = "futures"
    CLEARED_SWAPS = "cleared_swaps"
    UNCLEARED_SWAPS = "uncleared_swaps"
    TREASURY_CLEARING = "treasury_clearing"
    DIGITAL_ASSETS = "digital_assets"
    EVENT_CONTRACTS = "event_contracts"


SILOS: tuple[Silo, ...] = tuple(Silo)
SILO_INDEX: dict[str, int] = {silo.value: index for index, silo in enumerate(SILOS)}


class Product(StrEnum):
    """What kind of contract an instrument is."""

    EQUITY = "equity"
    ETF = "etf"
    INDEX = "index"  # reference level only, never held
    FX_RATE = "fx_rate"  # USD per unit of the instrument's currency, never held
    EQUITY_OPTION = "equity_option"
    INDEX_OPTION = "index_option"
    FUTURE = "future"
    FUTURE_OPTION = "future_option"
    PERPETUAL = "perpetual"
    CRYPTO_FUTURE = "crypto_future"
    CRYPTO_SPOT = "crypto_spot"
    STABLECOIN = "stablecoin"
    TREASURY = "treasury"
    EQUITY_SWAP = "equity_swap"  # return of a share, an index or a basket; settles daily at its price
    CREDIT_DEFAULT_SWAP = "credit_default_swap"  # one contract: protection on `multiplier` of notional
    EVENT_CONTRACT = "event_contract"  # pays a fixed amount if one of some outcomes of an event comes
    PAR_RATE = "par_rate"  # quote of one tenor of an interest rate curve, never held
    INTEREST_RATE_SWAP = "interest_rate_swap"  # pays fixed on `multiplier` of notional; valued on its curve
    CREDIT_INDEX_SWAP = "credit_index_swap"  # protection on `multiplier` of notional of an index of names
    REPO = "repo"  # cash borrowed against a Treasury, valued from it
    CORPORATE_BOND = "corporate_bond"
    MUNICIPAL_BOND = "municipal_bond"
    SECURITY_FUTURE = "security_future"  # on one stock or fund, or on a narrow index; settles daily
    CRYPTO_OPTION = "crypto_option"  # on a coin's index or on a dated future of a crypto venue
    GOLD = "gold"  # allocated bullion, by the ounce
    MONEY_MARKET_FUND = "money_market_fund"
    TOKENISED = "tokenised"  # a token that stands for a security: `tokenised_product`, `underlying`


OPTIONS = frozenset(
    {Product.EQUITY_OPTION, Product.INDEX_OPTION, Product.FUTURE_OPTION, Product.CRYPTO_OPTION}
)
CLEARED_SWAPS = frozenset({Product.INTEREST_RATE_SWAP, Product.CREDIT_INDEX_SWAP})
FUTURES_STYLE = (
    frozenset(
        {
            Product.FUTURE,
            Product.PERPETUAL,
            Product.CRYPTO_FUTURE,
            Product.EQUITY_SWAP,
            Product.SECURITY_FUTURE,
        }
    )
    | CLEARED_SWAPS
    | {Product.REPO}
)
# May be inverse: quoted in USD per coin, each contract a fixed amount of USD, settled in the coin.
MAY_BE_INVERSE = frozenset({Product.PERPETUAL, Product.CRYPTO_FUTURE})
INVERSE = "inverse"
# Quoted in percent of the principal: one unit has a principal of 100 x multiplier.
DEBT = frozenset({Product.TREASURY, Product.CORPORATE_BOND, Product.MUNICIPAL_BOND})
# What a token may stand for.
TOKENISABLE = DEBT | {Product.EQUITY, Product.ETF, Product.MONEY_MARKET_FUND, Product.GOLD}
REFERENCE_ONLY = frozenset({Product.INDEX, Product.FX_RATE, Product.PAR_RATE})
DERIVATIVES = OPTIONS | FUTURES_STYLE


@dataclass(frozen=True, slots=True)
class Instrument:
    """One instrument; prices are in ``currency`` per unit, one contract is ``multiplier`` units.

    A coin-margined contract (``settlement`` ``inverse``) is the exception: its price is in USD per coin, ``currency``
    is the coin that it settles in, and one contract has a face of ``multiplier`` USD. Bought at one price and worth
    another, it has made multiplier x (1 / bought - 1 / now) coins.

    Attributes:
        settlement: ``cash``, ``physical``, ``inverse`` or empty.
        underlying: instrument_id whose price drives an option; for futures-style contracts the spot or index
            they refer to (may be empty); for a spot pair the asset (BTC for BTC-USD); for a token the security
            that it stands for. For everything else empty.
        expiry_ns: UTC nanoseconds; 0 where there is none. For debt and a credit default swap its maturity, for a
            token that of the debt that it stands for.
        strike: 0 where there is none; of a repo the cash that is paid back, in percent of principal.
        right: ``call``, ``put`` or empty.
        exercise: ``american``, ``european`` or empty.
        price_model: ``lognormal`` or ``normal`` (normal: the underlying may be negative).
        dividend_yield: continuous, per year, of an option's underlying.
        index_class: ``high_cap_broad``, ``broad`` or ``narrow`` for indexes and funds on them; empty for equities.
        leverage: of a leveraged fund (2, 3, -1 ...), else 1.
        combined_commodity: product family of a SPAN-type rulebook, e.g. ``ES``.
        contract_month: ``YYYY-MM`` of a future or of the future under an option.
        margin_schedule: tier table of a crypto venue, e.g. ``binance-usdtm:BTC``.
        risk_factor: scenario column that moves the price; ``beta`` scales it; ``volatility_factor`` moves
            an option's implied volatility.
        basis_factor: additional scenario column (future against spot, perpetual against spot); may be empty.
        average_daily_volume: units of this instrument per day, for liquidity charges; 0 = unknown.
        deliverable: ``unknown`` while a corporate action has adjusted a contract to terms that are not known yet.
        reference_entity: whose default a credit default swap protects against; of a credit index swap the index,
            without its series.
        coupon: running premium of a credit default swap, a fraction of notional a year (0.01, 0.05); interest of
            debt, a fraction of principal a year, 0 = zero coupon; fixed rate of an interest rate swap, rate of a repo.
        grade: of a corporate bond, ``investment`` or ``other``; else empty.
        recovery_rate: share of notional that is assumed to be left after default, by convention (0.4).
        event: what an event contract is about; contracts on one event with the same outcomes net.
        outcomes: all outcomes of the event: exactly one of them will come.
        pays_on: those of them on which the contract pays; one for a plain YES, all others for the NO against it.
        payoff: what it pays then, in the unit of its price (1 where prices are fractions of 1).
        components: of an equity swap on a basket, (share, its part of the basket's value); of a credit index swap,
            where known, (name in the index, its weight); empty for everything else.
        tenor: of a par rate, e.g. ``10Y``; its ``underlying`` is the curve, as that of an interest rate swap.
        start_ns: first day of an interest rate swap, UTC nanoseconds.
        fixing: rate of the floating period of a swap that runs: as fixed (term), or compounded from its start until
            today (overnight), a fraction a year; NaN = not known.
        issuer: whose default or fall the security suffers from, named as in `reference_entity`; may be empty.
        tokenised_product: product that a token stands for, else empty.
        funding_rate: of a perpetual, for one funding interval, a fraction of notional; positive = longs pay shorts.
        funding_interval_h: hours between two funding payments.
        open_interest: contracts of a perpetual or crypto future that are open at its venue; 0 = not known.
        amount_outstanding: units of a security that are outstanding, in the unit of positions; 0 = not known.
    """

    instrument_id: str
    product: Product
    underlying: str = ""
    multiplier: float = 1.0
    currency: str = "USD"
    expiry_ns: int = 0
    strike: float = 0.0
    right: str = ""
    exercise: str = ""
    settlement: str = ""
    price_model: str = "lognormal"
    dividend_yield: float = 0.0
    index_class: str = ""
    leverage: float = 1.0
    combined_commodity: str = ""
    contract_month: str = ""
    venue: str = ""
    margin_schedule: str = ""
    risk_factor: str = ""
    beta: float = 1.0
    volatility_factor: str = ""
    basis_factor: str = ""
    average_daily_volume: float = 0.0
    negative_price_allowed: bool = False
    deliverable: str = ""
    reference_entity: str = ""
    coupon: float = 0.0
    recovery_rate: float = 0.0
    event: str = ""
    outcomes: tuple[str, ...] = ()
    pays_on: tuple[str, ...] = ()
    payoff: float = 0.0
    components: tuple[tuple[str, float], ...] = ()
    grade: str = ""
    tenor: str = ""
    start_ns: int = 0
    fixing: float = math.nan
    issuer: str = ""
    tokenised_product: str = ""
    funding_rate: float = 0.0
    funding_interval_h: float = 8.0
    open_interest: float = 0.0
    amount_outstanding: float = 0.0

    @property
    def is_option(self) -> bool:
        return self.product in OPTIONS

    @property
    def is_futures_style(self) -> bool:
        """Daily settlement: a start-of-day position enters equity at its reference price."""
        return self.product in FUTURES_STYLE

    @property
    def settles_in_foreign_balance(self) -> bool:
        """What it gains moves a balance that is not in USD, day by day: entry and value are one amount there."""
        return self.is_futures_style and self.currency != "USD"

    @property
    def is_inverse(self) -> bool:
        """Coin-margined: its value in its currency is -multiplier / price."""
        return self.settlement == INVERSE

    @property
    def rests_on_underlying(self) -> bool:
        """Its margin follows the underlying's price: an option, a security future, repo."""
        return self.is_option or self.product in {Product.SECURITY_FUTURE, Product.REPO}

    @property
    def class_root(self) -> str:
        """The instrument that stands for the market: an option's underlying, else the instrument itself."""
        return self.underlying if self.is_option else self.instrument_id

    @property
    def class_group(self) -> str:
        """The instrument whose class it is margined in: of options and security futures the underlying."""
        return self.underlying if self.rests_on_underlying else self.instrument_id


# What the weights of a basket may miss 1 by: they are published with few digits.
_WEIGHTS_OFF = 1e-6


def _check_basket(instrument: Instrument, require: Callable[[bool, str], None]) -> None:
    shares, weights = [name for name, _ in instrument.components], [w for _, w in instrument.components]
    require(len(set(shares)) == len(shares), f"components name a share twice: {sorted(shares)}")
    for share, weight in instrument.components:
        require(bool(share), "a component has no name")
        require(
            math.isfinite(weight) and 0 < weight <= 1, f"component {share}: weight {weight} is not in (0, 1]"
        )
    total = math.fsum(weights)
    require(
        not weights or abs(total - 1.0) <= _WEIGHTS_OFF,
        f"the weights of the components add up to {total}, not 1",
    )


def check_instrument(instrument: Instrument) -> Instrument:
    """Return the instrument if it can be valued at all.

    Raises:
        MarginError: BAD_INSTRUMENT naming the instrument, the field and the value; UNKNOWN_DELIVERABLE.
    """
    thing = f"instrument {instrument.instrument_id}"

    def require(condition: bool, detail: str) -> None:
        if not condition:
            raise MarginError(Reason.BAD_INSTRUMENT, thing, detail)

    require(bool(instrument.instrument_id), "instrument_id is empty")
    require(
        instrument.deliverable in {"", "unknown"},
        f"deliverable {instrument.deliverable!r} is not unknown or empty",
    )
    if instrument.deliverable:
        detail = "what it delivers after a corporate action is not known"
        raise MarginError(Reason.UNKNOWN_DELIVERABLE, thing, detail)
    require(
        math.isfinite(instrument.multiplier) and 0 < instrument.multiplier <= 1e9,
        f"multiplier {instrument.multiplier} is not in (0, 1e9]",
    )
    require(len(instrument.currency) == 3, f"currency {instrument.currency!r} is not a three letter code")
    require(math.isfinite(instrument.beta), f"beta {instrument.beta} is not finite")
    require(
        math.isfinite(instrument.leverage) and instrument.leverage != 0,
        f"leverage {instrument.leverage} is not a finite number other than 0",
    )
    require(
        instrument.index_class in {"", "high_cap_broad", "broad", "narrow"},
        f"index_class {instrument.index_class!r} is not high_cap_broad, broad, narrow or empty",
    )
    if instrument.is_inverse:
        require(
            instrument.product in MAY_BE_INVERSE,
            f"settlement {INVERSE!r} is for perpetuals and crypto futures, not for {instrument.product.value}",
        )
        require(
            instrument.currency != "USD", "an inverse contract needs the coin it settles in as its currency"
        )
        require(
            not instrument.negative_price_allowed, "an inverse contract has no value at a price below zero"
        )
    if instrument.is_option:
        require(bool(instrument.underlying), "an option needs an underlying")
        require(instrument.right in {"call", "put"}, f"right {instrument.right!r} is not call or put")
        require(
            instrument.exercise in {"american", "european"},
            f"exercise {instrument.exercise!r} is not american or european",
        )
        normal = instrument.price_model == "normal"
        require(
            math.isfinite(instrument.strike) and (normal or instrument.strike > 0),
            f"strike {instrument.strike} is missing or not positive",
        )
        require(not (normal and instrument.exercise == "american"), "normal model with american exercise")
        require(
            instrument.product is not Product.CRYPTO_OPTION or instrument.exercise == "european",
            "options of crypto venues are european",
        )
        require(instrument.expiry_ns > 0, "an option needs an expiry")
    if instrument.product in DEBT:
        name = "Treasury" if instrument.product is Product.TREASURY else instrument.product.replace("_", " ")
        require(instrument.expiry_ns > 0, f"a {name} needs its maturity (expiry_ns)")
        require(0 <= instrument.coupon <= 0.2, f"coupon {instrument.coupon} is not in [0, 0.2]")
        graded = instrument.product is Product.CORPORATE_BOND
        require(
            instrument.grade in ({"investment", "other"} if graded else {""}),
            f"grade {instrument.grade!r} is not {'investment or other' if graded else 'empty'}",
        )
    if instrument.product is Product.SECURITY_FUTURE:
        require(
            bool(instrument.underlying), "a security future needs the security it delivers as its underlying"
        )
        require(instrument.expiry_ns > 0, "a security future needs its expiry")
    if instrument.product is Product.FUTURE or instrument.product is Product.FUTURE_OPTION:
        require(bool(instrument.combined_commodity), "a future needs its combined_commodity")
        require(bool(instrument.contract_month), "a future needs its contract_month")
    token = instrument.product is Product.TOKENISED
    require(
        instrument.tokenised_product in ({str(product) for product in TOKENISABLE} if token else {""}),
        f"tokenised_product {instrument.tokenised_product!r} is not "
        + (f"one of {', '.join(sorted(TOKENISABLE))}" if token else "empty"),
    )
    if token:
        require(
            bool(instrument.underlying), "a token needs the security that it stands for as its underlying"
        )
        debt = instrument.tokenised_product in DEBT
        require(
            not debt or instrument.expiry_ns > 0, "a token of debt needs the maturity (expiry_ns) of the debt"
        )
    require(
        math.isfinite(instrument.funding_rate) and abs(instrument.funding_rate) <= 1,
        f"funding_rate {instrument.funding_rate} is not in [-1, 1]",
    )
    require(
        0 < instrument.funding_interval_h <= 24,
        f"funding_interval_h {instrument.funding_interval_h} is not in (0, 24]",
    )
    require(
        0 <= instrument.open_interest <= 1e15, f"open_interest {instrument.open_interest} is not in [0, 1e15]"
    )
    require(
        0 <= instrument.amount_outstanding <= 1e15,
        f"amount_outstanding {instrument.amount_outstanding} is not in [0, 1e15]",
    )
    if instrument.product in {Product.PERPETUAL, Product.CRYPTO_FUTURE, Product.CRYPTO_OPTION}:
        require(bool(instrument.margin_schedule), "a crypto derivative needs its margin_schedule")
    if instrument.product is Product.EQUITY_SWAP:
        require(
            bool(instrument.underlying) != bool(instrument.components),
            "an equity swap needs the share or index it refers to as its underlying, or the components of its basket",
        )
    may_have_components = {Product.EQUITY_SWAP, Product.CREDIT_INDEX_SWAP}
    require(
        not instrument.components or instrument.product in may_have_components,
        "only an equity swap and a credit index swap have components",
    )
    _check_basket(instrument, require)
    if instrument.product in {Product.CREDIT_DEFAULT_SWAP, Product.CREDIT_INDEX_SWAP}:
        require(bool(instrument.reference_entity), "a credit default swap needs its reference_entity")
        require(instrument.expiry_ns > 0, "a credit default swap needs its maturity (expiry_ns)")
        require(0 < instrument.coupon <= 0.2, f"coupon {instrument.coupon} is not in (0, 0.2]")
        require(
            0 <= instrument.recovery_rate <= 0.95,
            f"recovery_rate {instrument.recovery_rate} is not in [0, 0.95]",
        )
        require(
            instrument.negative_price_allowed,
            "the value of a credit default swap can be negative: set negative_price_allowed",
        )
    if instrument.product is Product.EVENT_CONTRACT:
        outcomes, pays_on = set(instrument.outcomes), set(instrument.pays_on)
        require(bool(instrument.event), "an event contract needs its event")
        require(
            len(outcomes) == len(instrument.outcomes) >= 2 and "" not in outcomes,
            f"outcomes {list(instrument.outcomes)} are not two or more different names",
        )
        require(
            bool(pays_on) and pays_on < outcomes,
            f"pays_on {list(instrument.pays_on)} is not some, but not all, of the outcomes",
        )
        require(
            math.isfinite(instrument.payoff) and instrument.payoff > 0,
            f"payoff {instrument.payoff} is not a positive number",
        )
    if instrument.product is Product.PAR_RATE:
        require(bool(instrument.tenor), "a par rate needs its tenor")
        require(instrument.negative_price_allowed, "a rate can be negative: set negative_price_allowed")
    if instrument.product is Product.INTEREST_RATE_SWAP:
        require(instrument.expiry_ns > 0, "an interest rate swap needs its maturity (expiry_ns)")
        require(
            0 < instrument.start_ns < instrument.expiry_ns,
            "an interest rate swap needs a start before maturity",
        )
        require(
            abs(instrument.coupon) <= 0.5, f"coupon (fixed rate) {instrument.coupon} is not in [-0.5, 0.5]"
        )
        require(
            instrument.negative_price_allowed,
            "the value of an interest rate swap can be negative: set negative_price_allowed",
        )
    if instrument.product is Product.REPO:
        require(bool(instrument.underlying), "a repo needs the Treasury behind it as its underlying")
        require(instrument.expiry_ns > 0, "a repo needs its end (expiry_ns)")
        require(
            instrument.strike > 0,
            f"strike (cash paid back in percent) {instrument.strike} is not positive",
        )
        require(
            instrument.negative_price_allowed,
            "the value of a repo can be negative: set negative_price_allowed",
        )
    return instrument
