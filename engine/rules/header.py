"""What the parameter file of every rulebook states at its top."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from engine.base.parameter_table import ParameterTable
from engine.market.instruments import Silo

# Where the definitions may put a swap on a security; which it is, the policy says.
SWAP_SILOS = (Silo.SECURITY_BASED_SWAPS, Silo.UNCLEARED_SWAPS, Silo.CLEARED_SWAPS)


def rulebook_table(
    mapping: Mapping[str, Any], name: str, silos: Collection[str], keys: Collection[str]
) -> ParameterTable:
    """The top table of a parameter file, its header checked.

    Args:
        mapping: the parsed file.
        name: names the rulebook in complaints as long as the file does not.
        silos: the silos that the rulebook may stand for.
        keys: the rulebook's own parameters at the top.

    Raises:
        MarginError: BAD_PARAMETER for a key that is not known, and for a missing or wrong rulebook_id, version,
            silo or currency.
    """
    table = ParameterTable(f"rulebook {mapping.get('rulebook_id') or name}", mapping)
    table.only("rulebook_id", "version", "silo", "currency", *keys)
    table.text("rulebook_id")
    table.text("version")
    table.text("silo", choices=silos)
    table.text("currency", choices=("USD",))
    return table
