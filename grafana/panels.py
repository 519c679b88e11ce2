"""The four kinds of panel, dressed alike: title, description, unit, data source, thresholds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from grafana_foundation_sdk.builders import common, dashboard, heatmap, prometheus, stat, table, timeseries
from grafana_foundation_sdk.models import common as enums
from grafana_foundation_sdk.models.dashboard import (
    DataTransformerConfig,
    DynamicConfigValue,
    FieldColorModeId,
    MatcherConfig,
    Threshold,
    ThresholdsMode,
    ValueMap,
    ValueMappingResult,
)
from grafana_foundation_sdk.models.heatmap import HeatmapColorMode
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from grafana.conventions import BREACH_COLOUR, DATASOURCE, NEUTRAL_COLOUR, OK_COLOUR, WARN_COLOUR

Panel = stat.Panel | timeseries.Panel | table.Panel | heatmap.Panel
AnyPanel = TypeVar("AnyPanel", stat.Panel, timeseries.Panel, table.Panel, heatmap.Panel)
COLOURS = {"ok": OK_COLOUR, "warn": WARN_COLOUR, "breach": BREACH_COLOUR, "neutral": NEUTRAL_COLOUR}


@dataclass(frozen=True)
class Query:
    """One expression and how its series are called in the legend."""

    expr: str
    legend: str = ""


@dataclass(frozen=True)
class Frame:
    """What a panel of any kind has to say: title, description, unit and its size on the 24-column grid."""

    title: str
    about: str
    unit: str
    span: int
    height: int


def _target(query: Query, position: int) -> prometheus.Dataquery:
    target = prometheus.Dataquery().expr(query.expr).ref_id(chr(ord("A") + position)).datasource(DATASOURCE)
    return target.legend_format(query.legend) if query.legend else target


def _dressed(panel: AnyPanel, frame: Frame) -> AnyPanel:
    panel.title(frame.title).description(frame.about).datasource(DATASOURCE)
    return panel.unit(frame.unit).span(frame.span).height(frame.height)


def _thresholds(levels: list[Threshold]) -> dashboard.ThresholdsConfig:
    return dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(levels)


def _texts(texts: Mapping[str, tuple[str, str]]) -> ValueMap:
    """Words for values, so that no state is told by colour alone."""
    results = {
        value: ValueMappingResult(text=text, color=COLOURS[level], index=position)
        for position, (value, (text, level)) in enumerate(texts.items())
    }
    return ValueMap(options=results)


def figure(
    frame: Frame,
    *queries: Query,
    levels: list[Threshold] | None = None,
    texts: Mapping[str, tuple[str, str]] | None = None,
    decimals: int | None = None,
) -> Panel:
    """One figure (or a few with names), large, with its recent course behind it."""
    panel = _dressed(stat.Panel(), frame).no_value("no data")
    panel.reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).values(False).fields(""))
    # Words for every value mean a state code: its course as a line would say nothing.
    is_state = texts is not None and len(texts) > 1
    panel.graph_mode(enums.BigValueGraphMode.NONE if is_state else enums.BigValueGraphMode.AREA)
    if levels is not None:
        panel.thresholds(_thresholds(levels)).color_mode(enums.BigValueColorMode.BACKGROUND_SOLID)
        panel.color_scheme(dashboard.FieldColor().mode(FieldColorModeId.THRESHOLDS))
    else:
        panel.color_mode(enums.BigValueColorMode.NONE)
        panel.color_scheme(dashboard.FieldColor().mode(FieldColorModeId.FIXED).fixed_color(NEUTRAL_COLOUR))
    if texts:
        panel.mappings([_texts(texts)])
    if decimals is not None:
        panel.decimals(decimals)
    for position, query in enumerate(queries):
        panel.with_target(_target(query, position).range())
    return panel


def lines(
    frame: Frame,
    *queries: Query,
    levels: list[Threshold] | None = None,
    stacked: bool = False,
    signed: bool = False,
    total: str = "",
) -> Panel:
    """Figures over time; ``total`` names a series that stays an unstacked line among stacked ones."""
    panel = _dressed(timeseries.Panel(), frame).no_value("no data").line_width(1)
    panel.legend(_legend()).tooltip(common.VizTooltipOptions().mode(enums.TooltipDisplayMode.MULTI))
    panel.fill_opacity(30 if stacked else 5).show_points(enums.VisibilityMode.AUTO)
    panel.color_scheme(dashboard.FieldColor().mode(FieldColorModeId.PALETTE_CLASSIC_BY_NAME))
    if not signed:
        panel.min(0)
    if stacked:
        panel.stacking(common.StackingConfig().mode(enums.StackingMode.NORMAL).group("A"))
    if total:
        panel.override_by_name(total, _unstacked())
    if levels is not None:
        dashed = common.GraphThresholdsStyleConfig().mode(enums.GraphThresholdsStyleMode.DASHED)
        panel.thresholds(_thresholds(levels)).thresholds_style(dashed)
    for position, query in enumerate(queries):
        panel.with_target(_target(query, position).range())
    return panel


def _legend() -> common.VizLegendOptions:
    legend = common.VizLegendOptions().display_mode(enums.LegendDisplayMode.TABLE)
    return legend.placement(enums.LegendPlacement.BOTTOM).show_legend(True).calcs(["lastNotNull", "max"])


def _unstacked() -> list[DynamicConfigValue]:
    return [
        DynamicConfigValue("custom.stacking", {"mode": "none", "group": "total"}),
        DynamicConfigValue("custom.fillOpacity", 0),
        DynamicConfigValue("custom.lineWidth", 3),
    ]


def ranking(frame: Frame, query: Query, *, key: str, value: str, url: str, no_value: str) -> Panel:
    """A table of the worst few: one row per ``key``, the figure beside it, each linked to ``url``."""
    panel = _dressed(table.Panel(), frame).no_value(no_value).cell_height(enums.TableCellHeight.SM)
    panel.with_target(_target(query, 0).instant().format(PromQueryFormat.TABLE))
    panel.with_transformation(
        DataTransformerConfig(
            id_val="organize",
            options={
                "excludeByName": {"Time": True},
                "indexByName": {key: 0, "Value": 1},
                "renameByName": {"Value": value},
            },
        )
    )
    panel.sort_by([common.TableSortByFieldState().display_name(value).desc(True)])
    panel.data_links([dashboard.DashboardLink(f"Open the {key}").url(url).target_blank(True)])
    bar = {"type": "gauge", "mode": "basic", "valueDisplayMode": "text"}
    panel.with_override(MatcherConfig("byName", value), [DynamicConfigValue("custom.cellOptions", bar)])
    return panel


def distribution(frame: Frame, query: Query) -> Panel:
    """A heatmap of a histogram's cumulative ``le`` buckets."""
    panel = _dressed(heatmap.Panel(), frame).no_value("no data").calculate(False).show_legend()
    panel.with_target(_target(query, 0).range().format(PromQueryFormat.HEATMAP))
    panel.color(
        heatmap.HeatmapColorOptions().mode(HeatmapColorMode.SCHEME).scheme("Oranges").steps(64).exponent(0.5)
    )
    panel.y_axis(
        heatmap.YAxisConfig()
        .unit(frame.unit)
        .axis_label(frame.title)
        .axis_placement(enums.AxisPlacement.LEFT)
    )
    panel.rows_frame(heatmap.RowsHeatmapOptions().layout(enums.HeatmapCellLayout.AUTO))
    panel.cell_values(heatmap.CellValues().unit("short"))
    return panel.tooltip(
        heatmap.HeatmapTooltip()
        .mode(enums.TooltipDisplayMode.SINGLE)
        .y_histogram(True)
        .show_color_scale(True)
    )
