"""Reference data that cannot be valued is refused by field and value."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from engine.base.errors import MarginError, Reason
from engine.market.instruments import Instrument, Product, check_instrument

SHARE = Instrument("S", Product.EQUITY)
CALL = Instrument("C", Product.EQUITY_OPTION, "S", expiry_ns=1, strike=1.0, right="call", exercise="american")
FUTURE = Instrument("F", Product.FUTURE, combined_commodity="ES", contract_month="2026-12")
PERPETUAL = Instrument("P", Product.PERPETUAL, "BTC", margin_schedule="venue:BTC")
NOTE = Instrument("N", Product.TREASURY, expiry_ns=1)
BOND = Instrument("B", Product.CORPORATE_BOND, expiry_ns=1, grade="other")
CONTRACT = Instrument("SF", Product.SECURITY_FUTURE, "S", expiry_ns=1)
PAIR = Instrument("BTC-USD", Product.CRYPTO_SPOT, "BTC")
EQUITY_SWAP = Instrument("ES", Product.EQUITY_SWAP, "S")
BASKET = Instrument("BS", Product.EQUITY_SWAP, components=(("A", 0.4), ("B", 0.6)))
SWAP = Instrument(
    "CDS", Product.CREDIT_DEFAULT_SWAP, expiry_ns=1, reference_entity="ACME", coupon=0.01, recovery_rate=0.4,
    negative_price_allowed=True,
)  # fmt: skip
EVENT = Instrument("E", Product.EVENT_CONTRACT, event="X", outcomes=("A", "B"), pays_on=("A",), payoff=1.0)


@pytest.mark.parametrize(
    "instrument",
    [SHARE, CALL, FUTURE, PERPETUAL, NOTE, BOND, CONTRACT, PAIR, EQUITY_SWAP, BASKET, SWAP, EVENT],
)
def test_what_can_be_valued_is_returned(instrument: Instrument) -> None:
    assert check_instrument(instrument) is instrument


@pytest.mark.parametrize(
    ("instrument", "change", "detail"),
    [
        (SHARE, {"instrument_id": ""}, "instrument_id is empty"),
        (SHARE, {"multiplier": 0.0}, "multiplier 0.0"),
        (SHARE, {"multiplier": float("inf")}, "multiplier inf"),
        (SHARE, {"currency": "EURO"}, "currency 'EURO'"),
        (SHARE, {"beta": float("nan")}, "beta nan"),
        (SHARE, {"leverage": 0.0}, "leverage 0.0"),
        (SHARE, {"index_class": "wide"}, "index_class 'wide'"),
        (CALL, {"deliverable": "100 shares"}, "deliverable '100 shares'"),
        (CALL, {"underlying": ""}, "an option needs an underlying"),
        (CALL, {"right": ""}, "right ''"),
        (CALL, {"exercise": "bermudan"}, "exercise 'bermudan'"),
        (CALL, {"strike": 0.0}, "strike 0.0"),
        (CALL, {"price_model": "normal"}, "normal model with american exercise"),
        (CALL, {"expiry_ns": 0}, "an option needs an expiry"),
        (FUTURE, {"combined_commodity": ""}, "combined_commodity"),
        (FUTURE, {"contract_month": ""}, "contract_month"),
        (PERPETUAL, {"margin_schedule": ""}, "margin_schedule"),
        (NOTE, {"expiry_ns": 0}, "a Treasury needs its maturity"),
        (NOTE, {"grade": "investment"}, "grade 'investment' is not empty"),
        (BOND, {"expiry_ns": 0}, "a corporate bond needs its maturity"),
        (BOND, {"grade": ""}, "grade '' is not investment or other"),
        (BOND, {"coupon": 0.3}, "coupon 0.3 is not in"),
        (CONTRACT, {"underlying": ""}, "a security future needs the security"),
        (CONTRACT, {"expiry_ns": 0}, "a security future needs its expiry"),
        (EQUITY_SWAP, {"underlying": ""}, "an equity swap needs the share"),
        (EQUITY_SWAP, {"components": (("A", 1.0),)}, "an equity swap needs the share"),
        (
            BASKET,
            {"components": (("A", 0.5), ("B", 0.6))},
            "the weights of the components add up to 1.1, not 1",
        ),
        (BASKET, {"components": (("A", 0.5), ("A", 0.5))}, "components name a share twice"),
        (BASKET, {"components": (("A", 1.5), ("B", -0.5))}, "component A: weight 1.5 is not in (0, 1]"),
        (BASKET, {"components": (("", 1.0),)}, "a component has no name"),
        (SHARE, {"components": (("A", 1.0),)}, "only an equity swap and a credit index swap have components"),
        (SWAP, {"reference_entity": ""}, "reference_entity"),
        (SWAP, {"expiry_ns": 0}, "a credit default swap needs its maturity"),
        (SWAP, {"coupon": 0.0}, "coupon 0.0"),
        (SWAP, {"coupon": float("nan")}, "coupon nan"),
        (SWAP, {"recovery_rate": 1.0}, "recovery_rate 1.0"),
        (SWAP, {"negative_price_allowed": False}, "negative_price_allowed"),
        (EVENT, {"event": ""}, "an event contract needs its event"),
        (EVENT, {"outcomes": ("A",)}, "outcomes ['A'] are not two or more different names"),
        (EVENT, {"outcomes": ("A", "B", "A")}, "are not two or more different names"),
        (EVENT, {"outcomes": ("A", "")}, "are not two or more different names"),
        (EVENT, {"pays_on": ()}, "pays_on [] is not some, but not all"),
        (EVENT, {"pays_on": ("A", "B")}, "pays_on ['A', 'B'] is not some, but not all"),
        (EVENT, {"pays_on": ("C",)}, "pays_on ['C'] is not some, but not all"),
        (EVENT, {"payoff": 0.0}, "payoff 0.0 is not a positive number"),
        (EVENT, {"payoff": float("nan")}, "payoff nan"),
    ],
)
def test_what_cannot_is_refused(instrument: Instrument, change: dict[str, Any], detail: str) -> None:
    with pytest.raises(MarginError) as refused:
        check_instrument(replace(instrument, **change))
    assert refused.value.reason is Reason.BAD_INSTRUMENT
    assert refused.value.thing == f"instrument {change.get('instrument_id', instrument.instrument_id)}"
    assert detail in refused.value.detail


def test_a_contract_adjusted_to_unknown_terms_is_refused_by_its_own_name() -> None:
    with pytest.raises(
        MarginError, match="instrument C: what it delivers after a corporate action"
    ) as refused:
        check_instrument(replace(CALL, deliverable="unknown"))
    assert refused.value.reason is Reason.UNKNOWN_DELIVERABLE
