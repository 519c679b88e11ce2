"""Settings of a small, quickly started one-node Kafka (KRaft: broker and controller in one process)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

HOST = "127.0.0.1"


def server_properties(
    port: int,
    controller_port: int,
    data_folder: Path,
    more_listeners: Mapping[str, int] = MappingProxyType({}),
    more_settings: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """Text of server.properties for a broker on loopback with its log segments in `data_folder`.

    Args:
        more_listeners: port by security protocol, each a listener besides the unencrypted one.
        more_settings: what those listeners need, such as key stores.

    The controller quorum is static (`controller.quorum.voters`): the voters' ports then come from this file
    at every start and not from the log, so that a kept data folder starts again on other ports.
    """
    clients = {"PLAINTEXT": port, **more_listeners}
    addresses = [f"{name}://{HOST}:{number}" for name, number in clients.items()]
    settings: dict[str, object] = {
        "process.roles": "broker,controller",
        "node.id": 1,
        "controller.quorum.voters": f"1@{HOST}:{controller_port}",
        "listeners": ",".join((*addresses, f"CONTROLLER://{HOST}:{controller_port}")),
        "advertised.listeners": ",".join(addresses),
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "PLAINTEXT",
        "listener.security.protocol.map": ",".join(
            ("CONTROLLER:PLAINTEXT", *(f"{name}:{name}" for name in clients))
        ),
        # Properties files read a backslash as an escape.
        "log.dirs": str(data_folder).replace("\\", "/"),
        # A mistyped topic name must fail, not make a topic with one partition.
        "auto.create.topics.enable": "false",
        # One node holds one copy.
        "default.replication.factor": 1,
        "offsets.topic.replication.factor": 1,
        "transaction.state.log.replication.factor": 1,
        "transaction.state.log.min.isr": 1,
        "share.coordinator.state.topic.replication.factor": 1,
        "share.coordinator.state.topic.min.isr": 1,
        # The defaults (50 partitions each, a 128 MiB cleaner buffer) cost seconds and memory that one node
        # wastes.
        "offsets.topic.num.partitions": 1,
        "transaction.state.log.num.partitions": 1,
        "share.coordinator.state.topic.num.partitions": 1,
        "log.cleaner.dedupe.buffer.size": 2_097_152,
        # A group's first member need not wait 3 s for others.
        "group.initial.rebalance.delay.ms": 0,
        **more_settings,
    }
    return "".join(f"{key}={value}\n" for key, value in settings.items())
