"""Policies that put swaps elsewhere, as they are published."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from streams.parameters import read_rulebooks, read_toml

RULEBOOKS = read_rulebooks()
SECURITY_BASED, UNCLEARED, CLEARED = "security_based_swaps", "uncleared_swaps", "cleared_swaps"
SWAPS = ("credit_default_swap", "equity_swap")


def with_swaps_in(homes: Mapping[str, tuple[str, str]], version: str = "moved") -> dict[str, Any]:
    """The packaged policy with swap products in other silos under other rulebooks.

    Args:
        homes: product -> (silo, rulebook_id).
    """
    policy = copy.deepcopy(read_toml("policy.toml"))
    policy["version"] = version
    for product, (silo, rulebook_id) in homes.items():
        policy["classification"][product] = silo
        policy["assignment"] = [a for a in policy["assignment"] if product not in a["products"]]
        policy["assignment"].append({"silo": silo, "products": [product], "rulebook": rulebook_id})
    return policy


def with_both_homes(homes: Mapping[str, str], version: str = "both") -> dict[str, Any]:
    """A policy that margins swaps in two silos, so that either may be booked; ``homes``: product -> its silo."""
    policy = with_swaps_in(dict.fromkeys(SWAPS, (UNCLEARED, "schedule-im")), version)
    policy["assignment"] += [
        {"silo": SECURITY_BASED, "products": ["credit_default_swap"], "rulebook": "sec-18a-3"},
        {"silo": SECURITY_BASED, "products": ["equity_swap"], "rulebook": "sec-18a-3-equity"},
    ]
    policy["classification"] |= homes
    return policy
