"""Product families of a SPAN risk parameter file in XML: contracts with their risk arrays."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from xml.etree.ElementTree import Element as Node

from streams.replay.files import FileError
from streams.span.risk_parameters import SCENARIOS, CommodityRisk, FutureRisk, OptionRisk
from streams.span.xml_nodes import month_of, number_of, text_of

_RIGHTS: Final = {"C": "call", "P": "put"}


@dataclass(slots=True)
class _Future:
    contract: str  # of its family, what options name as their underlying
    risk: FutureRisk


@dataclass(slots=True)
class Family:
    """A product family; ``futures`` or ``options`` with the contract that each is on."""

    multiplier: float
    currency: str
    futures: list[_Future] = field(default_factory=list)
    options: list[tuple[str, OptionRisk]] = field(default_factory=list)
    volatility_scans: list[float] = field(default_factory=list)


def family_of(file: Path, node: Node) -> Family:
    family = Family(number_of(file, node, "cvf"), text_of(node, "currency"))
    for each in node.findall("fut"):
        losses = _losses(file, each)
        if losses is not None:
            family.futures.append(
                _Future(text_of(each, "cId"), FutureRisk(month_of(text_of(each, "pe")), losses))
            )
    for series in node.findall("series"):
        volatility = number_of(file, series, "v")
        scan = number_of(file, series, "scanRate/volScan")
        if volatility > 0.0:
            family.volatility_scans.append(scan / volatility)
        family.options += _options(file, series)
    return family


def _options(file: Path, series: Node) -> Iterator[tuple[str, OptionRisk]]:
    settled = text_of(series, "setlDate")
    expiry = f"{settled[:4]}-{settled[4:6]}-{settled[6:8]}" if len(settled) == 8 else ""
    under = text_of(series, "undC/cId")
    for option in series.findall("opt"):
        losses, right = _losses(file, option), _RIGHTS.get(text_of(option, "o"))
        if losses is not None and right is not None:
            delta = number_of(file, option, "ra/d", number_of(file, option, "d"))
            yield under, OptionRisk("", expiry, right, number_of(file, option, "k"), losses, delta)


def _losses(file: Path, contract: Node) -> list[float] | None:
    """None where the contract has no array."""
    array = contract.find("ra")
    if array is None:
        return None
    place = f"{contract.tag} {text_of(contract, 'cId')}/ra"
    texts = [each.text or "" for each in array.findall("a")]
    if len(texts) != SCENARIOS:
        raise FileError(file, place, f"has {len(texts)} values, not {SCENARIOS}", "correct the file")
    try:
        values = [float(text) for text in texts]
    except ValueError:
        values = [math.nan]
    if not all(map(math.isfinite, values)):
        raise FileError(file, place, "has a value that is not a number", "correct the file")
    return values


def join_families(commodity: CommodityRisk, families: list[Family]) -> None:
    """The commodity takes the contracts of its largest future family; options of the same size with it."""
    with_futures = [family for family in families if family.futures]
    standard = max(with_futures, key=lambda family: family.multiplier, default=None)
    if standard is None:
        return
    commodity.multiplier = standard.multiplier
    commodity.currency = standard.currency or commodity.currency
    commodity.futures = [future.risk for future in standard.futures]
    months = {future.contract: future.risk.month for future in standard.futures}
    for family in families:
        commodity.volatility_scans += family.volatility_scans
        if family.multiplier == standard.multiplier:
            for under, option in family.options:
                option.month = months.get(under, "")
                commodity.options.append(option)
