"""What campaign.toml may say of the pace."""

from __future__ import annotations

import pytest
from pydantic import BaseModel, ValidationError

from robot.campaign.agents import AgentMode, AgentSettings
from robot.campaign.breaker import BreakerSettings
from robot.campaign.caller_ids import CallerIdSettings
from robot.campaign.pace import Limits
from robot.campaign.pace_tables import AgentsTable, BreakerTable, CallerIdsTable, GatewayTable, PaceTable


def test_what_is_written_becomes_settings() -> None:
    assert PaceTable.model_validate({"calls_per_s": 0.5, "max_calls": 3}).limits() == Limits(0.5, 3)
    assert GatewayTable.model_validate({"name": "carrier", "max_calls": 30}).limits() == Limits(None, 30)
    ids = CallerIdsTable.model_validate(
        {"numbers": ["+33900000001"], "local": {"+331": ["+33140000001"]}, "rest_after": 50, "rest_minutes": 30}
    )
    assert ids.settings() == CallerIdSettings(("+33900000001",), {"+331": ("+33140000001",)}, 50, 1800)
    agents = AgentsTable.model_validate({"lines": 4, "mode": "predictive", "abandon_limit_percent": 2})
    assert agents.settings() == AgentSettings(AgentMode.PREDICTIVE, 0.02, 30)
    assert BreakerTable().settings() == BreakerSettings()


@pytest.mark.parametrize(
    ("table", "written"),
    [
        (PaceTable, {"calls_per_s": 0}),
        (PaceTable, {"weight": 0}),
        (PaceTable, {"speed": 1}),
        (GatewayTable, {}),
        (GatewayTable, {"name": "a b"}),
        (CallerIdsTable, {"numbers": ["0140000001"]}),
        (CallerIdsTable, {"local": {"+331": ["+33140000001"]}}),
        (CallerIdsTable, {"numbers": ["+33900000001"], "local": {"+331": []}}),
        (AgentsTable, {"lines": 2, "mode": "aggressive"}),
        (BreakerTable, {"of_last_calls": 5, "at_least_calls": 6}),
    ],
)
def test_what_makes_no_sense_is_refused(table: type[BaseModel], written: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        table.model_validate(written)
