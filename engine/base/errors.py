"""Named reasons for input that cannot be used, each with what the operator should do."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """Why a message or a figure could not be used; the value is a stable, public name."""

    MALFORMED = "MALFORMED"
    WRONG_TYPE = "WRONG_TYPE"
    NOT_FINITE = "NOT_FINITE"
    OUT_OF_RANGE = "OUT_OF_RANGE"
    NEGATIVE_PRICE = "NEGATIVE_PRICE"
    CROSSED_QUOTE = "CROSSED_QUOTE"
    KEY_MISMATCH = "KEY_MISMATCH"
    CLOCK_SKEW = "CLOCK_SKEW"
    UNKNOWN_ACCOUNT = "UNKNOWN_ACCOUNT"
    UNKNOWN_INSTRUMENT = "UNKNOWN_INSTRUMENT"
    UNKNOWN_RULEBOOK = "UNKNOWN_RULEBOOK"
    NO_RULEBOOK = "NO_RULEBOOK"
    BAD_INSTRUMENT = "BAD_INSTRUMENT"
    BAD_PARAMETER = "BAD_PARAMETER"
    NO_PRICE = "NO_PRICE"
    ZERO_PRICE = "ZERO_PRICE"
    EXPIRED = "EXPIRED"
    UNKNOWN_DELIVERABLE = "UNKNOWN_DELIVERABLE"
    PARKING_FULL = "PARKING_FULL"
    TRADE_MOVED = "TRADE_MOVED"
    IN_USE = "IN_USE"
    NOT_SEGREGATED = "NOT_SEGREGATED"
    UNKNOWN_CALL = "UNKNOWN_CALL"
    WRONG_CALL_STATE = "WRONG_CALL_STATE"

    @property
    def action(self) -> str:
        """What the operator should do about it."""
        return _ACTIONS[self]


_ACTIONS: dict[Reason, str] = {
    Reason.MALFORMED: "fix the producer: the value is not the JSON of the topic's schema; then replay the record",
    Reason.WRONG_TYPE: "fix the producer: a field has the wrong type or is missing; see the topic's schema",
    Reason.NOT_FINITE: "fix the producer: NaN and infinity are not numbers that can be margined",
    Reason.OUT_OF_RANGE: "check the value against the field's bounds in the topic's schema and send it again",
    Reason.NEGATIVE_PRICE: "if the product can trade below zero, set negative_price_allowed on the instrument",
    Reason.CROSSED_QUOTE: "the bid is above the ask; wait for the next quote or send a mark",
    Reason.KEY_MISMATCH: "the record's key is not the account or instrument of its value; fix the producer",
    Reason.CLOCK_SKEW: "the source time lies in the future; check the producer's clock",
    Reason.UNKNOWN_ACCOUNT: "publish the account to margin.accounts; the record is parked until then",
    Reason.UNKNOWN_INSTRUMENT: "publish the instrument to margin.instruments; the record is parked until then",
    Reason.UNKNOWN_RULEBOOK: "use one of the rulebook ids that the message lists",
    Reason.NO_RULEBOOK: "load a rulebook for this product and silo, or move the product in the classification",
    Reason.BAD_INSTRUMENT: "correct the instrument's reference data and publish it again",
    Reason.BAD_PARAMETER: "correct the parameter file; bounds stand beside each parameter",
    Reason.NO_PRICE: "publish a price for the instrument; until then the figure is marked incomplete",
    Reason.ZERO_PRICE: "give the price it trades at, a quoted volatility beside it, or set negative_price_allowed",
    Reason.EXPIRED: "book its exercise, assignment or settlement and take the position out, or correct the expiry",
    Reason.UNKNOWN_DELIVERABLE: "give the adjusted terms (multiplier, strike, underlying) and leave deliverable empty",
    Reason.PARKING_FULL: "publish the missing reference data, then replay the dead letters",
    Reason.IN_USE: "publish the record again; an account's start of day is taken back once it is closed and empty",
    Reason.NOT_SEGREGATED: "keep the asset where the silo's property is segregated, or list the location for the silo",
    Reason.UNKNOWN_CALL: "take the call_id of the account's newest event in margin.calls, or see marginmon calls list",
    Reason.WRONG_CALL_STATE: "see where the call stands (marginmon calls list); answer it as it is now, if at all",
    Reason.TRADE_MOVED: "a trade cannot change its account; cancel it and book a new one",
}


class MarginError(ValueError):
    """Bad input or parameters: names the reason, the thing and what is wrong with it.

    Attributes:
        reason: the public name.
        thing: what it is about, e.g. ``instrument SPY``.
        detail: what is wrong, with the offending value.
    """

    def __init__(self, reason: Reason, thing: str, detail: str) -> None:
        self.reason = reason
        self.thing = thing
        self.detail = detail
        super().__init__(f"{reason}: {thing}: {detail}; {reason.action}")
