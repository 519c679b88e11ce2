"""The topic of intraday deficits of one account, told by the pure rule: looks, closes, answers, absent workers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from engine.base.business_days import date_text, day_of
from engine.rules.requirement import Part
from engine.shortfall.call_response import Refusal, Response, ResponseKind
from engine.shortfall.intraday_account import (
    FreezeViolation,
    IntradayAccount,
    IntradayEvent,
    deficit_id,
)
from engine.shortfall.intraday_deficit import NO_DEFICIT, deficit_at
from engine.shortfall.intraday_exception import grant
from engine.shortfall.intraday_parameters import IntradayRule
from engine.shortfall.intraday_standing import Seen, Standing, close, look
from engine.state.intraday_pass import IntradayMove
from streams.business_days import trading_days
from streams.outbound.intraday import intraday_event
from streams.verify.intraday import IntradayCheck
from streams.verify.intraday_rule import Rule
from streams.verify.report import Report
from tests.forged import Forged
from tests.intraday_oracle import parameter_table, parameters
from tests.intraday_story import NYSE

FIRST = "2026-06-29"


class IntradayTopic:
    """Account A, from Monday 2026-06-29; every look takes one more trade and one more movement of money.

    Attributes:
        records: of the topic. answers, trades: of theirs, by the offsets that the events name. refused: of answers.
        values: parameters other than the shipped ones.
    """

    def __init__(self, **values: Any) -> None:
        self.rule, self.values = IntradayRule(parameters(**values), _TRADING), values
        self.standing = Standing(IntradayAccount("A"), day_of(FIRST))
        self.records: list[Forged] = []
        self.answers: list[dict[str, Any]] = []
        self.refused: list[int] = []
        self.trades: list[dict[str, Any]] = []
        self._told: list[IntradayEvent] = []

    @property
    def today(self) -> str:
        return date_text(self.standing.day)

    def look(
        self,
        shortfall: float | None,
        money: float = 0.0,
        equity: float = 10_000.0,
        *,
        forbidden: bool = False,
    ) -> None:
        """A pass looks at a transaction; ``forbidden`` by the freeze, if there is one."""
        found = NO_DEFICIT
        if shortfall is not None:
            found = deficit_at(Part("worst", shortfall, facts={"decided_by": "purchase"}), equity)
        offset = len(self.trades)
        self.trades.append(
            {"trade_id": f"t{offset}", "version": 1, "account_id": "A", "instrument_id": "SPY", "quantity": 10.0,
             "price": 100.0, "business_date": self.today, "trade_time_ns": offset}
        )  # fmt: skip
        violation = FreezeViolation("purchase", "SPY", 10.0, True, offset, offset, 0.0, 1_000.0)
        violations = (violation,) if forbidden and self.standing.is_frozen() else ()
        standing, events = look(self.standing, found, [money], NYSE, self.rule.parameters, violations)
        self.standing = replace(standing, seen=Seen(offset, offset))
        self._told += events

    def close(self, level: float) -> None:
        """The day is closed."""
        self.standing, events = close(
            self.standing, level, NYSE.after(self.standing.day, 1), NYSE, self.rule.parameters
        )
        self._told += events

    def roll(self, days: int) -> None:
        """So many days pass; nothing is to be told of them."""
        assert not self.standing.is_notable
        self.standing = replace(
            self.standing, day=NYSE.after(self.standing.day, days), worst=None, net_deposits_usd=0.0
        )

    def published(self, response: Response | None = None) -> None:
        """The pass is over: all of its events leave one standing."""
        for event in self._told:
            move = IntradayMove(event, self.standing, 0, self.standing.day, stale=False, response=response)
            body = intraday_event(move).model_dump_json().encode()
            self.records.append(Forged("intraday-deficits", 0, len(self.records), 0, b"A", body))
        self._told = []

    def answer(self, kind: str, day: str, until: str = "") -> bool:
        """An operator answers; whether it was granted."""
        named, offset = deficit_id("A", day_of(day)), len(self.answers)
        said = {
            "response_id": f"r{offset}", "account_id": "A", "call_id": named, "kind": kind, "operator": "desk1",
            "time_ns": 1, "text": "why", "until": until or None,
        }  # fmt: skip
        self.answers.append(said)
        response = Response(
            said["response_id"], "A", named, ResponseKind(kind), "desk1", 1, "why", 0, offset,
            day_of(until) if until else -1,
        )  # fmt: skip
        granted = grant(self.standing, response, self.rule)
        if granted is None or isinstance(granted, Refusal):
            self.refused.append(offset)
            return False
        self.standing, self._told = granted[0], list(granted[1])
        self.published(response)
        return True

    def deficit_days(self) -> Sequence[str]:
        """Days of deficits that an answer may name."""
        return [*(date_text(each.day) for each in self.standing.account.deficits), self.today]


_TRADING = trading_days(NYSE, parameters().day_end, "America/New_York")


def verified(topic: IntradayTopic, now_ms: int = 0, statements: Sequence[dict[str, Any]] = ()) -> Report:
    """What the verifier makes of the topic, of which nothing since ``now_ms`` can have been compacted away."""
    report = Report()
    activity = {"trades": _sent("trades", topic.trades), "collateral": []}
    ends = {("trades", 0): len(topic.trades) - 1, ("collateral", 0): len(topic.trades) - 1}
    check = IntradayCheck(Rule(parameter_table(**topic.values)), 1, now_ms, ends, report)
    for record in topic.records:
        check.take(record)
    check.end()
    refused = {(0, offset) for offset in topic.refused}
    check.exceptions.check(_sent("call-responses", topic.answers), refused, settled=True)
    check.violations.check(activity)
    for statement in statements:
        check.check_statement(statement)
    return report


def _sent(name: str, bodies: list[dict[str, Any]]) -> list[Forged]:
    values = (json.dumps(body).encode() for body in bodies)
    return [Forged(name, 0, offset, 0, b"A", value) for offset, value in enumerate(values)]
