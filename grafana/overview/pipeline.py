"""Row "Pipeline": rate, errors and delay from the input topics to the call topic."""

from __future__ import annotations

from grafana.conventions import about, increase, quantile, rate, rising, series
from grafana.panels import Frame, Panel, Query, lines

# The same limits as the alerts MarginEventToCallSlow and MarginClockSkew.
CALL_LIMIT_SECONDS = 0.25
SKEW_LIMIT_SECONDS = 5
APPLIED, NOT_APPLIED = 'outcome="applied"', 'outcome!="applied"'


def panels() -> list[Panel]:
    """In flow order: what arrives, what is refused, how late it is, when the call is out."""
    return [
        _applied(), _not_applied(), _event_lag(), _consumer_lag(), _price_age(), _clock_skew(),
        _parked(), _dead_letters(), _event_to_call(), _published(),
    ]  # fmt: skip


def _applied() -> Panel:
    text = about(
        "input messages applied per second, by topic.",
        "zero while the market is open.",
        "check the producers, then consumer lag; runbook MarginInputStale.",
    )
    query = Query(f"sum by (topic) ({rate('input_messages_total', APPLIED)})", "{{topic}}")
    return lines(Frame("Input applied", text, "ops", span=8, height=8), query)


def _not_applied() -> Panel:
    text = about(
        "input messages that changed nothing, by topic and outcome: duplicate, late, covered, superseded, "
        "parked, rejected; unknown_field counts messages that carried one.",
        "rejected or parked at all; duplicates or late ones far above their usual level.",
        "runbooks MarginDeadLetters and MarginMessagesParked; else ask the producer of the topic.",
    )
    query = Query(
        f"sum by (topic, outcome) ({rate('input_messages_total', NOT_APPLIED)})", "{{topic}} {{outcome}}"
    )
    return lines(Frame("Input not applied", text, "ops", span=8, height=8), query)


def _event_lag() -> Panel:
    text = about(
        "from a record's timestamp to the moment it is applied: median and 99th percentile by topic.",
        "seconds instead of milliseconds: the figures lag behind the market.",
        "compare with consumer lag (we are slow) and clock skew (their clock is off).",
    )
    half = Query(quantile(0.5, "input_event_lag_seconds", by="topic"), "{{topic}} p50")
    worst = Query(quantile(0.99, "input_event_lag_seconds", by="topic"), "{{topic}} p99")
    return lines(Frame("Event lag", text, "s", span=8, height=8), half, worst)


def _consumer_lag() -> Panel:
    text = about(
        "messages in Kafka that are not applied yet, by topic.",
        "growing: input comes faster than the workers apply it.",
        "add a worker (up to the partition count); runbook MarginConsumerLagGrowing.",
    )
    lag = f"max by (topic, partition) ({series('consumer_lag_messages')})"
    return lines(
        Frame("Consumer lag", text, "short", span=8, height=8), Query(f"sum by (topic) ({lag})", "{{topic}}")
    )


def _price_age() -> Panel:
    text = about(
        "age of the oldest price of held instruments, by product.",
        "a saw tooth that stops falling back: this product's feed has stopped.",
        "runbook MarginPriceStale.",
    )
    query = Query(f"max by (product) ({series('price_age_seconds')})", "{{product}}")
    return lines(Frame("Price age", text, "s", span=8, height=8), query)


def _clock_skew() -> Panel:
    text = about(
        "how far the newest source time of a topic runs ahead of the worker's clock; below zero is plain delay.",
        "above the dashed line: a clock is wrong; ages, lags and staleness cannot be trusted.",
        "check time synchronisation of producer, broker and worker; runbook MarginClockSkew.",
    )
    query = Query(f"max by (topic) ({series('clock_skew_seconds')})", "{{topic}}")
    frame = Frame("Clock skew", text, "s", span=8, height=8)
    return lines(frame, query, levels=rising(warn=SKEW_LIMIT_SECONDS), signed=True)


def _parked() -> Panel:
    text = about(
        "messages that wait for reference data (unknown account or instrument), by topic; "
        "and held instruments whose price is stale.",
        "parked messages that stay: trades are missing from positions.",
        "publish the missing reference data; runbook MarginMessagesParked.",
    )
    parked = Query(f"sum by (topic) ({series('parked_messages')})", "{{topic}}")
    stale = Query(f"max({series('stale_instruments')})", "Stale instruments")
    return lines(
        Frame("Parked messages and stale instruments", text, "short", span=8, height=8), parked, stale
    )


def _dead_letters() -> Panel:
    text = about(
        "messages that could not be used and went to the dead-letter topic, by topic and reason.",
        "any.",
        "read reason and original in the .dlq topic, tell the producer; runbook MarginDeadLetters.",
    )
    query = Query(f"sum by (topic, reason) ({increase('dlq_messages_total')})", "{{topic}} {{reason}}")
    return lines(Frame("Dead letters", text, "short", span=8, height=8), query)


def _event_to_call() -> Panel:
    text = about(
        "from the newest input of an evaluation pass to its calls committed: median and 99th percentile.",
        "p99 above the dashed line (0.25 s).",
        "split it with evaluation time and transaction commit in row Workers; runbook MarginEventToCallSlow.",
    )
    half = Query(quantile(0.5, "event_to_call_seconds"), "p50")
    worst = Query(quantile(0.99, "event_to_call_seconds"), "p99")
    frame = Frame("Event to call", text, "s", span=8, height=8)
    return lines(frame, half, worst, levels=rising(breach=CALL_LIMIT_SECONDS))


def _published() -> Panel:
    text = about(
        "account statements published to margin.requirements per second (conflated).",
        "zero while input is applied: nobody downstream sees new figures.",
        "look for transaction aborts and at the worker's log.",
    )
    query = Query(f"sum({rate('statements_published_total')})", "Statements")
    return lines(Frame("Statements published", text, "ops", span=24, height=6), query)
