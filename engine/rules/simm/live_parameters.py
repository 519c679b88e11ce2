"""Parameters of ISDA SIMM on our own instruments: the calibration, buckets of issuers, sub-curves of rates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from engine.base.errors import MarginError, Reason
from engine.base.parameter_table import ParameterTable
from engine.market.instruments import Instrument, Product
from engine.rules.header import SWAP_SILOS, rulebook_table
from engine.rules.simm.calibration import HORIZONS, Calibration
from engine.rules.simm.vocabulary import SUB_CURVES
from engine.rules.simm.weights import Weights

CREDIT: Final = frozenset({Product.CREDIT_DEFAULT_SWAP, Product.CREDIT_INDEX_SWAP})
COVERED: Final = CREDIT | {Product.EQUITY_SWAP, Product.INTEREST_RATE_SWAP}
OIS: Final = SUB_CURVES[0]
_LISTED = "it is listed and its clearing house margins it"
_VENUE = "its venue margins it; of one between two parties send a CRIF"
_OUTRIGHT = "it is held outright, not an uncleared derivative"
_LEVEL = "it is a reference level, which nobody holds"
# Why each other product has no sensitivities here.
WHY_NOT: Final[Mapping[Product, str]] = {
    Product.EQUITY: _OUTRIGHT,
    Product.ETF: _OUTRIGHT,
    Product.TREASURY: _OUTRIGHT,
    Product.CORPORATE_BOND: _OUTRIGHT,
    Product.MUNICIPAL_BOND: _OUTRIGHT,
    Product.CRYPTO_SPOT: _OUTRIGHT,
    Product.STABLECOIN: _OUTRIGHT,
    Product.TOKENISED: _OUTRIGHT,
    Product.GOLD: _OUTRIGHT,
    Product.MONEY_MARKET_FUND: _OUTRIGHT,
    Product.INDEX: _LEVEL,
    Product.FX_RATE: _LEVEL,
    Product.PAR_RATE: _LEVEL,
    Product.EQUITY_OPTION: _LISTED,
    Product.INDEX_OPTION: _LISTED,
    Product.FUTURE: _LISTED,
    Product.FUTURE_OPTION: _LISTED,
    Product.SECURITY_FUTURE: _LISTED,
    Product.EVENT_CONTRACT: _LISTED,
    Product.PERPETUAL: _VENUE,
    Product.CRYPTO_FUTURE: _VENUE,
    Product.CRYPTO_OPTION: _VENUE,
    Product.REPO: "it is financing, not a swap",
}


@dataclass(frozen=True, slots=True)
class Buckets:
    """Bucket by name; ``indexes`` takes indexes and funds in no list, ``others`` every other name; none if empty."""

    path: str
    names: Mapping[str, str]
    others: str
    indexes: str

    def of(self, name: str, is_index: bool) -> str:
        """The bucket; empty if the name has none."""
        fallback = self.indexes if is_index and self.indexes else self.others
        return self.names.get(name, fallback)


@dataclass(frozen=True, slots=True)
class Parameters:
    """The dated content of the parameter file.

    Attributes:
        weights: calibration, horizon and calculation currency. credit, equity: buckets of issuers.
        sub_curves: what SIMM calls each interest rate curve.
    """

    rulebook_id: str
    version: str
    silo: str
    weights: Weights
    credit: Buckets
    equity: Buckets
    sub_curves: Mapping[str, str]

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> Parameters:
        """Read and check a parsed parameter file, whose ``calibration`` is the parsed calibration file.

        Raises:
            MarginError: BAD_PARAMETER naming the rulebook, the parameter's path and the offending value.
        """
        keys = (
            "horizon_days", "calculation_currency", "calibration", "credit_buckets", "equity_buckets", "sub_curves",
        )  # fmt: skip
        table = rulebook_table(mapping, "isda-simm", silos=SWAP_SILOS, keys=keys)
        table.table("calibration")
        calibration = Calibration.from_mapping(mapping["calibration"])
        if table.text("version") != calibration.version:
            raise table.bad(
                "version", f"{table.text('version')} is not the calibration's, {calibration.version}"
            )
        days = table.whole("horizon_days", min(HORIZONS), max(HORIZONS))
        if days not in HORIZONS:
            raise table.bad("horizon_days", f"{days} is not 10 or 1")
        sub_curves = table.table("sub_curves").table("names")
        return cls(
            rulebook_id=table.text("rulebook_id"),
            version=table.text("version"),
            silo=table.text("silo"),
            weights=Weights(calibration, days, table.text("calculation_currency")),
            credit=_buckets(table, "credit_buckets", calibration.named["credit_qualifying"].buckets),
            equity=_buckets(table, "equity_buckets", calibration.named["equity"].buckets),
            sub_curves={name: sub_curves.text(name, SUB_CURVES) for name in sub_curves.names()},
        )

    def bucket(self, instrument: Instrument, name: str) -> str:
        """Of an issuer that an equity or credit swap refers to; empty if it has none."""
        of_index = instrument.index_class or instrument.product is Product.CREDIT_INDEX_SWAP
        is_index = bool(of_index) and not instrument.components
        return self.buckets(instrument).of(name, is_index)

    def buckets(self, instrument: Instrument) -> Buckets:
        """The list that the instrument's issuers are looked up in."""
        return self.credit if instrument.product in CREDIT else self.equity

    def check(self, instrument: Instrument) -> None:
        """
        Raises:
            MarginError: NO_RULEBOOK for a product without sensitivities, with the reason; BAD_PARAMETER for an issuer
                without bucket or a curve without sub-curve.
        """
        thing = f"instrument {instrument.instrument_id} in silo {self.silo}"
        if instrument.product not in COVERED:
            covered = (
                f"{self.rulebook_id} covers {', '.join(sorted(COVERED))}, not {instrument.product.value}"
            )
            raise MarginError(Reason.NO_RULEBOOK, thing, f"{covered}: {WHY_NOT[instrument.product]}")
        if instrument.product is Product.INTEREST_RATE_SWAP:
            if instrument.underlying not in self.sub_curves:
                detail = (
                    f"{self.rulebook_id} has no sub-curve for {instrument.underlying} in sub_curves.names"
                )
                raise MarginError(Reason.BAD_PARAMETER, thing, detail)
            return
        for name, _ in issuers(instrument):
            if not self.bucket(instrument, name):
                detail = (
                    f"{self.rulebook_id} has no bucket for {name} in {self.buckets(instrument).path}.names"
                )
                raise MarginError(Reason.BAD_PARAMETER, thing, detail)


def issuers(instrument: Instrument) -> tuple[tuple[str, float], ...]:
    """Whose credit or shares a swap refers to, each with its part of the value; a basket or credit index by its
    components, a credit index whose record has none by itself.
    """
    of = instrument.reference_entity if instrument.product in CREDIT else instrument.underlying
    return instrument.components or ((of, 1.0),)


def _buckets(table: ParameterTable, key: str, choices: tuple[str, ...]) -> Buckets:
    inside = table.table(key)
    inside.only("others", "names", "indexes")
    names = inside.table("names")
    return Buckets(
        path=key,
        names={name: names.text(name, choices) for name in names.names()},
        others=inside.text("others", choices) if inside.has("others") else "",
        indexes=inside.text("indexes", choices) if inside.has("indexes") else "",
    )
