"""Risk factors of the synthetic market: volatilities, loadings on class factors, correlations of the classes.

Rounded public stylised facts; no observed market data. The scenario set and the simulated prices share them,
so what the unified rulebook expects is what the demo's market does.
"""

from __future__ import annotations

import math
from typing import NamedTuple


class Factor(NamedTuple):
    """Loading on the class and standard deviation of one trading day (log move; absolute for ``ABSOLUTE``)."""

    risk_class: str
    loading: float
    daily: float


# Correlations between the class factors; pairs that are absent are 0.
CLASSES = ("equity", "equity_volatility", "rates", "gold", "oil", "currency", "crypto", "crypto_volatility")
CORRELATION = {
    ("equity", "equity_volatility"): -0.75,
    ("equity", "rates"): -0.20,
    ("equity", "oil"): 0.30,
    ("equity", "currency"): 0.20,
    ("equity", "crypto"): 0.40,
    ("equity", "crypto_volatility"): -0.25,
    ("equity_volatility", "rates"): 0.15,
    ("equity_volatility", "oil"): -0.20,
    ("equity_volatility", "crypto"): -0.30,
    ("equity_volatility", "crypto_volatility"): 0.30,
    ("rates", "gold"): 0.25,
    ("gold", "oil"): 0.15,
    ("gold", "currency"): 0.40,
    ("gold", "crypto"): 0.10,
    ("oil", "currency"): 0.15,
    ("crypto", "crypto_volatility"): -0.35,
}

# CMD:WTI in USD per barrel; all others are log moves that become relative ones.
FACTORS: dict[str, Factor] = {
    "EQ:SPX": Factor("equity", 0.99, 0.0110),
    "EQ:NDX": Factor("equity", 0.93, 0.0140),
    "EQ:AAPL": Factor("equity", 0.72, 0.0180),
    "EQ:MSFT": Factor("equity", 0.74, 0.0170),
    "EQ:IBM": Factor("equity", 0.62, 0.0140),
    "EQ:BAC": Factor("equity", 0.68, 0.0190),
    "EQ:AIG": Factor("equity", 0.62, 0.0190),
    "EQ:XOM": Factor("equity", 0.52, 0.0160),
    "VOL:EQ": Factor("equity_volatility", 1.00, 0.0600),
    "CMD:GOLD": Factor("gold", 1.00, 0.0095),
    "CMD:WTI": Factor("oil", 1.00, 1.6000),
    "PX:ZN": Factor("rates", 1.00, 0.0040),
    "FX:EURUSD": Factor("currency", 1.00, 0.0048),
    "CRYPTO:BTC": Factor("crypto", 0.96, 0.0300),
    "CRYPTO:ETH": Factor("crypto", 0.90, 0.0390),
    "CRYPTO:SOL": Factor("crypto", 0.82, 0.0530),
    "STABLE:USDC": Factor("crypto", 0.10, 0.0003),
    "BASIS:BTC_PERP": Factor("crypto", 0.25, 0.0010),
    "BASIS:BTC_FUT": Factor("crypto", 0.30, 0.0025),
    "BASIS:ETH_PERP": Factor("crypto", 0.25, 0.0013),
    "BASIS:ES": Factor("equity", 0.15, 0.0004),
    "VOL:CRYPTO": Factor("crypto_volatility", 1.00, 0.0500),
}
ABSOLUTE = "CMD:WTI"


def class_cholesky() -> list[list[float]]:
    """Lower triangle that turns independent draws into class factors with ``CORRELATION``."""
    size = len(CLASSES)
    target = [
        [1.0 if a == b else CORRELATION.get((a, b), CORRELATION.get((b, a), 0.0)) for b in CLASSES]
        for a in CLASSES
    ]
    lower = [[0.0] * size for _ in range(size)]
    for i in range(size):
        for j in range(i + 1):
            rest = target[i][j] - math.fsum(lower[i][k] * lower[j][k] for k in range(j))
            lower[i][j] = math.sqrt(rest) if i == j else rest / lower[j][j]
    return lower
