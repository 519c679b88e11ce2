"""A real Kafka with TLS, SCRAM, mTLS and an authorizer, from certificates made for the run."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import trustme
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import for_code
from aiokafka.protocol.admin import CreateAclsRequest, DeleteAclsRequest
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from streams.broker.kafka import EmbeddedBroker, Secured
from streams.contracts.access import ROLES, Grant, Resource, grants
from streams.contracts.connection import Connection
from streams.contracts.topics import TopicTable

_OPERATIONS = {"Read": 3, "Write": 4, "Create": 5, "Describe": 8, "DescribeConfigs": 10}
_RESOURCES = {Resource.TOPIC: 2, Resource.GROUP: 3, Resource.TRANSACTIONAL_ID: 5}
_LITERAL, _PREFIXED, _ALLOW = 3, 4, 3


@dataclass(frozen=True)
class SecureKafka:
    """The broker and what clients need to reach it."""

    broker: EmbeddedBroker
    folder: Path

    @property
    def ca(self) -> Path:
        return self.folder / "ca.pem"

    def certificate(self, name: str) -> dict[str, Path]:
        """Settings of a client that shows the certificate of a name."""
        return {"tls_cert_file": self.folder / f"{name}.pem", "tls_key_file": self.folder / f"{name}.key"}

    def settings(self, name: str, protocol: str) -> dict[str, str]:
        """Settings of the connection as text, secrets in files."""
        settings = {
            "bootstrap": self.broker.bootstrap_of(protocol),
            "security_protocol": protocol,
            "tls_ca_file": str(self.ca),
        }
        if protocol == "SSL":
            return settings | {key: str(path) for key, path in self.certificate(name).items()}
        return settings | {"sasl_username": name, "sasl_password_file": str(self.folder / f"{name}.password")}

    def environment(self, name: str, protocol: str) -> dict[str, str]:
        """The same as variables."""
        return {f"MARGINMON_{key.upper()}": value for key, value in self.settings(name, protocol).items()}

    def connection(self, name: str, protocol: str = "SASL_SSL") -> Connection:
        return Connection(**self.settings(name, protocol))  # type: ignore[arg-type]

    @property
    def administrator(self) -> Connection:
        """May do everything: the unencrypted listener, which only the test uses."""
        return Connection(bootstrap=self.broker.bootstrap, security_protocol="PLAINTEXT")

    def allow(self, role: str, table: TopicTable, group: str) -> None:
        """Give the role's users, by SCRAM and by certificate, what the list says."""
        listed = grants(role, table, group)
        asyncio.run(self._allow([(name, grant) for name in principals(role) for grant in listed]))

    async def _allow(self, entries: Iterable[tuple[str, Grant]]) -> None:
        async with administering(self.administrator) as admin:
            for principal, grant in entries:
                for operation in grant.operations:
                    await give(admin, principal, grant, operation)


@asynccontextmanager
async def administering(connection: Connection) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(**connection.options())
    try:
        await admin.start()
        yield admin
    finally:
        await admin.close()


def _entry(principal: str, grant: Grant, operation: str) -> tuple[int, str, int, str, str, int, int]:
    pattern = _PREFIXED if grant.prefixed else _LITERAL
    return _RESOURCES[grant.resource], grant.name, pattern, principal, "*", _OPERATIONS[operation], _ALLOW


async def give(admin: AIOKafkaAdminClient, principal: str, grant: Grant, operation: str) -> None:
    """Allow one operation of a grant."""
    answer = await admin._send_request(CreateAclsRequest(*_entry(principal, grant, operation)))
    [(code, message)] = answer.creation_responses
    assert code == 0, f"{for_code(code).__name__}: {message}"


async def take_back(admin: AIOKafkaAdminClient, principal: str, grant: Grant, operation: str) -> None:
    """Allow one operation of a grant no more."""
    answer = await admin._send_request(DeleteAclsRequest(*_entry(principal, grant, operation)))
    [(code, message, matching)] = answer.filter_responses
    assert code == 0, f"{for_code(code).__name__}: {message}"
    assert len(matching) == 1


def user_of(role: str) -> str:
    return f"marginmon-{role}"


def principals(role: str) -> tuple[str, str]:
    """Of the user that logs in by SCRAM, and of the one that shows a certificate."""
    return f"User:{user_of(role)}", f"User:CN={user_of(role)}"


def secure_kafka(folder: Path) -> SecureKafka:
    """A broker that is not started yet."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    server = authority.issue_cert("127.0.0.1", "localhost")
    key = load_pem_private_key(server.private_key_pem.bytes(), None)
    pkcs8 = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())  # the only form Java reads
    chain = b"".join(pem.bytes() for pem in server.cert_chain_pems)
    (folder / "server.pem").write_bytes(pkcs8 + chain)
    users = [user_of(role) for role in ROLES]
    for name in users:
        made = authority.issue_cert(f"{name}.test", common_name=name)
        made.private_key_pem.write_to_path(folder / f"{name}.key")
        made.cert_chain_pems[0].write_to_path(folder / f"{name}.pem")
        (folder / f"{name}.password").write_text(f"secret-of-{name}\n")
    settings = {
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(folder / "server.pem"),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(folder / "ca.pem"),
        "listener.name.ssl.ssl.client.auth": "required",
        "listener.name.ssl.ssl.principal.mapping.rules": "RULE:^(?:.*,)?(CN=[^,]+).*$/$1/",
        "sasl.enabled.mechanisms": "SCRAM-SHA-512,SCRAM-SHA-256",
        "listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config": _SCRAM_LOGIN,
        "listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config": _SCRAM_LOGIN,
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:ANONYMOUS",  # the unencrypted listener, which only the test and the broker use
    }
    scram = tuple(f"SCRAM-SHA-512=[name={name},password=secret-of-{name}]" for name in users)
    broker = EmbeddedBroker(secured=Secured(("SSL", "SASL_SSL"), settings, scram))
    return SecureKafka(broker, folder)


_SCRAM_LOGIN = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
