"""A market of 5,000 instruments in the proportion of the simulator's: every product that a rulebook covers.

Tickers are made up. Risk factors, commodities and margin schedules are those of the packaged parameter files,
so that the shipped rulebooks and the shipped scenario set margin everything.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.base.units import NANOSECONDS_PER_YEAR
from engine.market.instruments import Instrument, Product
from engine.market.model import model_code
from engine.market.option_scenarios import option_prices_on_points

NOW_NS: Final = 1_795_000_000 * 1_000_000_000  # 2026-11-18, a Wednesday
INSTRUMENTS: Final = 5_000
# Held by half of all accounts, by one in a hundred; neither has options on it.
HALF: Final = "WIDE"
HUNDREDTH: Final = "RARE"
# Held by one account in a hundred too, and the underlying of twenty options.
WITH_CHAIN: Final = "STOCK-000"
SEED: Final = 7

_DAY_NS: Final = 86_400 * 1_000_000_000
_EXPIRIES_DAYS: Final = (30, 93)
_STOCKS, _FUNDS, _INDEXES = 120, 34, 16
_CHAIN_OF_A_STOCK: Final = (-0.10, -0.05, 0.0, 0.05, 0.10)
_CHAIN_OF_AN_INDEX: Final = (-0.20, -0.15, -0.12, -0.08, -0.05, -0.02, 0.0, 0.03, 0.06, 0.10)
_EQUITY_FACTORS: Final = ("EQ:SPX", "EQ:NDX", "EQ:AAPL", "EQ:MSFT", "EQ:IBM", "EQ:BAC", "EQ:AIG", "EQ:XOM")
_ASSETS: Final = {
    "BTC": (98_000.0, "CRYPTO:BTC", 1.0), "ETH": (3_500.0, "CRYPTO:ETH", 1.0),
    "SOL": (180.0, "CRYPTO:SOL", 1.0), "XRP": (2.2, "CRYPTO:SOL", 1.1), "DOGE": (0.35, "CRYPTO:SOL", 1.3),
}  # fmt: skip
_STABLECOINS: Final = ("USDC", "USDT", "PYUSD")
_PAIRS_OF_AN_ASSET, _PAIRS_OF_A_STABLECOIN = 16, 6
_SCHEDULES: Final = (
    *(f"{venue}:{asset}" for venue in ("binance-usdtm", "hyperliquid") for asset in _ASSETS),
    "dydx-v4:large-cap",
)
_PERPETUALS_OF_A_SCHEDULE, _FUTURES_OF_A_SCHEDULE = 14, 2
_MONTHS: Final = 24  # contract months that the SPAN parameters admit


class _Future(NamedTuple):
    commodity: str
    price: float
    multiplier: float
    micro: float  # multiplier of the small contract, 0 = there is none
    factor: str
    beta: float
    basis: str


_FUTURES: Final = (
    _Future("ES", 6_400.0, 50, 5, "EQ:SPX", 1.0, "BASIS:ES"),
    _Future("NQ", 23_200.0, 20, 2, "EQ:NDX", 1.0, "BASIS:ES"),
    _Future("GC", 2_650.0, 100, 10, "CMD:GOLD", 1.0, ""),
    _Future("SI", 31.0, 5_000, 1_000, "CMD:GOLD", 1.5, ""),
    _Future("CL", 70.0, 1_000, 100, "CMD:WTI", 1.0, ""),
    _Future("ZN", 110.0, 1_000, 0, "PX:ZN", 1.0, ""),
    _Future("ZB", 118.0, 1_000, 0, "PX:ZN", 1.8, ""),
    _Future("6E", 1.16, 125_000, 12_500, "FX:EURUSD", 1.0, ""),
    _Future("MBT", 98_000.0, 0.1, 0, "CRYPTO:BTC", 1.0, "BASIS:BTC_FUT"),
    _Future("MET", 3_500.0, 0.1, 0, "CRYPTO:ETH", 1.0, "BASIS:BTC_FUT"),
)
_FUTURES_WITH_OPTIONS: Final = 22  # the first months of ES


@dataclass(frozen=True)
class Market:
    """The instruments and what they cost.

    Attributes:
        instruments: underlyings before what is derived from them.
        mark: float64[n], in the instrument's currency. volatility: float64[n], NaN for what is no option.
        notional_usd: float64[n], of one contract; of an option that of its underlying.
        place: by instrument_id.
    """

    instruments: tuple[Instrument, ...]
    mark: NDArray[np.float64]
    volatility: NDArray[np.float64]
    notional_usd: NDArray[np.float64]
    place: dict[str, int]

    def places(self, product: Product) -> NDArray[np.int64]:
        """int64[m]: where the instruments of a product stand, in order."""
        return np.array([i for i, each in enumerate(self.instruments) if each.product is product], np.int64)


def market(rate: float) -> Market:
    """The market; the same at every call.

    Args:
        rate: continuously compounded, for options.
    """
    draws = np.random.default_rng(SEED)
    linear = [*_levels(), *_securities(draws), *_futures(), *_crypto(draws)]
    prices = {instrument.instrument_id: price for instrument, price in linear}
    linear_ids = {instrument.instrument_id: instrument for instrument, _ in linear}
    options = list(_options(linear_ids, prices))
    missing = INSTRUMENTS - len(linear) - len(options)
    assert missing == 0, f"{missing} instruments too few"
    instruments = (*(each for each, _ in linear), *options)
    volatility = np.full(len(instruments), np.nan)
    volatility[len(linear) :] = _smile(options, prices)
    mark = np.array([price for _, price in linear] + [np.nan] * len(options))
    mark[len(linear) :] = _option_prices(options, prices, volatility[len(linear) :], rate)
    reference = np.array(
        [prices[each.underlying] if each.is_option else prices[each.instrument_id] for each in instruments]
    )
    multiplier = np.array([each.multiplier for each in instruments])
    place = {each.instrument_id: index for index, each in enumerate(instruments)}
    return Market(instruments, mark, volatility, multiplier * reference, place)


def _levels() -> Iterator[tuple[Instrument, float]]:
    """Reference levels that nobody holds."""
    yield Instrument("EURUSD", Product.FX_RATE, currency="EUR", risk_factor="FX:EURUSD"), 1.16
    for number in range(_INDEXES):
        factor = _EQUITY_FACTORS[number % 2]
        index_class = "high_cap_broad" if number == 0 else "broad"
        yield (
            Instrument(f"INDEX-{number:02d}", Product.INDEX, index_class=index_class, risk_factor=factor),
            1_000.0 * (1 + number),
        )


def _securities(draws: np.random.Generator) -> Iterator[tuple[Instrument, float]]:
    names = [f"STOCK-{number:03d}" for number in range(_STOCKS)] + [f"PLAIN-{number}" for number in range(4)]
    for number, name in enumerate([*names, HUNDREDTH]):
        stock = Instrument(
            name, Product.EQUITY, risk_factor=_EQUITY_FACTORS[number % len(_EQUITY_FACTORS)],
            beta=round(float(draws.uniform(0.5, 1.8)), 2), average_daily_volume=1e7,
        )  # fmt: skip
        yield stock, round(float(np.exp(draws.normal(4.5, 0.7))), 2)
    for number in range(5):
        share = Instrument(
            f"EURO-{number}", Product.EQUITY, currency="EUR", risk_factor="EQ:SPX", beta=1.1,
            average_daily_volume=2e6,
        )  # fmt: skip
        yield share, 40.0 * (1 + number)
    for number, name in enumerate([*(f"FUND-{number:02d}" for number in range(_FUNDS)), HALF]):
        fund = Instrument(
            name, Product.ETF, index_class="high_cap_broad" if name == HALF else "broad",
            risk_factor=_EQUITY_FACTORS[number % 2], average_daily_volume=5e7,
        )  # fmt: skip
        yield fund, 80.0 + 15.0 * number


def _futures() -> Iterator[tuple[Instrument, float]]:
    for family in _FUTURES:
        for month in range(_MONTHS):
            contract = Instrument(
                f"{family.commodity}-{month:02d}", Product.FUTURE, multiplier=family.multiplier,
                expiry_ns=_monthly_ns(month), combined_commodity=family.commodity,
                contract_month=f"{2027 + month // 12}-{month % 12 + 1:02d}", risk_factor=family.factor,
                beta=family.beta, basis_factor=family.basis, average_daily_volume=1e6,
                negative_price_allowed=family.commodity == "CL",
            )  # fmt: skip
            price = family.price * (1.0 + 0.002 * month)
            yield contract, price
            if family.micro:
                yield (
                    replace(contract, instrument_id=f"M{contract.instrument_id}", multiplier=family.micro),
                    price,
                )


def _crypto(draws: np.random.Generator) -> Iterator[tuple[Instrument, float]]:
    for schedule in _SCHEDULES:
        asset = schedule.partition(":")[2]
        asset = asset if asset in _ASSETS else "BTC"
        price, factor, beta = _ASSETS[asset]
        contract = Instrument(
            "", Product.PERPETUAL, asset, venue=schedule.partition(":")[0], margin_schedule=schedule,
            risk_factor=factor, beta=beta, basis_factor="BASIS:BTC_PERP", average_daily_volume=1e6,
        )  # fmt: skip
        for number in range(_PERPETUALS_OF_A_SCHEDULE):
            basis = 1.0 + 0.001 * float(draws.standard_normal())
            yield replace(contract, instrument_id=f"{schedule}-PERP-{number:02d}"), price * basis
        dated = replace(contract, product=Product.CRYPTO_FUTURE, basis_factor="BASIS:BTC_FUT")
        for number in range(_FUTURES_OF_A_SCHEDULE):
            name, expiry_ns = f"{schedule}-FUT-{number}", _monthly_ns(3 * number)
            yield replace(dated, instrument_id=name, expiry_ns=expiry_ns), price * 1.01
    for asset, (price, factor, beta) in _ASSETS.items():
        for number in range(_PAIRS_OF_AN_ASSET):
            name = f"{asset}-{number:02d}"
            pair = Instrument(
                name, Product.CRYPTO_SPOT, asset, risk_factor=factor, beta=beta, average_daily_volume=1e6
            )
            yield pair, price
    for asset in _STABLECOINS:
        for number in range(_PAIRS_OF_A_STABLECOIN):
            name = f"{asset}-{number}"
            coin = Instrument(
                name, Product.STABLECOIN, asset, risk_factor="STABLE:USDC", average_daily_volume=1e9
            )
            yield coin, 1.0


def _options(linear: dict[str, Instrument], prices: dict[str, float]) -> Iterator[Instrument]:
    """American options on stocks, funds and ES futures, European ones on indexes; calls and puts."""
    for name in [f"STOCK-{n:03d}" for n in range(_STOCKS)] + [f"FUND-{n:02d}" for n in range(_FUNDS)]:
        chain = Instrument(
            "", Product.EQUITY_OPTION, name, 100.0, exercise="american", dividend_yield=0.013,
            volatility_factor="VOL:EQ",
        )  # fmt: skip
        yield from _chain(chain, linear[name], prices[name], _CHAIN_OF_A_STOCK)
    for number in range(_INDEXES):
        name = f"INDEX-{number:02d}"
        chain = Instrument(
            "", Product.INDEX_OPTION, name, 100.0, exercise="european", dividend_yield=0.013,
            volatility_factor="VOL:EQ",
        )  # fmt: skip
        yield from _chain(chain, linear[name], prices[name], _CHAIN_OF_AN_INDEX)
    for month in range(_FUTURES_WITH_OPTIONS):
        future = linear[f"ES-{month:02d}"]
        chain = Instrument(
            "", Product.FUTURE_OPTION, future.instrument_id, 50.0, exercise="american",
            combined_commodity="ES", contract_month=future.contract_month, volatility_factor="VOL:EQ",
        )  # fmt: skip
        yield from _chain(chain, future, prices[future.instrument_id], _CHAIN_OF_AN_INDEX)


def _chain(
    chain: Instrument, underlying: Instrument, price: float, distances: tuple[float, ...]
) -> Iterator[Instrument]:
    own_ns = underlying.expiry_ns  # an option on a future ends with it
    for expiry_ns in (own_ns,) if own_ns else tuple(NOW_NS + days * _DAY_NS for days in _EXPIRIES_DAYS):
        for distance in distances:
            for right in ("call", "put"):
                strike = round(price * (1.0 + distance), 2)
                days = (expiry_ns - NOW_NS) // _DAY_NS
                yield replace(
                    chain, instrument_id=f"{underlying.instrument_id}-{days}-{right[0].upper()}-{strike:g}",
                    expiry_ns=expiry_ns, strike=strike, right=right, risk_factor=underlying.risk_factor,
                    beta=underlying.beta, basis_factor=underlying.basis_factor,
                )  # fmt: skip


def _monthly_ns(month: int) -> int:
    return NOW_NS + (40 + 30 * month) * _DAY_NS


def _smile(options: list[Instrument], prices: dict[str, float]) -> NDArray[np.float64]:
    strike = np.array([option.strike for option in options])
    spot = np.array([prices[option.underlying] for option in options])
    moneyness = np.log(strike / spot)
    smile: NDArray[np.float64] = 0.25 * (1.0 - 0.6 * moneyness + 0.8 * moneyness**2)
    return np.round(smile, 6)


def _option_prices(
    options: list[Instrument], prices: dict[str, float], volatility: NDArray[np.float64], rate: float
) -> NDArray[np.float64]:
    expiry_ns = np.array([option.expiry_ns for option in options])
    points = option_prices_on_points(
        np.array([model_code(option) for option in options], np.int8),
        np.array([option.right == "call" for option in options]),
        np.array([[prices[option.underlying]] for option in options]),
        np.array([option.strike for option in options]),
        (expiry_ns - NOW_NS) / NANOSECONDS_PER_YEAR,
        np.full(len(options), rate),
        np.array([option.dividend_yield for option in options]),
        volatility[:, None],
    )
    return np.round(np.maximum(points[:, 0], 0.01), 4)
