"""The command `marginmon`: a table of commands, each imported only when it is called."""

from __future__ import annotations

import importlib
from dataclasses import dataclass

import click


@dataclass(frozen=True, slots=True)
class LazyCommand:
    """Where a command lives (`module:attribute`) and its line in `marginmon --help`."""

    target: str
    summary: str

    def load(self) -> click.Command:
        """Import the command."""
        module, attribute = self.target.split(":")
        command = getattr(importlib.import_module(module), attribute)
        assert isinstance(command, click.Command), f"{self.target} is not a click command"
        return command


COMMANDS: dict[str, LazyCommand] = {
    "broker": LazyCommand("streams.broker.command:broker", "Run a real Kafka on loopback until Ctrl-C."),
    "topics": LazyCommand("streams.contracts.command:topics", "Create, check and list the topics."),
    "acls": LazyCommand("streams.contracts.access_command:acls", "List what each role needs on Kafka."),
    "warmup": LazyCommand("streams.warmup:warmup", "Compile the numeric kernels into the cache."),
    "worker": LazyCommand("streams.worker.command:worker", "Follow the streams and call margin."),
    "simulate": LazyCommand("streams.simulator.command:simulate", "Write a simulated market to the topics."),
    "margin": LazyCommand("streams.replay.margin_command:margin", "Margin the accounts of a book file."),
    "compare": LazyCommand(
        "streams.replay.compare_command:compare", "Show what another policy does to a book file."
    ),
    "replay": LazyCommand(
        "streams.replay.replay_command:replay_command",
        "Run market files through the engine, or onto the topics.",
    ),
    "scenarios": LazyCommand("streams.replay.scenarios_command:scenarios", "Make scenario sets from files."),
    "span": LazyCommand("streams.span.command:span", "Make parameter files of SPAN-type margin."),
    "demo": LazyCommand("streams.demo.command:demo", "All of it at once: Kafka, market, worker and page."),
    "calls": LazyCommand("streams.desk.calls_command:calls", "List, follow and answer margin calls."),
    "dlq": LazyCommand("streams.desk.dlq_command:dlq", "List, show and replay dead letters."),
    "verify": LazyCommand(
        "streams.verify.command:verify_command", "Verify what was published from the topics alone."
    ),
    "web": LazyCommand("streams.web.command:web", "Serve the live page."),
}


class LazyGroup(click.Group):
    """Starting one command, or asking for the list of all, imports no other command."""

    def list_commands(self, context: click.Context) -> list[str]:
        """Names in the order of the table."""
        return list(COMMANDS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        """Import one command; None makes click say that there is no such command."""
        return COMMANDS[name].load() if name in COMMANDS else None

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands from the table alone."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, command.summary) for name, command in COMMANDS.items()])


@click.command(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="marginmon")
def main() -> None:
    """Streaming intraday margin: today's silo requirements beside one unified portfolio margin, live.

    \b
    Example:
      marginmon broker --port 9092
    """


if __name__ == "__main__":
    main()
