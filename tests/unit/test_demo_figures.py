"""Figures of the demo's table from metrics pages: sums over workers, rates, quantiles."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from streams.demo.figures import Samples, figures, quantile
from streams.demo.table import board, line

PAGE = """
marginmon_margin_requirement_usd{view="silo",silo="futures"} 30e6
marginmon_margin_requirement_usd{view="silo",silo="all"} 40e6
marginmon_margin_requirement_usd{view="unified",silo="all"} 10e6
marginmon_trapped_excess_usd 1e6
marginmon_deficit_usd{view="silo"} 2e6
marginmon_accounts{state="in_call"} 3
marginmon_accounts{state="clear"} 97
marginmon_accounts{state="incomplete"} 1
marginmon_margin_calls_open{scope="silo",state="issued"} 4
marginmon_margin_calls_open{scope="unified",state="issued"} 2
marginmon_input_messages_total{topic="prices",outcome="applied"} 100
marginmon_input_messages_total{topic="prices",outcome="superseded"} 300
marginmon_input_messages_total{topic="prices",outcome="rejected"} 7
marginmon_margin_calls_total{scope="silo",state="issued",reason="FIRST"} 10
marginmon_consumer_lag_messages{topic="trades",partition="0"} 5
marginmon_event_to_call_seconds_bucket{le="0.1"} 50
marginmon_event_to_call_seconds_bucket{le="0.2"} 100
marginmon_event_to_call_seconds_bucket{le="+Inf"} 100
"""


def test_workers_add_up_and_rates_follow_from_two_samples() -> None:
    before, now = Samples([PAGE], 0.0), Samples([PAGE, PAGE], 10.0)
    found = figures(now, before)
    assert found.silo_usd == 80e6
    assert found.unified_usd == 20e6
    assert found.gap_usd == 60e6
    assert found.calls[("silo", "issued")] == 8
    assert found.calls[("unified", "issued")] == 4
    assert found.prices_per_s == 40.0  # 400 more in 10 s; rejected ones do not count
    assert found.issued_per_s == 1.0
    assert found.lag_messages == 10
    assert found.latency_ms == pytest.approx((100.0, 198.0))
    assert "gap 60.00 m (75%)" in line(found)


def test_without_calls_in_the_window_there_is_no_latency() -> None:
    same = Samples([PAGE], 0.0)
    assert figures(Samples([PAGE], 5.0), same).latency_ms is None


@pytest.mark.parametrize(("share", "wanted"), [(0.5, 1.0), (0.25, 0.5), (0.75, 1.5), (0.99, 2.0), (1.0, 2.0)])
def test_quantiles_are_linear_within_a_bucket(share: float, wanted: float) -> None:
    assert quantile(share, {1.0: 50.0, 2.0: 100.0 - 1.0, float("inf"): 100.0}) == pytest.approx(
        wanted, abs=0.02
    )


def test_the_table_shows_the_gap_before_and_after_the_first_figures() -> None:
    for found, wanted in (
        (None, "waiting for the first figures"),
        (figures(Samples([PAGE], 5.0), Samples([PAGE], 0.0)), "30.00 m"),
    ):
        console = Console(file=io.StringIO(), width=100)
        console.print(board(found, "http://127.0.0.1:8080"))
        assert wanted in console.file.getvalue()  # type: ignore[attr-defined]
