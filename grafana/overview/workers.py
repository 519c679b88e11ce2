"""Row "Workers": who owns what, how busy they are, and whether their figures can be trusted."""

from __future__ import annotations

from grafana.conventions import about, at_least, increase, quantile, rate, rising, series
from grafana.panels import Frame, Panel, Query, figure, lines

# The bound of the shadow check and of the alert MarginEngineDrift.
DRIFT_LIMIT_USD = 0.01


def panels() -> list[Panel]:
    """Presence, work, publishing, correctness."""
    return [
        _live(), _versions(), _owned(),
        _evaluation_time(), _evaluations(), _restore(), _progress(),
        _commit(), _incidents(), _shadow_error(), _shadow_checks(),
    ]  # fmt: skip


def _live() -> Panel:
    text = about(
        "workers that have restored their accounts and follow the input.",
        "NONE, or fewer than were started.",
        "runbooks MarginWorkerDown and MarginWorkerNotLive.",
    )
    query = Query(f"sum({series('live')})", "Live workers")
    frame = Frame("Live workers", text, "short", span=4, height=7)
    return figure(frame, query, levels=at_least(1), texts={"0": ("NONE", "breach")}, decimals=0)


def _versions() -> Panel:
    text = about(
        "how many workers run which version.",
        "more than one version outside a roll-out.",
        "finish or undo the roll-out.",
    )
    query = Query(f"count by (version) ({series('build_info')})", "{{version}}")
    return figure(Frame("Versions", text, "short", span=4, height=7), query, decimals=0)


def _owned() -> Panel:
    text = about(
        "partitions (sets of accounts) that each worker owns, stacked.",
        "a stack below the partition count: some accounts are watched by nobody.",
        "runbook MarginPartitionsUnowned.",
    )
    query = Query(f"sum by (instance) ({series('partitions_owned')})", "{{instance}}")
    return lines(Frame("Partitions owned", text, "short", span=16, height=7), query, stacked=True)


def _evaluation_time() -> Panel:
    text = about(
        "duration of an evaluation pass, and how late the event loop runs what is due, by worker.",
        "p99 far above 50 ms: calls come late; a late loop delays publishing and heartbeats.",
        "fewer accounts per worker (add one), or find what touches so many accounts at once.",
    )
    half = Query(quantile(0.5, "evaluation_duration_seconds", by="instance"), "{{instance}} p50")
    worst = Query(quantile(0.99, "evaluation_duration_seconds", by="instance"), "{{instance}} p99")
    late = Query(quantile(0.99, "event_loop_lag_seconds", by="instance"), "{{instance}} loop p99")
    return lines(Frame("Evaluation time", text, "s", span=6, height=8), half, worst, late)


def _evaluations() -> Panel:
    text = about(
        "evaluation passes, evaluated accounts, and messages replayed while restoring, per second.",
        "zero while input is applied: the worker is stuck.",
        "check liveness and the worker's log, then restart it; it restores from the log.",
    )
    passes = Query(f"sum({rate('evaluations_total')})", "Passes")
    accounts = Query(f"sum({rate('accounts_evaluated_total')})", "Accounts")
    replayed = Query(f"sum({rate('restored_messages_total')})", "Messages replayed")
    frame = Frame("Evaluations and replay", text, "ops", span=6, height=8)
    return lines(frame, passes, accounts, replayed)


def _restore() -> Panel:
    text = about(
        "time to take over partitions (99th percentile), from a checkpoint or by replay; age of the oldest checkpoint.",
        "longer than a desk can be blind: accounts are not watched during a restore.",
        "runbooks MarginWorkerNotLive and MarginCheckpointStale.",
    )
    duration = Query(
        quantile(0.99, "restore_duration_seconds", by="instance, source"), "{{instance}} {{source}} p99"
    )
    age = Query(series("checkpoint_age_seconds"), "{{instance}} oldest checkpoint")
    return lines(Frame("Restore", text, "s", span=6, height=8), duration, age)


def _progress() -> Panel:
    text = about(
        "share read of what each worker reads back now: reference data and prices, then its partitions; 1 = nothing.",
        "stands still below 1: the accounts of its partitions are not watched.",
        "runbook MarginWorkerNotLive.",
    )
    share = Query(series("restore_progress_ratio"), "{{instance}}")
    return lines(Frame("Reading back", text, "percentunit", span=6, height=8), share)


def _commit() -> Panel:
    text = about(
        "time to commit the transaction that publishes calls: median and 99th percentile.",
        "rises with event to call: the broker is slow.",
        "check the brokers' health; runbook MarginEventToCallSlow.",
    )
    half = Query(quantile(0.5, "txn_commit_duration_seconds"), "p50")
    worst = Query(quantile(0.99, "txn_commit_duration_seconds"), "p99")
    return lines(Frame("Transaction commit", text, "s", span=6, height=8), half, worst)


def _incidents() -> Panel:
    text = about(
        "rebalances, fenced producers and aborted transactions, per point of the graph.",
        "fenced or aborted outside a restart: workers fight over partitions or the broker fails.",
        "runbooks MarginWorkerFenced and MarginTransactionAborts.",
    )
    queries = (
        Query(f"sum({increase('rebalances_total')})", "Rebalances"),
        Query(f"sum({increase('fenced_total')})", "Fenced"),
        Query(f"sum({increase('txn_aborts_total')})", "Aborted transactions"),
    )
    return lines(Frame("Rebalances, fencing, aborts", text, "short", span=6, height=8), *queries)


def _shadow_error() -> Panel:
    text = about(
        "largest difference between incremental figures and a full recomputation of sampled accounts.",
        "above the dashed line (0.01 USD): figures may be wrong.",
        "runbook MarginEngineDrift.",
    )
    query = Query(f"max({series('shadow_check_max_abs_error_usd')})", "Largest difference")
    frame = Frame("Shadow check error", text, "currencyUSD", span=6, height=8)
    return lines(frame, query, levels=rising(breach=DRIFT_LIMIT_USD))


def _shadow_checks() -> Panel:
    text = about(
        "shadow checks per second by result.",
        "any mismatch; no check at all: then drift would go unseen.",
        "runbook MarginEngineDrift.",
    )
    query = Query(f"sum by (result) ({rate('shadow_check_total')})", "{{result}}")
    return lines(Frame("Shadow checks", text, "ops", span=6, height=8), query)
