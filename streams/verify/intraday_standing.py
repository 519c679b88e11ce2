"""Where an account stands under the intraday margin rule, as one of its events says it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from typing import Final

from streams.contracts.intraday import IntradayEventRecord
from streams.verify.intraday_rule import Rule

OUTSTANDING: Final = "outstanding"
_NOTHING: Final = Decimal("0.00")


@dataclass(slots=True)
class Deficit:
    """The deficit of one day. ``level`` and ``deposits`` are None where no event has said them.

    Attributes:
        counts: towards a practice. level: intraday margin level at the end of its day. deposits: net, since then.
        late: it was not satisfied promptly. frozen_until: last day of the freeze that it caused.
    """

    day: date
    amount: Decimal
    counts: bool
    level: Decimal | None = None
    deposits: Decimal | None = _NOTHING
    state: str = OUTSTANDING
    late: bool = False
    frozen_until: date | None = None
    extended_until: date | None = None

    @property
    def is_open(self) -> bool:
        """Whether its satisfaction still changes anything."""
        return self.state == OUTSTANDING or self.frozen_until is not None

    def matters(self, rule: Rule, day: date) -> bool:
        """Whether it may still bring something about on a day; others may be forgotten at any time."""
        return self.is_open or (self.counts and self.late and self.day >= day - rule.practice_days)


@dataclass(slots=True)
class Standing:
    """An account under the rule.

    Attributes:
        day: the business day under way, of which the next five tell; None where no event has said it.
        amount: its deficit so far. shortfall: highest margin less equity, None without a transaction that counts.
        equity: then. deposits: net, of the day. extraordinary: the firm found extraordinary circumstances.
        violations: transactions that the present freeze forbids. closed: the last business day closed.
    """

    day: date
    amount: Decimal = _NOTHING
    shortfall: Decimal | None = None
    equity: Decimal | None = _NOTHING
    deposits: Decimal | None = _NOTHING
    extraordinary: bool = False
    violations: int = 0
    closed: date | None = None
    deficits: list[Deficit] = field(default_factory=list)

    @property
    def is_notable(self) -> bool:
        """Whether a close could bring an event: then every close of a business day does."""
        return self.amount > 0 or any(deficit.is_open for deficit in self.deficits)

    @property
    def cause(self) -> Deficit | None:
        """The deficit behind the freeze that lasts longest, the first of several."""
        frozen = [deficit for deficit in self.deficits if deficit.frozen_until is not None]
        return max(frozen, key=lambda deficit: deficit.frozen_until or date.min, default=None)

    @property
    def is_frozen(self) -> bool:
        """On the day under way."""
        cause = self.cause
        return cause is not None and cause.frozen_until is not None and self.day <= cause.frozen_until

    def copy(self) -> Standing:
        """One that may be changed apart from this."""
        return replace(self, deficits=[replace(deficit) for deficit in self.deficits])

    def begin(self, day: date) -> None:
        """Another business day is under way."""
        self.day, self.amount, self.shortfall, self.equity = day, _NOTHING, None, _NOTHING
        self.deposits, self.extraordinary = _NOTHING, False
        self.violations = self.violations if self.is_frozen else 0


def standing_of(event: IntradayEventRecord) -> Standing:
    """What an event says of its account."""
    today = event.today
    return Standing(
        date.fromisoformat(today.business_date),
        max(today.shortfall or _NOTHING, _NOTHING),
        today.shortfall,
        today.equity,
        today.net_deposits,
        today.extraordinary,
        event.freeze_violations,
        day_or_none(event.closed_date),
        [
            Deficit(
                date.fromisoformat(each.business_date), each.amount, each.counts, each.level_at_close,
                each.net_deposits, each.state, each.late, day_or_none(each.frozen_until),
                day_or_none(each.extended_until),
            )
            for each in event.deficits
        ],
    )  # fmt: skip


def day_or_none(text: str | None) -> date | None:
    """A date where there is one."""
    return None if text is None else date.fromisoformat(text)


def plus(sum_so_far: Decimal | None, amount: Decimal | None) -> Decimal | None:
    """A sum, not known where a term is not."""
    return None if sum_so_far is None or amount is None else sum_so_far + amount
