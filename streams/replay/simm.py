"""ISDA SIMM of a CRIF: every portfolio's margin as a document."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.base.errors import MarginError, Reason
from engine.rules.simm.book import Book
from engine.rules.simm.calibration import Calibration
from engine.rules.simm.margin import Margin, deciding, explain, margins_of
from engine.rules.simm.portfolio import COLLECT, POST, SIDES, Item
from engine.rules.simm.weights import Weights
from streams.parameters import packaged, read_toml
from streams.replay.crif_file import Crif, read_crif
from streams.replay.crif_rows import AGREEMENT, Agreement, Refused
from streams.replay.crif_tree import tree_of

FOLDER = "simm"
LATEST = "2.8+2512"


@dataclass(frozen=True, slots=True)
class Choice:
    """What the operator chose.

    Attributes:
        version, days: of the calibration. side: whose figure stands on top. currency: of all figures.
        usd_per_unit: FX rates. with_explanation: add the tree of the deciding regulation.
    """

    version: str
    days: int
    side: str
    currency: str
    calculation_currency: str
    usd_per_unit: Mapping[str, float]
    with_explanation: bool

    @property
    def units_per_usd(self) -> float:
        """Of the result currency.

        Raises:
            MarginError: BAD_PARAMETER without a rate for it.
        """
        if self.currency == "USD":
            return 1.0
        if self.currency not in self.usd_per_unit:
            detail = f"has no rate; give --fx {self.currency}=<USD for one {self.currency}>"
            raise MarginError(Reason.BAD_PARAMETER, f"result currency {self.currency}", detail)
        return 1.0 / self.usd_per_unit[self.currency]


def versions(folder: Path | None = None) -> list[str]:
    """Versions with a parameter file, packaged or in the folder."""
    packaged_files = [entry.name for entry in (packaged() / FOLDER).iterdir()]
    own = [path.name for path in (folder / FOLDER).glob("*.toml")] if folder else []
    return sorted({name.removesuffix(".toml") for name in [*packaged_files, *own] if name.endswith(".toml")})


def load_calibration(version: str, folder: Path | None = None) -> Calibration:
    """The calibration of a version.

    Raises:
        MarginError: UNKNOWN_RULEBOOK listing the versions; BAD_PARAMETER from its checks.
    """
    known = versions(folder)
    if version not in known:
        detail = f"has no parameter file; versions are {', '.join(known)}"
        raise MarginError(Reason.UNKNOWN_RULEBOOK, f"isda-simm version {version}", detail)
    return Calibration.from_mapping(read_toml(f"{FOLDER}/{version}.toml", folder))


def margin_crif(file: Path, choice: Choice, folder: Path | None) -> tuple[list[dict[str, Any]], Crif]:
    """Every portfolio's document, in order of appearance, and what was read.

    Raises:
        FileError: the file is no CRIF. MarginError: version, rate or parameter file.
    """
    calibration = load_calibration(choice.version, folder)
    units = choice.units_per_usd
    crif = read_crif(file, calibration, choice.usd_per_unit)
    weights = Weights(calibration, choice.days, choice.calculation_currency)
    book = Book(weights)
    return [
        _document(agreement, items, book, choice, units, crif.refused)
        for agreement, items in crif.agreements.items()
    ], crif


def _document(
    agreement: Agreement, items: list[Item], book: Book, choice: Choice, units: float, refused: list[Refused]
) -> dict[str, Any]:
    sides = {side: margins_of(items, side, book) for side in SIDES}
    decided = {side: deciding(margins) for side, margins in sides.items()}
    top = decided[choice.side]
    # A row without portfolio could belong to any.
    missing = [str(row) for row in refused if row.portfolio_id in ("", agreement[0])]
    other = POST if choice.side == COLLECT else COLLECT
    document = {
        "portfolio_id": agreement[0],
        **{name: value for name, value in zip(AGREEMENT, agreement[1:], strict=True) if value},
        "rulebook_id": book.weights.calibration.rulebook_id,
        "version": book.weights.calibration.version,
        "horizon": f"{choice.days}d",
        "currency": choice.currency,
        "calculation_currency": choice.calculation_currency,
        "side": choice.side,
        **_margin(top, units),
        f"{other}_total": _margin(decided[other], units)["total"],
        "regulations": [
            {"side": side, **_margin(margin, units)} for side, margins in sides.items() for margin in margins
        ],
        "complete": not missing,
        "refused_rows": missing,
    }
    if choice.with_explanation and top is not None:
        tree = explain(items, choice.side, top.regulation, book.weights)
        document["explanation"] = tree_of(tree, units)
    return document


def _margin(margin: Margin | None, units: float) -> dict[str, Any]:
    """A side that no regulation margins has nothing to exchange: 0."""
    if margin is None:
        return {"regulation": "", "total": 0.0, "product_classes": {}, "risk_classes": {}, "add_ons": {},
                "parts": [], "notionals_without_factor": []}  # fmt: skip
    return {
        "regulation": margin.regulation,
        "total": margin.total_usd * units,
        "product_classes": _converted(margin.simm_usd, units),
        "risk_classes": {name: _converted(types, units) for name, types in margin.split_usd().items()},
        "add_ons": _converted(margin.add_ons_usd, units),
        "parts": [
            {
                "product_class": line.product_class,
                "risk_class": line.risk_class,
                "margin_type": line.margin_type,
                "amount": line.amount_usd * units,
            }
            for line in margin.lines
        ],
        "notionals_without_factor": list(margin.uncharged),
    }


def _converted(amounts_usd: Mapping[str, float], units: float) -> dict[str, float]:
    return {name: amount * units for name, amount in amounts_usd.items()}
