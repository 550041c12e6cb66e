"""A picture of a script: as a tree of text for the terminal, as Mermaid for documents and web pages. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from robot.dialogue.scenario import Branch, Condition, Held, PressKeys, Scenario, Step, Transfer, Webhook

_TEXT_LENGTH: Final = 60


@dataclass(frozen=True, slots=True)
class Way:
    """From a step to the next one. to: None: the call ends, with `outcome`, else with that of the step."""

    label: str
    to: str | None
    outcome: str | None = None


def ways(step: Step) -> list[Way]:
    """Where the call can go on from `step`, but for objections and what is built in."""
    found: list[Way] = []
    listens = step.listens
    if listens is not None:
        found += [Way(intent, to) for intent, to in listens.answers.items()]
        found += [Way(f"key {key}", to) for key, to in listens.keys.items()]
        if listens.keep is not None:
            found.append(Way(f"{{{listens.keep}}}", step.next))
        if listens.wants_time:
            found.append(Way("a time", step.next))
        found += [Way("anything else", listens.otherwise), Way("silence", listens.silence)]
        return found
    match step.does:
        case Branch(conditions):
            found += [Way(_condition(condition), condition.step) for condition in conditions]
            found.append(Way("else", step.next))
        case Transfer():
            found += [Way("taken", None, "transferred"), Way("nobody", step.does.failed or step.next)]
        case Webhook():
            found.append(Way("sent", step.next))
            if step.does.failed is not None:
                found.append(Way("not sent", step.does.failed))
        case PressKeys(keys):
            found.append(Way(f"keys {keys}", step.next))
        case Held() as held:
            found += [Way("the model", name) for name in (*held.by.may.go_to, *held.by.may.transfer)]
            found += [Way("the model", None, outcome) for outcome in held.by.may.outcomes]
            found.append(Way("it cannot go on", held.failed))
        case None:
            found.append(Way("", step.next))
    return found


def tree(scenario: Scenario) -> list[str]:
    """One line a way; a step is drawn out where it comes first, and only named after that."""
    drawn: set[str] = set()
    lines = [*_drawn(scenario, scenario.steps[0], drawn, "")]
    for intent, name in scenario.objections.items():
        lines.append(f"at any time, {intent} →")
        lines += _branch(scenario, name, drawn, "", "└─ ", "   ")
    return lines


def _drawn(scenario: Scenario, step: Step, drawn: set[str], indent: str) -> Iterator[str]:
    drawn.add(step.name)
    yield _headline(step)
    leads = ways(step)
    if step.final:
        return
    for number, way in enumerate(leads):
        last = number == len(leads) - 1
        joint, below = ("└─ ", "   ") if last else ("├─ ", "│  ")
        label = f"{way.label} → " if way.label else ""
        if way.to is None:
            yield f"{indent}{joint}{label}■ {way.outcome or step.outcome or 'the end'}"
        else:
            yield from _branch(scenario, way.to, drawn, indent, f"{joint}{label}", below)


def _branch(scenario: Scenario, name: str, drawn: set[str], indent: str, joint: str, below: str) -> Iterator[str]:
    if name in drawn:
        yield f"{indent}{joint}{name} ↑"
        return
    first, *rest = _drawn(scenario, scenario.step(name), drawn, indent + below)
    yield f"{indent}{joint}{first}"
    yield from rest


def _headline(step: Step) -> str:
    parts = [step.name]
    text = said(step)
    if text:
        parts.append(f'"{text}"')
    if step.final:
        parts.append(f"■ {step.outcome or 'back, or the end'}")
    return "  ".join(parts)


def mermaid(scenario: Scenario) -> str:
    """A flowchart that GitHub, GitLab and mermaid.live draw."""
    lines = ["flowchart TD"]
    for step in scenario.steps:
        text = _escaped(f"{step.name}: {said(step)}" if said(step) else step.name)
        shape = f'{{{{"{text}"}}}}' if step.listens is not None else f'["{text}"]'
        lines.append(f"    {_id(step.name)}{shape}")
    ends: dict[str, str] = {}
    for step in scenario.steps:
        for way in ways(step):
            arrow = f'-- "{_escaped(way.label)}" -->' if way.label else "-->"
            if way.to is not None:
                lines.append(f"    {_id(step.name)} {arrow} {_id(way.to)}")
                continue
            outcome = way.outcome or step.outcome or "the end"
            end = ends.setdefault(outcome, f"end_{len(ends)}")
            lines.append(f"    {_id(step.name)} {arrow} {end}")
    lines += [f'    {end}(["{_escaped(outcome)}"])' for outcome, end in ends.items()]
    if scenario.objections:
        lines.append('    any(("at any time"))')
        lines += [f'    any -. "{_escaped(intent)}" .-> {_id(name)}' for intent, name in scenario.objections.items()]
    return "\n".join(lines)


def said(step: Step) -> str:
    """The beginning of what the step says; empty when it says nothing."""
    text = " ".join(step.says.variants[0].text.source.split()) if step.says is not None else ""
    return text if len(text) <= _TEXT_LENGTH else text[:_TEXT_LENGTH].rpartition(" ")[0] + " ..."


def _condition(condition: Condition) -> str:
    parts: list[str] = []
    if condition.known is not None:
        parts.append("known" if condition.known else "unknown")
    if condition.equals is not None:
        parts.append(f"= {condition.equals}")
    if condition.one_of:
        parts.append(f"one of {', '.join(condition.one_of)}")
    if condition.contains is not None:
        parts.append(f"contains {condition.contains}")
    if condition.at_least is not None:
        parts.append(f"at least {condition.at_least:g}")
    if condition.at_most is not None:
        parts.append(f"at most {condition.at_most:g}")
    return f"{condition.field} {' and '.join(parts)}"


def reachable(scenario: Scenario, also: Sequence[str] = ()) -> set[str]:
    """The steps to which a call can come. also: steps that are gone to from outside the script (answering machines)."""
    found: set[str] = set()
    waiting = [scenario.steps[0].name, *also]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found.add(name)
        step = scenario.step(name)
        waiting += step.following()
        if step.listens is not None:
            waiting += scenario.objections.values()
    return found


def dead_ends(scenario: Scenario) -> set[str]:
    """The steps from which the robot never ends the call by itself: it goes round until the callee hangs up."""
    ending: set[str] = {step.name for step in scenario.steps if any(way.to is None for way in ways(step))}
    while True:
        more = {step.name for step in scenario.steps if step.following() & ending} - ending
        if not more:
            return {step.name for step in scenario.steps} - ending
        ending |= more


def _id(name: str) -> str:
    # Mermaid stumbles over a node called `end`.
    return f"s_{name}"


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;").replace(">", "&gt;")
