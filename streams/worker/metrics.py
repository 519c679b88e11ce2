"""The worker's own metrics: what came in, how long things took, what went out."""

from __future__ import annotations

from importlib.metadata import version
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics

from engine.base.units import NANOSECONDS_PER_SECOND
from engine.state.intraday_pass import IntradayMove
from engine.state.transition import Transition
from streams.inbound.record import Taken
from streams.outbound.publisher import Committed
from streams.worker.aggregates import Aggregates
from streams.worker.histograms import BatchHistogram

_LATENCY_BUCKETS: Final = (
    0.001, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
)  # fmt: skip
_LAG_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 300.0, 3600.0)
_RESTORE_BUCKETS: Final = (0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 40.0, 80.0)


class WorkerMetrics:
    """One registry per worker, so that tests may run several in one process."""

    def __init__(self) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # they would double the series
        self.registry = registry = CollectorRegistry()
        self.aggregates = Aggregates()
        self.input_lag = BatchHistogram(
            "marginmon_input_event_lag_seconds", "Record timestamp to applied.", "topic", _LAG_BUCKETS
        )
        registry.register(self.aggregates)
        registry.register(self.input_lag)

        def counter(name: str, help_text: str, *labels: str) -> Counter:
            return Counter(f"marginmon_{name}", help_text, labels, registry=registry)

        def gauge(name: str, help_text: str, *labels: str) -> Gauge:
            return Gauge(f"marginmon_{name}", help_text, labels, registry=registry)

        def histogram(name: str, help_text: str, buckets: tuple[float, ...] = _LATENCY_BUCKETS) -> Histogram:
            return Histogram(f"marginmon_{name}", help_text, buckets=buckets, registry=registry)

        gauge("build_info", "Version of this worker.", "version").labels(version("marginmon")).set(1)
        self.live = gauge("live", "1 when all owned partitions are live.")
        self.partitions_owned = gauge("partitions_owned", "Partitions that this worker is live on.")
        self.input_messages = counter("input_messages", "Messages by outcome.", "topic", "outcome")
        self.parked = gauge("parked_messages", "Messages that wait for reference data.", "topic")
        self.dead_letters = counter("dlq_messages", "Messages written to dead letters.", "topic", "reason")
        self.consumer_lag = gauge("consumer_lag_messages", "Records not applied yet.", "topic", "partition")
        self.clock_skew = gauge("clock_skew_seconds", "Newest source time ahead of this clock.", "topic")
        self.loop_lag = histogram("event_loop_lag_seconds", "How late the event loop runs what is due.")
        self.evaluation_duration = histogram("evaluation_duration_seconds", "One evaluation pass.")
        self.evaluations = counter("evaluations", "Evaluation passes.")
        self.accounts_evaluated = counter("accounts_evaluated", "Accounts evaluated anew.")
        self.event_to_call = histogram(
            "event_to_call_seconds", "Timestamp of a pass's newest input to its calls committed."
        )
        self.commit_duration = histogram("txn_commit_duration_seconds", "Begin to commit of a transaction.")
        self.aborts = counter("txn_aborts", "Transactions that failed; their partition was restored.")
        self.fenced = counter("fenced", "Partitions lost to another worker's producer.")
        self.rebalances = counter("rebalances", "Assignments received.")
        self.restore_duration = Histogram(
            "marginmon_restore_duration_seconds", "Taking a partition, from fence to live.", ("source",),
            buckets=_RESTORE_BUCKETS, registry=registry,
        )  # fmt: skip
        self.restore_progress = gauge(
            "restore_progress_ratio", "Share read of what is being read back; 1 when nothing is."
        )
        self.restored_messages = counter("restored_messages", "Records read to restore partitions.")
        self.checkpoints_unused = counter(
            "checkpoints_unused", "Partitions read from the log although checkpoints are on.", "reason"
        )
        self.checkpoint_age = gauge(
            "checkpoint_age_seconds", "Age of the oldest checkpoint of a live partition."
        )
        self.checkpoint_pause = histogram(
            "checkpoint_pause_seconds", "Copying a partition; nothing is evaluated."
        )
        self.checkpoint_duration = histogram(
            "checkpoint_duration_seconds",
            "From the copy of a partition to its checkpoint on disk.",
            _RESTORE_BUCKETS,
        )
        self.checkpoint_bytes = counter("checkpoint_written_bytes", "Bytes of checkpoints written.")
        self.checkpoint_errors = counter("checkpoint_errors", "Checkpoints that could not be written.")
        self.calls = counter("margin_calls", "Call transitions published.", "scope", "state", "reason")
        self.intraday = counter("intraday_events", "Events of intraday margin deficits published.", "reason")
        self.statements = counter("statements_published", "Statements to margin.requirements.")
        self.shadow_checks = counter("shadow_check", "Incremental figures against the plain twin.", "result")
        self.shadow_error = gauge("shadow_check_max_abs_error_usd", "Largest difference of the last check.")

    def count_taken(self, taken: Taken, now_ns: int, live: bool) -> None:
        """Count a batch; what is read to catch up is counted, but its age says nothing about lag."""
        for (topic, outcome), number in taken.counts.items():
            self.input_messages.labels(topic, outcome).inc(number)
        if not live:
            return
        for topic, times_ms in taken.applied_ms.items():
            self.input_lag.observe(topic, now_ns / NANOSECONDS_PER_SECOND - times_ms / 1000.0)
        for topic, source_ns in taken.newest_source_ns.items():
            self.clock_skew.labels(topic).set((source_ns - now_ns) / NANOSECONDS_PER_SECOND)

    def count_committed(self, committed: Committed, now_ns: int) -> None:
        """Time one transaction and the way from its inputs."""
        self.commit_duration.observe(committed.seconds)
        for newest_ms in committed.newest_input_ms:
            if newest_ms:
                self.event_to_call.observe(now_ns / NANOSECONDS_PER_SECOND - newest_ms / 1000.0)

    def count_transition(self, transition: Transition) -> None:
        """Count one call transition."""
        kind = transition.scope.partition(":")[0]
        self.calls.labels(kind, transition.state, transition.reason).inc()

    def count_intraday(self, move: IntradayMove) -> None:
        """Count one event of an intraday margin deficit."""
        self.intraday.labels(move.event.reason.value).inc()
