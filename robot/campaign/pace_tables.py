"""[pace], [[gateways]], [caller_ids], [agents] and [breaker] of campaign.toml: how fast, through what, as whom."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from robot.campaign.agents import AgentMode, AgentSettings
from robot.campaign.breaker import BreakerSettings
from robot.campaign.caller_ids import CallerIdSettings
from robot.campaign.pace import Limits

CallsPerSecond = Annotated[float, Field(gt=0, le=1000)]
MaxCalls = Annotated[int, Field(ge=1, le=100_000)]
Weight = Annotated[float, Field(gt=0, le=1000)]
OwnNumber = Annotated[str, StringConstraints(pattern=r"^\+[1-9][0-9]{2,14}$")]
Beginning = Annotated[str, StringConstraints(pattern=r"^\+[1-9][0-9]{0,13}$")]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PaceTable(_Table):
    """[pace]: of the campaign. weight: twice the weight is twice the calls, where campaigns share a limit."""

    calls_per_s: CallsPerSecond | None = 1.0
    max_calls: MaxCalls | None = 10
    weight: Weight = 1.0

    def limits(self) -> Limits:
        return Limits(self.calls_per_s, self.max_calls)


class GatewayTable(_Table):
    """[[gateways]]: one of them. Its limits hold for all campaigns together: the strictest that any of them names."""

    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
    weight: Weight = 1.0
    calls_per_s: CallsPerSecond | None = None
    max_calls: MaxCalls | None = None

    def limits(self) -> Limits:
        return Limits(self.calls_per_s, self.max_calls)


class CallerIdsTable(_Table):
    """[caller_ids]: local is by how the callee's number begins, like `"+331" = ["+33140000001"]`."""

    numbers: list[OwnNumber] = []
    local: dict[Beginning, Annotated[list[OwnNumber], Field(min_length=1)]] = {}
    rest_after: Annotated[int, Field(ge=1, le=100_000)] | None = None
    rest_minutes: Annotated[float, Field(gt=0, le=10_080)] = 60.0

    @model_validator(mode="after")
    def _somebody_is_shown_to_everybody(self) -> Self:
        if self.local and not self.numbers:
            raise ValueError("has `local` and no `numbers`: name those that callees elsewhere see")
        return self

    def settings(self) -> CallerIdSettings:
        local = {prefix: tuple(numbers) for prefix, numbers in self.local.items()}
        return CallerIdSettings(tuple(self.numbers), local, self.rest_after, self.rest_minutes * 60)


class AgentsTable(_Table):
    """[agents]: for campaigns that transfer callees to people. lines: how many there are at the most."""

    lines: Annotated[int, Field(ge=1, le=10_000)]
    mode: AgentMode = AgentMode.PROGRESSIVE
    abandon_limit_percent: Annotated[float, Field(ge=0, le=50)] = 3.0
    over_days: Annotated[int, Field(ge=1, le=366)] = 30

    def settings(self) -> AgentSettings:
        return AgentSettings(self.mode, self.abandon_limit_percent / 100, self.over_days)


class BreakerTable(_Table):
    """[breaker]: when calls fail for reasons of ours."""

    failed_percent: Annotated[float, Field(gt=0, le=100)] = 50.0
    of_last_calls: Annotated[int, Field(ge=2, le=1000)] = 50
    at_least_calls: Annotated[int, Field(ge=1, le=1000)] = 10
    pause_s: Annotated[float, Field(gt=0, le=86_400)] = 60.0
    longest_pause_s: Annotated[float, Field(gt=0, le=86_400)] = 1800.0

    @model_validator(mode="after")
    def _has_enough(self) -> Self:
        if self.at_least_calls > self.of_last_calls:
            raise ValueError("`at_least_calls` is more than `of_last_calls`: it would never pause the campaign")
        return self

    def settings(self) -> BreakerSettings:
        return BreakerSettings(
            share=self.failed_percent / 100,
            least_calls=self.at_least_calls,
            last_calls=self.of_last_calls,
            pause_s=self.pause_s,
            longest_pause_s=max(self.pause_s, self.longest_pause_s),
        )
