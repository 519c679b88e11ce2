"""How an exchange tells accounts apart when it scales margin: speculators, hedgers, members."""

from __future__ import annotations

from collections.abc import Collection
from enum import IntEnum
from typing import Final

HEDGER_APPROVAL: Final = "hedger"
PORTFOLIO_MARGIN_APPROVAL: Final = "portfolio_margin"
_HOUSE_TYPES: Final = frozenset({"proprietary", "market_maker"})


class AccountClass(IntEnum):
    """Index of a class in columns of factors."""

    SPECULATOR = 0  # a customer without more
    HEDGER = 1  # a customer whose positions hedge a business
    MEMBER = 2  # the house and market makers


ACCOUNT_CLASSES: Final = tuple(each.name.lower() for each in AccountClass)


def account_class(account_type: str, approvals: Collection[str]) -> AccountClass:
    """Class of an account: a house account is a member's, a customer approved as hedger is one."""
    if account_type in _HOUSE_TYPES:
        return AccountClass.MEMBER
    return AccountClass.HEDGER if HEDGER_APPROVAL in approvals else AccountClass.SPECULATOR
