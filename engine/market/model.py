"""Which pricing model values an instrument."""

from __future__ import annotations

from engine.market import pricing
from engine.market.instruments import Instrument, Product


def model_code(instrument: Instrument) -> int:
    """Model constant of :mod:`engine.market.pricing`; linear for everything that is no option."""
    if not instrument.is_option:
        return int(pricing.MODEL_LINEAR)
    if instrument.price_model == "normal":
        return int(pricing.MODEL_BACHELIER_EUROPEAN)
    american = instrument.exercise == "american"
    if instrument.product in {Product.FUTURE_OPTION, Product.CRYPTO_OPTION}:  # on a forward, without carry
        return int(pricing.MODEL_BLACK_FUTURE_AMERICAN if american else pricing.MODEL_BLACK_FUTURE_EUROPEAN)
    return int(pricing.MODEL_BLACK_SPOT_AMERICAN if american else pricing.MODEL_BLACK_SPOT_EUROPEAN)
