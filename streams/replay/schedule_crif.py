"""Standardized initial margin of a CRIF: the swaps that its rows ``Notional`` and ``PV`` describe, by portfolio."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

from engine.market.premium_dates import started_months
from engine.rules.schedule_im_parameters import Parameters
from engine.rules.schedule_im_swaps import Swap, standardized
from engine.rules.simm.portfolio import COLLECT, POST, SIDES
from engine.rules.simm.sensitivity import Fault, by_spelling
from streams.parameters import read_rulebook
from streams.replay.crif_file import SCHEDULE
from streams.replay.crif_rows import AGREEMENT, Agreement, Row, Unreadable, agreement_of, amount_usd, rows_of
from streams.replay.crif_rows import Refused as RefusedRow
from streams.replay.crif_tree import tree_of

RULEBOOK: Final = "schedule-im"
_NOTIONAL: Final = "Notional"
_PV: Final = "PV"
_RISK_TYPES: Final = (_NOTIONAL, _PV)
_EPOCH: Final = date(1970, 1, 1)
_ISO, _DAY_FIRST = "%Y-%m-%d", "%d/%m/%Y"


@dataclass(frozen=True, slots=True)
class ScheduleChoice:
    """What the operator chose.

    Attributes:
        side: whose figure stands on top. as_of: the day of the calculation; None = each row's ValuationDate.
        day_first: dates are 23/08/2022. usd_per_unit: FX rates. with_explanation: add the tree.
    """

    side: str
    as_of: date | None
    day_first: bool
    usd_per_unit: Mapping[str, float]
    with_explanation: bool


@dataclass(slots=True)
class _Trade:
    """What the rows of one trade say so far."""

    place: str
    asset_class: str
    months: int
    amounts_usd: dict[str, float] = field(default_factory=dict)


@dataclass(slots=True)
class ScheduleCrif(Unreadable):
    """A read file.

    Attributes:
        trades: by netting agreement and trade id, in order of appearance.
        passed_over: rows of other models, each said in a line. without_value: trades without PV.
    """

    trades: dict[Agreement, dict[str, _Trade]] = field(default_factory=dict)
    passed_over: list[str] = field(default_factory=list)
    without_value: list[str] = field(default_factory=list)


def margin_schedule(
    file: Path, choice: ScheduleChoice, folder: Path | None
) -> tuple[list[dict[str, Any]], ScheduleCrif]:
    """Every portfolio's document, in order of appearance, and what was read.

    Raises:
        FileError: the file is no CRIF. MarginError: the parameter file.
    """
    parameters = Parameters.from_mapping(read_rulebook(RULEBOOK, folder))
    crif = ScheduleCrif()
    for place, row in rows_of(file, crif):
        _take(place, row, crif, parameters, choice)
    for agreement, trades in crif.trades.items():
        _check(agreement[0], trades, crif)
    return [
        _document(agreement, trades, parameters, choice, crif) for agreement, trades in crif.trades.items()
    ], crif


def _take(place: str, row: Row, crif: ScheduleCrif, parameters: Parameters, choice: ScheduleChoice) -> None:
    portfolio_id, trade_id = row.get("PortfolioID", ""), row.get("TradeID", "")
    model, kind = row.get("IMModel", ""), by_spelling(_RISK_TYPES).get(row.get("RiskType", "").casefold(), "")
    if portfolio_id and (model.casefold() != SCHEDULE.casefold() if model else not kind):
        why = f"IMModel {model}" if model else f"RiskType {row.get('RiskType', '')}"
        crif.passed_over.append(f"{place}: portfolio {portfolio_id}: {why} is not margined by the schedule")
        return
    faults: list[Fault] = []
    if not portfolio_id:
        faults.append(Fault("PortfolioID", "", "the name of the portfolio"))
    if not trade_id:
        faults.append(Fault("TradeID", "", "the name of the trade, the same for its Notional and its PV"))
    if not kind:
        faults.append(Fault("RiskType", row.get("RiskType", ""), "one of " + ", ".join(_RISK_TYPES)))
    classes = parameters.crif_classes
    known = by_spelling(tuple(classes)).get(row.get("ProductClass", "").casefold(), "")
    if not known:
        faults.append(Fault("ProductClass", row.get("ProductClass", ""), "one of " + ", ".join(classes)))
    months = _months(row, choice, faults)
    amount = amount_usd(row, {"USD": 1.0, **choice.usd_per_unit}, faults)
    trades = crif.trades.setdefault(agreement_of(row), {}) if portfolio_id else {}
    if not faults:
        trade = trades.setdefault(trade_id, _Trade(place, classes[known], months))
        if (trade.asset_class, trade.months) != (classes[known], months):
            faults.append(
                Fault("TradeID", trade_id, f"of one product class and end date, as in {trade.place}")
            )
        elif kind in trade.amounts_usd:
            faults.append(Fault("RiskType", kind, f"stated once for trade {trade_id}"))
        else:
            trade.amounts_usd[kind] = abs(amount) if kind == _NOTIONAL else amount
    if faults:
        crif.refused.append(RefusedRow(place, portfolio_id, tuple(faults)))


def _months(row: Row, choice: ScheduleChoice, faults: list[Fault]) -> int:
    """Started calendar months from the day of the calculation to the trade's end; 0 if it is over."""
    end = _date("EndDate", row, choice.day_first, faults)
    today = choice.as_of or _date("ValuationDate", row, choice.day_first, faults)
    if end is None or today is None:
        return 0
    return started_months((today - _EPOCH).days, (end - _EPOCH).days)


def _date(name: str, row: Row, day_first: bool, faults: list[Fault]) -> date | None:
    text = row.get(name, "")
    try:
        return datetime.strptime(f"{text} +0000", f"{_DAY_FIRST if day_first else _ISO} %z").date()
    except ValueError:
        form = "23/08/2022" if day_first else "2022-08-23, or 23/08/2022 with --day-first"
        instead = "; or give --as-of" if name == "ValuationDate" else ""
        faults.append(Fault(name, text, f"a date such as {form}{instead}"))
        return None


def _check(portfolio_id: str, trades: dict[str, _Trade], crif: ScheduleCrif) -> None:
    """A trade without notional is refused; one without PV is worth nothing, and that is said."""
    for trade_id, trade in list(trades.items()):
        if _NOTIONAL not in trade.amounts_usd:
            fault = Fault("RiskType", _PV, f"with a row {_NOTIONAL} of trade {trade_id} beside it")
            crif.refused.append(RefusedRow(trade.place, portfolio_id, (fault,)))
            del trades[trade_id]
        elif _PV not in trade.amounts_usd:
            crif.without_value.append(f"portfolio {portfolio_id}: trade {trade_id} has no row {_PV}")


def _document(
    agreement: Agreement,
    trades: Mapping[str, _Trade],
    parameters: Parameters,
    choice: ScheduleChoice,
    crif: ScheduleCrif,
) -> dict[str, Any]:
    # A row without portfolio could belong to any.
    missing = [str(row) for row in crif.refused if row.portfolio_id in ("", agreement[0])]
    other = POST if choice.side == COLLECT else COLLECT
    trees = {
        side: standardized(parameters, _swaps(trades, 1.0 if side == COLLECT else -1.0), {}) for side in SIDES
    }
    top = trees[choice.side]
    document: dict[str, Any] = {
        "portfolio_id": agreement[0],
        **{name: value for name, value in zip(AGREEMENT, agreement[1:], strict=True) if value},
        "rulebook_id": parameters.rulebook_id,
        "version": parameters.version,
        "currency": "USD",
        "side": choice.side,
        "total": top.amount_usd,
        f"{other}_total": trees[other].amount_usd,
        "gross_initial_margin": top.facts["gross_initial_margin_usd"],
        "gross_replacement_cost": top.facts["gross_replacement_cost_usd"],
        "net_replacement_cost": top.facts["net_replacement_cost_usd"],
        "net_to_gross": top.parts[1].facts["ratio"],
        "trades": len(trades),
        "complete": not missing,
        "refused_rows": missing,
    }
    if choice.with_explanation:
        document["explanation"] = tree_of(top, 1.0)
    return document


def _swaps(trades: Mapping[str, _Trade], sign: float) -> list[Swap]:
    """As the side sees them: what one side's swap is worth, it costs the other."""
    return [
        Swap(
            name,
            one.asset_class,
            one.months,
            one.amounts_usd[_NOTIONAL],
            sign * one.amounts_usd.get(_PV, 0.0),
        )
        for name, one in trades.items()
    ]
