"""What the model may do, as tools that it is shown and whose calls are checked before anything happens. Pure.

The JSON schema that the model sees and the check of what it sends come from one description, made of what the campaign
allows: a tool that is not allowed is not there, and a call of it is refused with the reason, for the model to read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any, Final, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from robot.dialogue.agent_settings import Abilities
from robot.dialogue.llm import Tool, ToolCall
from robot.dialogue.prompt_text import clean
from robot.dialogue.spoken_time import CallingHours, SpokenTime, spoken_time

_KEYS: Final = r"^[0-9A-D*#wW]{1,32}$"
_LONGEST_FACT: Final = 200
_POINT: Final = timedelta(minutes=30)  # "at ten" is until half past
_FARTHEST: Final = timedelta(days=60)


@dataclass(frozen=True, slots=True)
class EndCall:
    """`farewell` is said before, unless it is empty. outcome: None: the campaign named none to choose from."""

    outcome: str | None
    farewell: str = ""


@dataclass(frozen=True, slots=True)
class TransferTo:
    """to: the name of the step that hands over."""

    to: str


@dataclass(frozen=True, slots=True)
class ScheduleCallback:
    time: SpokenTime


@dataclass(frozen=True, slots=True)
class OptOut:
    """Put the callee's number on the do-not-call list."""


@dataclass(frozen=True, slots=True)
class PressKeys:
    keys: str


@dataclass(frozen=True, slots=True)
class KeepFact:
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class GoTo:
    step: str


Decision = EndCall | TransferTo | ScheduleCallback | OptOut | PressKeys | KeepFact | GoTo


@dataclass(frozen=True, slots=True)
class ToolRefused:
    """Nothing is done; the model reads why."""

    reason: str


class _Arguments(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True, slots=True)
class _Kind:
    description: str
    arguments: type[_Arguments]
    decide: Callable[[Any], Decision | ToolRefused]


class Tools:
    """Those that `may` allows, in a call in `language` to somebody in `zone`."""

    def __init__(
        self,
        may: Abilities,
        language: str | None,
        zone: ZoneInfo,
        now: Callable[[], datetime],
        hours: CallingHours | None = None,
    ) -> None:
        self._language = language or ""
        self._zone = zone
        self._now = now
        self._hours = hours or CallingHours()
        self._kinds = self._allowed(may)
        self.shown = tuple(Tool(name, kind.description, _schema(kind.arguments)) for name, kind in self._kinds.items())

    def decide(self, call: ToolCall) -> Decision | ToolRefused:
        """What the call of a tool comes to."""
        kind = self._kinds.get(call.name)
        if kind is None:
            allowed = ", ".join(self._kinds) or "none"
            return ToolRefused(f"There is no tool of that name. The tools are: {allowed}.")
        if call.malformed is not None:
            return ToolRefused("The arguments are no JSON object. Call the tool again with a JSON object.")
        try:
            arguments = kind.arguments.model_validate(dict(call.arguments))
        except ValidationError as error:
            return ToolRefused(_why(error))
        return kind.decide(arguments)

    def _allowed(self, may: Abilities) -> Mapping[str, _Kind]:
        kinds: dict[str, _Kind] = {}
        farewell = (Annotated[str, Field(max_length=300, description="What you say before you hang up.")], "")
        ending: dict[str, Any] = {"farewell": farewell}
        if may.outcomes:
            ending["outcome"] = (_one_of(may.outcomes, "What the call came to."), ...)
        kinds["end_call"] = _Kind(
            "End the call, when everything is said or the person wants to stop.",
            _arguments("end_call", ending),
            lambda given: EndCall(getattr(given, "outcome", None), given.farewell),
        )
        if may.transfer:
            kinds["transfer_call"] = _Kind(
                "Hand the person over to a colleague.",
                _arguments("transfer_call", {"to": (_one_of(may.transfer, "To whom."), ...)}),
                lambda given: TransferTo(given.to),
            )
        if may.callback:
            described = "When, in the person's own words, or their local time as YYYY-MM-DDTHH:MM."
            when = (Annotated[str, Field(max_length=200, description=described)], ...)
            kinds["schedule_callback"] = _Kind(
                "Note that the person wants to be called again at another time.",
                _arguments("schedule_callback", {"when": when}),
                lambda given: self._callback(given.when),
            )
        if may.do_not_call:
            kinds["do_not_call"] = _Kind(
                "The person does not want to be called any more: they will never be called again.",
                _arguments("do_not_call", {}),
                lambda _: OptOut(),
            )
        if may.press:
            described = "0-9, A-D, * and #; w is a pause of half a second."
            keys = (Annotated[str, Field(pattern=_KEYS, description=described)], ...)
            kinds["press_keys"] = _Kind(
                "Press keys of the telephone, where a machine asks for them.",
                _arguments("press_keys", {"keys": keys}),
                lambda given: PressKeys(given.keys),
            )
        if may.keep:
            value = (Annotated[str, Field(min_length=1, max_length=_LONGEST_FACT, description="What they said.")], ...)
            kinds["keep_fact"] = _Kind(
                "Note something that the person told you.",
                _arguments("keep_fact", {"name": (_one_of(may.keep, "What it is."), ...), "value": value}),
                lambda given: _fact(given.name, given.value),
            )
        if may.go_to:
            kinds["go_to"] = _Kind(
                "Go on with a part of the script; it is said instead of you.",
                _arguments("go_to", {"step": (_one_of(may.go_to, "Which part."), ...)}),
                lambda given: GoTo(given.step),
            )
        return kinds

    def _callback(self, when: str) -> Decision | ToolRefused:
        now = self._now()
        try:
            at = datetime.fromisoformat(when.strip())
        except ValueError:
            understood = spoken_time(when, now, self._zone, self._language, self._hours)
            if understood is None:
                return ToolRefused("That names no time. Ask the person for a day and a time.")
            return ScheduleCallback(understood)
        at = at.replace(tzinfo=self._zone) if at.tzinfo is None else at.astimezone(self._zone)
        if not now < at <= now + _FARTHEST:
            return ToolRefused(f"That time is not within the next {_FARTHEST.days} days. Ask for another time.")
        if not self._hours.start <= at.time() < self._hours.end:
            return ToolRefused(
                f"People are called from {self._hours.start:%H:%M} to {self._hours.end:%H:%M}. Ask for another time."
            )
        return ScheduleCallback(SpokenTime(at, at + _POINT, exact=True))


def _fact(name: str, value: str) -> Decision | ToolRefused:
    kept = clean(value)
    return KeepFact(name, kept) if kept else ToolRefused("value: is empty.")


def _one_of(names: Sequence[str], description: str) -> Any:
    return Annotated[Literal[tuple(names)], Field(description=description)]


def _arguments(name: str, fields: Mapping[str, Any]) -> type[_Arguments]:
    return create_model(name, __base__=_Arguments, **dict(fields))


def _schema(arguments: type[_Arguments]) -> Mapping[str, Any]:
    """Plain enough for every server: without titles, and with `enum` for `const`, which some do not know."""
    schema = arguments.model_json_schema()
    properties = {
        name: {
            key: value
            for key, value in (each | ({"enum": [each["const"]]} if "const" in each else {})).items()
            if key not in ("title", "const")
        }
        for name, each in schema.get("properties", {}).items()
    }
    required = schema.get("required", [])
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _why(error: ValidationError) -> str:
    reasons = (f"{'.'.join(map(str, each['loc'])) or 'arguments'}: {each['msg']}" for each in error.errors())
    return f"{'; '.join(reasons)}. Call the tool again as its description says, or do without it."
