"""The board "Margin overview": what a margin desk and the people who run the workers keep open."""

from __future__ import annotations

from grafana_foundation_sdk.models.dashboard import Dashboard

from grafana.frame import Row, board
from grafana.overview import accounts, calls, collateral, glance, intraday, pipeline, requirement, workers

UID = "marginmon-overview"
UI_URL = "http://127.0.0.1:8080"
DESCRIPTION = (
    "Today's silo margin beside one unified portfolio margin: deficits, calls, the gap and its terms, "
    "the input pipeline and the workers. Figures under the unified view are shadows, never binding."
)


def overview() -> Dashboard:
    """The whole board, top to bottom: from what hurts now to why."""
    rows = (
        Row("At a glance", glance.panels()),
        Row("Accounts", accounts.panels()),
        Row("Calls", calls.panels()),
        Row("Intraday deficits", intraday.panels()),
        Row("Collateral of all customers", collateral.panels()),
        Row("Requirement and gap", requirement.panels()),
        Row("Pipeline", pipeline.panels()),
        Row("Workers", workers.panels()),
    )
    return board(UID, "Margin overview", DESCRIPTION, UI_URL, rows)
