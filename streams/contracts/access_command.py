"""``marginmon acls``: what a role may do on Kafka, as a list, as commands or for the Strimzi operator."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from streams.contracts.access import ROLES, Grant, grants
from streams.contracts.command import PREFIX
from streams.contracts.topics import TopicTable

_FORMATS = ("table", "json", "kafka-acls", "strimzi")


@click.command()
@click.option(
    "--role", "roles", multiple=True, type=click.Choice(list(ROLES)), help="May be repeated [default: all]."
)
@PREFIX
@click.option(
    "--group", envvar="MARGINMON_GROUP", default="marginmon", show_default=True, help="Of the workers."
)
@click.option(
    "--principal", default="", help="Who has the role, such as User:CN=worker [default: User:marginmon-ROLE]."
)
@click.option("--cluster", default="kafka", show_default=True, help="Name of the Kafka, for strimzi.")
@click.option("--format", "form", type=click.Choice(_FORMATS), default="table", show_default=True)
def acls(roles: tuple[str, ...], prefix: str, group: str, principal: str, cluster: str, form: str) -> None:
    """Print what each role needs on Kafka; nothing else needs to be allowed. Needs no broker.

    \b
    Example:
      marginmon acls --role worker --format kafka-acls --principal User:CN=worker | sh
    """
    table = TopicTable(prefix)
    listed = {role: grants(role, table, group) for role in roles or ROLES}
    if form == "table":
        Console().print(_table(listed))
    elif form == "json":
        shown = {role: [asdict(grant) for grant in allowed] for role, allowed in listed.items()}
        click.echo(json.dumps(shown, indent=2))
    elif form == "kafka-acls":
        click.echo("\n".join(commands(listed, principal)))
    else:
        # JSON is YAML: one document a role.
        users = (kafka_user(role, allowed, cluster) for role, allowed in listed.items())
        click.echo("\n---\n".join(json.dumps(user, indent=2) for user in users))


def _table(listed: dict[str, list[Grant]]) -> Table:
    table = Table("role", "resource", "name", "operations")
    for role, allowed in listed.items():
        for grant in allowed:
            name = grant.name + ("*" if grant.prefixed else "")
            table.add_row(role, grant.resource, name, ", ".join(grant.operations))
    return table


def commands(listed: dict[str, list[Grant]], principal: str) -> Iterator[str]:
    """Lines of a shell script; ``BOOTSTRAP`` and ``ADMIN_CONFIG`` are the reader's."""
    yield ': "${BOOTSTRAP:?host:port of a broker}" "${ADMIN_CONFIG:?client properties of an administrator}"'
    for role, allowed in listed.items():
        yield f"# {role}"
        for grant in allowed:
            resource = "transactional-id" if grant.resource == "transactionalId" else grant.resource
            words = [
                "--add", "--allow-principal", principal or f"User:marginmon-{role}",
                *(word for operation in grant.operations for word in ("--operation", operation)),
                f"--{resource}", grant.name, "--resource-pattern-type", "prefixed" if grant.prefixed else "literal",
            ]  # fmt: skip
            tool = 'kafka-acls.sh --bootstrap-server "$BOOTSTRAP" --command-config "$ADMIN_CONFIG"'
            yield f"{tool} {shlex.join(words)}"


def kafka_user(role: str, allowed: list[Grant], cluster: str) -> dict[str, Any]:
    """A KafkaUser of the Strimzi operator that logs in with SCRAM."""
    return {
        "apiVersion": "kafka.strimzi.io/v1beta2",
        "kind": "KafkaUser",
        "metadata": {"name": f"marginmon-{role}", "labels": {"strimzi.io/cluster": cluster}},
        "spec": {
            "authentication": {"type": "scram-sha-512"},
            "authorization": {
                "type": "simple",
                "acls": [
                    {
                        "resource": {
                            "type": grant.resource.value,
                            "name": grant.name,
                            "patternType": "prefix" if grant.prefixed else "literal",
                        },
                        "operations": list(grant.operations),
                        "host": "*",
                    }
                    for grant in allowed
                ],
            },
        },
    }
