"""What stands around the panels: variables, links, annotations and how rows become a board."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from grafana_foundation_sdk.builders import dashboard, prometheus
from grafana_foundation_sdk.models.dashboard import Dashboard as BuiltDashboard
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DashboardLinkType,
    VariableHide,
    VariableOption,
    VariableRefresh,
    VariableSort,
)

from grafana.conventions import BINDING, BOARD_TAG, DATASOURCE, RUNBOOKS_URL, increase, series
from grafana.panels import Panel

# Room for new panels in a row before the ids (and links to single panels) of the rows after it change.
IDS_PER_ROW = 100
ISSUED = 'state="issued"'
# The SDK's default hides links and annotations in a menu; no placement keeps them on the board.
ON_THE_BOARD = ""
EVERYTHING = VariableOption(text="All", value="$__all", selected=True)


@dataclass(frozen=True)
class Row:
    """A titled group of panels, laid out left to right."""

    title: str
    panels: Sequence[Panel]


def board(uid: str, title: str, description: str, ui_url: str, rows: Sequence[Row]) -> BuiltDashboard:
    """A complete board: read-only, UTC, with the shared variables, links and annotations."""
    built = dashboard.Dashboard(title).uid(uid).description(description).tags([BOARD_TAG])
    built.readonly().timezone("utc").time("now-6h", "now").refresh("10s").tooltip(
        DashboardCursorSync.CROSSHAIR
    )
    for variable in (_datasource(), _labels("job"), _labels("instance", 'job=~"$job"'), _ui_url(ui_url)):
        built.with_variable(variable)
    for link in _links():
        built.link(link.placement(ON_THE_BOARD))
    for annotation in _annotations():
        built.annotation(annotation.placement(ON_THE_BOARD))
    for number, row in enumerate(rows, start=1):
        built.with_row(dashboard.Row(row.title).id(number * IDS_PER_ROW))
        for place, panel in enumerate(row.panels, start=1):
            built.with_panel(panel.id(number * IDS_PER_ROW + place))
    return built.build()


def _datasource() -> dashboard.DatasourceVariable:
    return dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus")


def _labels(label: str, *matchers: str) -> dashboard.QueryVariable:
    selector = f"marginmon_build_info{{{', '.join(matchers)}}}" if matchers else "marginmon_build_info"
    variable = dashboard.QueryVariable(label).label(label.capitalize()).datasource(DATASOURCE)
    variable.query(f"label_values({selector}, {label})").sort(VariableSort.ALPHABETICAL_ASC)
    variable.refresh(VariableRefresh.ON_TIME_RANGE_CHANGED).current(EVERYTHING)
    return variable.multi(True).include_all(True).all_value(".+")


def _ui_url(default: str) -> dashboard.TextBoxVariable:
    here = VariableOption(text=default, value=default, selected=True)
    variable = dashboard.TextBoxVariable("ui_url").label("Web page").default_value(default)
    return variable.current(here).options([here]).hide(VariableHide.DONT_HIDE)


def _links() -> list[dashboard.DashboardLink]:
    boards = dashboard.DashboardLink("Margin boards").type(DashboardLinkType.DASHBOARDS).tags([BOARD_TAG])
    boards.as_dropdown(True).include_vars(True).keep_time(True).icon("external link")
    page = dashboard.DashboardLink("Web page").type(DashboardLinkType.LINK).url("${ui_url}")
    runbooks = dashboard.DashboardLink("Runbooks").type(DashboardLinkType.LINK).url(RUNBOOKS_URL)
    return [
        boards,
        page.target_blank(True).icon("dashboard").tooltip("Accounts, calls and explanations"),
        runbooks.target_blank(True).icon("doc").tooltip("What to do about each alert"),
    ]


def _annotations() -> list[dashboard.AnnotationQuery]:
    issued = f"sum({increase('margin_calls_total', BINDING, ISSUED)}) > 0"
    versions = f"count by (version) ({series('build_info')})"
    before = f"count by (version) ({series('build_info')} offset 5m)"
    rebalanced = f"sum({increase('rebalances_total')}) > 0"
    return [
        _annotation("Calls issued", issued, "Binding calls issued", "orange"),
        _annotation("Version", f"{versions} unless {before}", "Version {{version}} started", "blue"),
        _annotation("Rebalances", rebalanced, "Partitions changed hands", "purple"),
    ]


def _annotation(name: str, expr: str, text: str, colour: str) -> dashboard.AnnotationQuery:
    target = prometheus.Dataquery().expr(expr).ref_id("Anno").legend_format(text).datasource(DATASOURCE)
    annotation = dashboard.AnnotationQuery().name(name).datasource(DATASOURCE).enable(True).icon_color(colour)
    return annotation.title_format(text).target(target.range())
