"""What a frozen account does all the same, and how a burst of transactions is shared out among passes."""

from __future__ import annotations

import numpy as np
import pytest

from engine.state.intraday_pass import IntradayMove
from streams.outbound.intraday import intraday_event, standing_of
from tests.engine_book import MARKS
from tests.intraday_firm import Cash, Firm, Trade, reasons

BUY = Trade("t1", "AAPL", 225.0, 200.0)
SELL = Trade("t2", "AAPL", -225.0, 200.0)
Found = tuple[str, str, float, float]


def frozen(held: dict[str, float] | None = None, cash_usd: float = 10_000.0) -> Firm:
    """Frozen after a purchase beyond its equity, which is sold again."""
    firm = Firm(cash_usd, held, practice_failures=1)
    firm.send(BUY, SELL)
    firm.run()
    for _ in range(10):
        firm.next_day()
    assert firm.standing.is_frozen()
    return firm


def found_in(moves: list[IntradayMove]) -> list[Found]:
    """kind, instrument, short and debit increase of what the freeze forbids."""
    found = [each for move in moves for each in move.event.violations]
    assert ("FREEZE_VIOLATION" in reasons(moves)) == bool(found)
    return [(v.kind, v.instrument_id, v.short_increase_usd, v.debit_increase_usd) for v in found]


@pytest.mark.parametrize(
    ("entry", "found"),
    [
        (Trade("s", "AAPL", -10.0, 200.0), [("short_sale", "AAPL", 2_000.0, 0.0)]),
        (
            Trade("w", "AAPL-C", -1.0, MARKS["AAPL-C"]),
            [("option_written", "AAPL-C", MARKS["AAPL-C"] * 100, 0.0)],
        ),
        (Trade("f", "AAPL-F", -1.0, MARKS["AAPL-F"]), [("short_sale", "AAPL-F", MARKS["AAPL-F"] * 100, 0.0)]),
        (Trade("p", "AAPL", 60.0, 200.0), [("purchase", "AAPL", 0.0, 2_000.0)]),  # 2,000 of it on credit
        (Cash("c", -10_500.0), [("withdrawal", "", 0.0, 500.0)]),
        (Trade("p", "AAPL", 50.0, 200.0), []),  # paid in full
        (Trade("f", "AAPL-F", 1.0, MARKS["AAPL-F"]), []),  # a long contract lends nothing
        (Cash("c", -10_000.0), []),
        (Cash("c", 500.0), []),
    ],
)
def test_what_a_freeze_forbids(entry: Trade | Cash, found: list[Found]) -> None:
    firm = frozen()
    firm.send(entry)
    assert found_in(firm.run()) == found


def test_proceeds_of_a_short_sale_buy_nothing() -> None:
    firm = frozen({"SPY": -10.0}, 6_000.0 + 2_000.0)
    firm.send(Trade("p", "AAPL", 20.0, 200.0))  # own money: 8,000 less 10 SPY short
    own = 8_000.0 - 10 * MARKS["SPY"]
    assert found_in(firm.run()) == [("purchase", "AAPL", 0.0, 4_000.0 - max(own, 0.0))]


def test_buying_back_what_is_short_is_allowed_even_at_a_loss() -> None:
    firm = frozen({"SPY": -10.0}, 6_000.0 + 2_000.0)
    firm.send(Trade("b", "SPY", 10.0, MARKS["SPY"] + 50.0))
    assert found_in(firm.run()) == []


def test_each_transaction_is_judged_after_those_before_it() -> None:
    firm = frozen()
    firm.send(
        Trade("p", "AAPL", 50.0, 200.0), Trade("s", "AAPL", -60.0, 200.0), Trade("b", "AAPL", 10.0, 200.0)
    )
    assert found_in(firm.run()) == [("short_sale", "AAPL", 2_000.0, 0.0)]


def test_the_event_tells_of_the_deficit_behind_the_freeze_and_the_standing_counts() -> None:
    firm = frozen()
    (cause,) = firm.standing.account.deficits
    firm.send(Trade("s", "AAPL", -10.0, 200.0))
    *_, move = firm.run()
    record = intraday_event(move)
    assert (record.reason, record.amount, record.freeze_violations) == (
        "FREEZE_VIOLATION",
        cause.amount_usd,
        1,
    )
    assert record.violations[0].topic == "trades"
    assert standing_of(record) == firm.standing
    firm.restart()
    assert firm.run() == []  # not told again
    firm.send(Trade("s2", "AAPL", -10.0, 200.0))
    firm.run()
    figures = firm.engine.statement("A", firm.now_ns).intraday
    assert figures is not None
    assert figures.freeze_violations == 2


def test_without_a_freeze_nothing_is_told_and_its_end_ends_the_count() -> None:
    firm = Firm(10_000.0)
    firm.send(Trade("s", "AAPL", -10.0, 200.0))
    assert found_in(firm.run()) == []
    firm = frozen()
    firm.send(Trade("s", "AAPL", -1.0, 200.0), Cash("c", 1_250.0))  # which satisfies the deficit
    firm.run()
    assert firm.standing.violations == 1
    assert "FREEZE_LIFTED" in reasons(firm.next_day())
    assert firm.standing.violations == 0


# ---------------------------------------------------------------- a burst


def burst(seed: int) -> list[Trade | Cash]:
    """Purchases, sales and movements of cash in random order."""
    random = np.random.default_rng(seed)
    entries: list[Trade | Cash] = []
    for number in range(40):
        if random.random() < 0.25:
            entries.append(Cash(f"c{number}", float(random.integers(-4_000, 4_000))))
        else:
            name = str(random.choice(["AAPL", "SPY"]))
            entries.append(Trade(f"t{number}", name, float(random.integers(-60, 61)) or 1.0, MARKS[name]))
    return entries


def in_passes(firm: Firm, most: int, together: int = 0) -> int:
    """Passes until nothing is put off, each of so many looks and those that stay together; how many they were."""
    for passes in range(1, 100):
        accounts, _ = firm.engine.evaluate_moves(firm.now_ns)
        before = len(firm.engine.intraday.noted(0))
        firm.events += firm.engine.intraday_moves(accounts, firm.now_ns, most)
        assert before - len(firm.engine.intraday.noted(0)) <= most + together
        if not firm.engine.intraday.behind:
            return passes
    raise AssertionError("it never ends")


@pytest.mark.parametrize("most", [1, 7, 39])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_passes_of_few_looks_find_what_one_pass_finds(seed: int, most: int) -> None:
    whole, shared = Firm(20_000.0), Firm(20_000.0)
    for firm in (whole, shared):
        firm.send(*burst(seed))
    whole.run()
    assert in_passes(shared, most) == -(-40 // most)
    assert shared.standing.worst == whole.standing.worst
    assert shared.standing.net_deposits_usd == whole.standing.net_deposits_usd
    assert shared.standing.seen == whole.standing.seen


def test_a_restart_between_two_passes_of_a_burst_looks_at_the_rest_only() -> None:
    whole, killed = Firm(20_000.0), Firm(20_000.0)
    for firm in (whole, killed):
        firm.send(*burst(4))
    whole.run()
    accounts, _ = killed.engine.evaluate_moves(killed.now_ns)
    killed.events += killed.engine.intraday_moves(accounts, killed.now_ns, 11)
    killed.restart()
    assert len(killed.engine.intraday.noted(0)) == 29
    killed.run()
    assert killed.standing.worst == whole.standing.worst
    assert killed.standing.net_deposits_usd == whole.standing.net_deposits_usd


def test_no_day_is_closed_before_its_transactions_were_looked_at() -> None:
    firm = Firm(10_000.0)
    firm.send(*(Trade(f"t{n}", "AAPL", 10.0, 200.0) for n in range(30)))  # 30 x 500 to be maintained
    firm.now_ns += 24 * 3600 * 10**9
    firm.price({})
    assert in_passes(firm, 8) == 4
    occurred = [move.event for move in firm.events if move.event.reason.value == "OCCURRED"]
    assert [event.amount_usd for event in occurred] == [5_000.0]


def test_transactions_of_one_time_are_looked_at_together() -> None:
    firm = Firm(10_000.0)
    firm.send_at_once(Trade("t1", "AAPL", 30.0, 200.0), Trade("t2", "AAPL", -30.0, 200.0))
    accounts, _ = firm.engine.evaluate_moves(firm.now_ns)
    firm.engine.intraday_moves(accounts, firm.now_ns, 1)
    assert firm.engine.intraday.behind == 0
    assert firm.standing.worst is not None
    assert firm.standing.worst.decided_by == "short_sale"


def test_many_of_one_time_are_gone_through_as_the_log_has_them() -> None:
    whole, shared = Firm(10_000.0), Firm(10_000.0)
    for firm in (whole, shared):
        firm.send_at_once(*(Trade(f"t{n}", "AAPL", 30.0 * (-1) ** n, 200.0) for n in range(20)))
    whole.run()
    assert in_passes(shared, 5, together=5) == 3  # the last ten at once: five alone would be few
    for firm in (whole, shared):
        assert firm.standing.worst is not None
        assert firm.standing.worst.decided_by == "purchase"  # in any order a sale could be the first
    assert shared.standing.worst == whole.standing.worst
