"""SPAN risk parameter files in XML (PC-SPAN, file format 4.00), read as a stream.

Elements: ``ccDef`` combined commodity, ``pfLink`` its product families, ``futPf`` and ``oofPf`` families with contracts
and risk arrays ``ra`` (16 values ``a``, losses of one long contract positive, composite delta ``d``), ``dSpread``
delta-based spreads with tier or period legs, ``spotRate`` delivery charges, ``somTiers`` short option minimum,
``adjRate`` factors by rate, ``pbRateDef`` whose rate that is, ``pointDef`` scenarios.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final
from xml.etree import ElementTree
from xml.etree.ElementTree import Element as Node

from streams.replay.files import FileError
from streams.span.risk_parameters import CommodityRisk, RiskParameters, Spread
from streams.span.xml_families import Family, family_of, join_families
from streams.span.xml_nodes import date_of, month_of, number_of, text_of

_CLASSES: Final = {"S": "speculator", "N": "speculator", "H": "hedger", "M": "member"}
_SPREAD_GROUPS: Final = ("interSpreads", "superSpreads")
_FAMILIES: Final = ("futPf", "oofPf")
_PF_TYPES: Final = {"futPf": "FUT", "oofPf": "OOF"}
_WHOLE: Final = {"ccDef", "pbRateDef", "pointDef", *_SPREAD_GROUPS, *_FAMILIES}


def read_xml(file: Path) -> RiskParameters:
    """Read a file.

    Raises:
        FileError: it is no such XML; a number that is none, by its element.
    """
    families: dict[tuple[str, str], Family] = {}
    links: dict[str, list[tuple[str, str]]] = {}
    rates: dict[str, tuple[str, bool]] = {}
    adjustments: dict[str, dict[str, float]] = {}
    risk = RiskParameters(source=f"SPAN file {file.name}", date="")
    for node in _nodes(file):
        if node.tag == "date" and not risk.date:
            risk.date = date_of(file, node)
        elif node.tag == "pbRateDef":
            if text_of(node, "isCust") == "1" and text_of(node, "pbc") in {"", "CORE"}:
                rates[text_of(node, "r")] = (text_of(node, "acctType"), text_of(node, "isM") == "1")
        elif node.tag == "pointDef":
            risk.scan |= _scan(file, node)
        elif node.tag == "ccDef":
            name = text_of(node, "cc")
            risk.commodities[name] = _commodity(file, node, name)
            links[name] = [
                (text_of(link, "pfType"), text_of(link, "pfId")) for link in node.findall("pfLink")
            ]
            adjustments[name] = _adjustments(file, node)
        elif node.tag in _FAMILIES:
            families[_PF_TYPES[node.tag], text_of(node, "pfId")] = family_of(file, node)
        elif node.tag in _SPREAD_GROUPS:
            spreads = [_spread(file, each, credit=True) for each in node.findall("dSpread")]
            others = [each for each in node if each.tag in {"sSpread", "hSpread"}]
            spreads += [
                Spread(int(number_of(file, each, "spread")), [], 0.0, "is scanning-based") for each in others
            ]
            (risk.inter_commodity if node.tag == "interSpreads" else risk.super_inter_commodity).extend(
                spreads
            )
    if not risk.date or not risk.commodities:
        raise FileError(file, "", "has no date or no ccDef", "is it a SPAN risk parameter file in XML?")
    for name, commodity in risk.commodities.items():
        join_families(commodity, [families[link] for link in links[name] if link in families])
        commodity.factors = _factors(file, adjustments[name], rates)
    return risk


def _nodes(file: Path) -> Iterator[Node]:
    """The elements that are read as a whole, each gone after its turn, and every ``date``."""
    inside = 0
    try:
        # The user's own file; the parser itself bounds the expansion of entities.
        for event, node in ElementTree.iterparse(file, ("start", "end")):  # noqa: S314
            if event == "start":
                inside += node.tag in _WHOLE
                continue
            if node.tag in _WHOLE:
                inside -= 1
            if inside == 0:
                if node.tag in _WHOLE or node.tag == "date":
                    yield node
                if node.tag in _WHOLE:
                    node.clear()
    except (ElementTree.ParseError, ValueError, LookupError) as error:  # the last two: its encoding
        raise FileError(file, "", f"is not XML: {error}", "unpack it, or copy it again") from None
    except OSError as error:
        raise FileError(file, "", f"cannot be read: {error.strerror}", "check the path") from None


def _scan(file: Path, node: Node) -> dict[str, object]:
    """Extreme multiple and cover of scenario 15; delta weights at 0, 1/3, 2/3 and 3/3 of the range."""
    scan: dict[str, object] = {}
    for point in node.findall("scanPointDef"):
        if text_of(point, "point") == "15":
            scan["extreme_move_multiple"] = abs(_fraction(file, point))
            scan["extreme_cover_fraction"] = number_of(file, point, "weight", 1.0)
    weights = {
        round(3.0 * abs(_fraction(file, point))): number_of(file, point, "weight")
        for point in node.findall("deltaPointDef")
    }
    if set(weights) == {0, 1, 2, 3}:
        scan["delta_weights"] = [weights[thirds] for thirds in range(4)]
    return scan


def _fraction(file: Path, point: Node) -> float:
    numerator = number_of(file, point, "priceScanDef/numerator")
    denominator = number_of(file, point, "priceScanDef/denominator", 1.0)
    if denominator == 0.0:
        raise FileError(file, f"{point.tag}/priceScanDef/denominator", "is zero", "correct the file")
    return numerator / denominator


def _commodity(file: Path, node: Node, name: str) -> CommodityRisk:
    commodity = CommodityRisk(name, currency=text_of(node, "currency") or "USD")
    if number_of(file, node, "riskExponent") != 0.0:
        commodity.problem = f"risk exponent {text_of(node, 'riskExponent')} is not supported"
    minimums = [number_of(file, tier, "rate/val") for tier in node.findall("somTiers/tier")]
    commodity.short_option_minimum = max(minimums, default=0.0)
    commodity.short_options_counted = "greater" if text_of(node, "somMeth") == "MAX" else "sum"
    commodity.tiers = [
        (int(number_of(file, tier, "tn")), month_of(text_of(tier, "sPe")), month_of(text_of(tier, "ePe")))
        for tier in node.findall("intraTiers/tier")
        if text_of(tier, "sPe")
    ]
    commodity.inter_month = [_spread(file, each, credit=False) for each in node.findall("dSpread")]
    commodity.delivery = [
        (month_of(text_of(each, "pe")), number_of(file, each, "sprd"), number_of(file, each, "outr"))
        for each in node.findall("spotRate")
    ]
    return commodity


def _spread(file: Path, node: Node, *, credit: bool) -> Spread:
    """``credit``: between commodities, whose rate is a fraction of the price risk (above 1: percent)."""
    rate = number_of(file, node, "rate/val")
    method = text_of(node, "chargeMeth")
    flat = method in {"", "F"}
    problem = ""
    if credit and method == "F":
        problem = "has a flat credit"
    elif not credit and not flat:
        problem = f"charge method {method} is not supported"
    legs: list[tuple[str, int, str, str, float, float | None]] = []
    for leg in node:
        if leg.tag == "tLeg":
            tier = int(number_of(file, leg, "tn"))
            legs.append(
                (text_of(leg, "cc"), tier, "", text_of(leg, "rs"), number_of(file, leg, "i", 1.0), None)
            )
        elif leg.tag == "pLeg":
            month = month_of(text_of(leg, "pe"))
            legs.append(
                (text_of(leg, "cc"), 0, month, text_of(leg, "rs"), number_of(file, leg, "i", 1.0), None)
            )
    amount = rate / 100.0 if credit and rate > 1.0 else rate
    return Spread(int(number_of(file, node, "spread")), legs, amount, problem)


def _adjustments(file: Path, node: Node) -> dict[str, float]:
    """Factor by rate: its value times that of the rate that it is based on."""
    stated = {
        text_of(each, "r"): (number_of(file, each, "val", 1.0), text_of(each, "baseR"))
        for each in node.findall("adjRate")
    }
    factors = {}
    for rate, (value, base) in stated.items():
        based = stated[base][0] if base in stated and base != rate else 1.0
        factors[rate] = value * based
    return factors


def _factors(
    file: Path, adjustments: dict[str, float], rates: dict[str, tuple[str, bool]]
) -> dict[str, tuple[float, float]]:
    """Risk factor (maintenance) and initial / maintenance of each account class."""
    by_class: dict[str, dict[bool, float]] = {}
    for rate, (account, maintenance) in rates.items():
        if account in _CLASSES and rate in adjustments:
            if adjustments[rate] == 0.0:
                raise FileError(file, f"adjRate {rate}", "is zero", "correct the file")
            by_class.setdefault(_CLASSES[account], {})[maintenance] = adjustments[rate]
    return {
        name: (factors.get(True, 1.0), max(factors.get(False, 1.0) / factors.get(True, 1.0), 1.0))
        for name, factors in by_class.items()
    }
