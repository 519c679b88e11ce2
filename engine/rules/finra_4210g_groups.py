"""Groups whose members' gains offset one another's losses, as the parameter file of FINRA 4210(g) has them.

What people call a product group has class groups as members, a portfolio group product groups; here both are
groups, and a group may stand within another one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from engine.base.parameter_table import ParameterTable
from engine.market.instruments import Instrument

LEVELS = ("class group", "product group", "portfolio group")


@dataclass(frozen=True, slots=True)
class OffsetGroup:
    """Members that offset one another at the same valuation point.

    Attributes:
        name: as in the parameter file. level: what it is called, one of ``LEVELS``.
        offset: share in (0, 1] of a member's gain that counts against the losses of the others.
        within: name of the group that this one is a member of; empty for none.
        underlyings: class groups that are members by the instrument_id of their underlying.
        index_class: class groups that are members by the class of their underlying; empty for none.
    """

    name: str
    level: str
    offset: float
    within: str
    underlyings: frozenset[str]
    index_class: str


def group_of(groups: tuple[OffsetGroup, ...], root: Instrument) -> str:
    """Name of the group that a class group is a member of, empty for none; naming it goes before its class.

    Args:
        root: the underlying as it is published. An index that is published without a class is in no group by
            class: its options may disagree about it.
    """
    for group in groups:
        if root.instrument_id in group.underlyings:
            return group.name
    for group in groups:
        if group.index_class and group.index_class == root.index_class:
            return group.name
    return ""


def offset_groups(header: ParameterTable, index_classes: tuple[str, ...]) -> tuple[OffsetGroup, ...]:
    """The groups of a parameter file, members before the group that they are in; none if it has no ``groups``.

    A group whose offset is 0 is as if it were not there: its members are charged apart.

    Raises:
        MarginError: BAD_PARAMETER for an unknown or circular ``within`` and for a member of two groups.
    """
    tables = header.tables("groups") if header.has("groups") else {}
    groups = {name: _group(name, table, index_classes, tuple(tables)) for name, table in tables.items()}
    _refuse_member_of_two(groups, tables)
    depth = {name: _depth(name, groups, tables[name]) for name in groups}
    order = sorted(groups.values(), key=lambda group: -depth[group.name])
    offsetting = {group.name for group in order if group.offset > 0.0}
    return tuple(
        replace(group, within=group.within if group.within in offsetting else "")
        for group in order
        if group.name in offsetting
    )


def _group(
    name: str, table: ParameterTable, index_classes: tuple[str, ...], names: tuple[str, ...]
) -> OffsetGroup:
    table.only("level", "offset", "within", "underlyings", "index_class")
    return OffsetGroup(
        name=name,
        level=table.text("level", choices=LEVELS),
        offset=table.number("offset", 0.0, 1.0),
        within=table.text("within", choices=names) if table.has("within") else "",
        underlyings=frozenset(table.texts("underlyings") if table.has("underlyings") else ()),
        index_class=table.text("index_class", choices=index_classes) if table.has("index_class") else "",
    )


def _refuse_member_of_two(groups: Mapping[str, OffsetGroup], tables: Mapping[str, ParameterTable]) -> None:
    owner: dict[tuple[str, str], str] = {}
    for group in groups.values():
        members = [("underlyings", member) for member in sorted(group.underlyings)]
        members += [("index_class", group.index_class)] if group.index_class else []
        for key, member in members:
            if owner.setdefault((key, member), group.name) != group.name:
                raise tables[group.name].bad(key, f"{member!r} is in {owner[key, member]} already")


def _depth(name: str, groups: Mapping[str, OffsetGroup], table: ParameterTable) -> int:
    """How many groups stand around this one."""
    depth = 0
    while groups[name].within:
        name = groups[name].within
        depth += 1
        if depth > len(groups):
            raise table.bad("within", "leads back to the group itself")
    return depth
