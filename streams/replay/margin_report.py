"""The figures of a book for a terminal."""

from __future__ import annotations

from typing import Any, Final

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

_FACTS_SHOWN: Final = 6


def money(text: str) -> Text:
    """``-1234.50`` -> ``-1,234.50``, negative in red."""
    whole, _, cents = text.partition(".")
    grouped = f"{int(whole):,}" if whole != "-0" else "-0"
    return Text(f"{grouped}.{cents}", style="red" if text.startswith("-") else "")


def table_of(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold")
    for place, column in enumerate(columns):
        table.add_column(column, justify="left" if place == 0 else "right")
    return table


def account_report(view: dict[str, Any]) -> RenderableType:
    """One account: silos beside unified, the gap's terms, the trees."""
    statement, explanation = view["statement"], view["explanation"]
    name = statement["account_id"] + (f" ({statement['owner']})" if statement["owner"] else "")
    trees = [
        requirement_tree(f"{tree['silo']} under {tree['rulebook_id']}", tree) for tree in explanation["silos"]
    ]
    unified_name = f"unified under {statement['unified']['rulebook_id']}"
    parts: list[RenderableType] = [
        _requirements(f"Account {name}", statement),
        _gap(statement["gap"]),
        *trees,
        *(equity_tree(entry) for entry in explanation["equity"]),
        requirement_tree(unified_name, explanation["unified"]),
    ]
    missing = statement["quality"]["incomplete"]
    parts += [Text(f"incomplete: {text}", style="bold red") for text in missing]
    parts += [
        Text(f"{silo['silo']}: equity is below the minimum of its approval", style="yellow")
        for silo in statement["silos"]
        if silo["below_minimum_equity"]
    ]
    parts += [
        Text(f"{silo['silo']}: {silo['exception']}", style="yellow")
        for silo in statement["silos"]
        if silo["exception"]
    ]
    parts += [
        Text(
            f"{silo['silo']}: threshold {money(silo['threshold']).plain}, {silo['allocation']}",
            style="yellow",
        )
        for silo in statement["silos"]
        if silo["allocation"]
    ]
    if statement["quality"]["stale"]:
        parts.append(Text("stale: rests on prices older than their limit", style="yellow"))
    return Group(*parts, Text())


def _requirements(title: str, statement: dict[str, Any]) -> Table:
    table = table_of(title, "USD", "rulebook", "initial", "maintenance", "equity", "excess")
    for silo in statement["silos"]:
        figures = [money(silo[key]) for key in ("initial", "maintenance", "equity", "excess")]
        table.add_row(silo["silo"], silo["rulebook_id"], *figures)
    unified, requirement = statement["unified"], money(statement["unified"]["requirement"])
    note = unified["rulebook_id"] if unified["eligible"] else f"{unified['rulebook_id']} (not eligible)"
    table.add_section()
    table.add_row(
        "unified", note, requirement, requirement, money(unified["equity"]), money(unified["excess"])
    )
    return table


def _gap(gap: dict[str, Any]) -> Table:
    table = table_of("Gap: silo sum minus unified", "term", "USD")
    table.add_row("silo sum", money(gap["silo_sum"]))
    table.add_row("unified", money(gap["unified"]))
    table.add_section()
    for term in gap["terms"]:
        table.add_row(term["name"], money(term["amount"]))
    table.add_section()
    table.add_row(Text("gap", style="bold"), money(gap["gap"]))
    return table


def requirement_tree(title: str, explained: dict[str, Any]) -> Tree:
    """An explanation tree with amounts and facts."""
    worst = f", worst: {explained['worst_scenario']}" if explained["worst_scenario"] else ""
    tree = Tree(Text(f"{title}{worst}", style="bold"))
    _grow(tree, explained["tree"])
    return tree


def equity_tree(entry: dict[str, Any]) -> Tree:
    """What counts as equity in a silo, with the haircuts."""
    tree = Tree(Text(f"{entry['silo']} equity", style="bold"))
    _grow(tree, entry["tree"])
    return tree


def _grow(tree: Tree, part: dict[str, Any]) -> None:
    label = Text.assemble(f"{part['name']}  ", money(part["amount"]))
    label.append(_facts(part["facts"]), style="dim")
    branch = tree.add(label)
    for child in part["parts"]:
        _grow(branch, child)


def _facts(facts: dict[str, float | str | None]) -> str:
    """The first few; P&L vectors of hundreds of scenarios are for ``--json``."""
    shown = [f"{name} {_fact(value)}" for name, value in list(facts.items())[:_FACTS_SHOWN]]
    if len(facts) > _FACTS_SHOWN:
        shown.append(f"{len(facts) - _FACTS_SHOWN} more in --json")
    return f"  ({', '.join(shown)})" if shown else ""


def _fact(value: float | str | None) -> str:
    return f"{value:,.6g}" if isinstance(value, float | int) else str(value)


def print_report(console: Console, views: list[dict[str, Any]]) -> None:
    """All accounts."""
    for view in views:
        console.print(account_report(view))


def print_rulebooks(console: Console, entries: list[dict[str, Any]]) -> None:
    """Requirement and tree of chosen rulebooks by account."""
    if not entries:
        console.print("No account holds anything under it.")
    for entry in entries:
        title = f"{entry['account_id']} under {entry['rulebook_id']}"
        table = table_of(title, "USD", "initial", "maintenance")
        table.add_row(entry["silo"] or "unified", money(entry["initial"]), money(entry["maintenance"]))
        console.print(Group(table, requirement_tree("explanation", entry), Text()))
        if left_out := entry.get("left_out"):
            console.print(Text(f"not covered by it: {', '.join(left_out)}", style="yellow"))
