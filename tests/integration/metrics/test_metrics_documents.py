"""Dashboard, alerts and the table of metrics speak of metrics that exist, by labels that they have."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]
from prometheus_client import Metric

from tests.integration.metrics.measured import measured

DOCS = Path(__file__).parents[3] / "docs"
DASHBOARD = DOCS / "grafana-dashboard.json"
# What Prometheus itself adds to each series.
ADDED = {"instance", "job"}
SELECTOR = re.compile(r"\b((?:robot|process)_[a-z_]+)\b(?:\{([^}]*)\})?")
GROUPING = re.compile(r"\bby\s*\(([^)]*)\)")
PANELS = {"row", "stat", "timeseries", "state-timeline"}


@pytest.fixture
async def families(tmp_path: Path) -> dict[str, Metric]:
    async with measured(tmp_path) as robot:
        return await robot.families()


def labels_of(families: dict[str, Metric]) -> dict[str, set[str]]:
    """By the name of the series."""
    found: dict[str, set[str]] = {}
    for family in families.values():
        for sample in family.samples:
            found.setdefault(sample.name, set(ADDED)).update(sample.labels)
    return found


def dashboard() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    return document


def rules() -> list[dict[str, Any]]:
    document = yaml.safe_load((DOCS / "alerts.yml").read_text(encoding="utf-8"))
    return [rule for group in document["groups"] for rule in group["rules"]]


def expressions() -> Iterator[str]:
    yield from (target["expr"] for panel in dashboard()["panels"] for target in panel.get("targets", ()))
    yield from (rule["expr"] for rule in rules())


def test_every_expression_names_series_and_labels_that_exist(families: dict[str, Metric]) -> None:
    series = labels_of(families)
    told = list(expressions())
    assert len(told) > 60
    for expression in told:
        named = SELECTOR.findall(re.sub(GROUPING, "", expression))
        assert named or expression.startswith("up{"), expression
        grouped = {label.strip() for labels in GROUPING.findall(expression) for label in labels.split(",")}
        for name, matchers in named:
            assert name in series, expression
            asked = set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", matchers))
            assert asked | grouped <= series[name], expression
        assert expression.count("(") == expression.count(")")


def test_the_variables_of_the_dashboard_exist(families: dict[str, Metric]) -> None:
    series = labels_of(families)
    variables = {variable["name"]: variable for variable in dashboard()["templating"]["list"]}
    used = set(re.findall(r"\$(?:\{(\w+)\}|(\w+))", DASHBOARD.read_text(encoding="utf-8")))
    assert {first or second for first, second in used} - {"__rate_interval", "__all"} == set(variables)
    for variable in variables.values():
        if variable["type"] == "query":
            match = re.fullmatch(r"label_values\((\w+), (\w+)\)", variable["query"]["query"])
            assert match is not None
            assert match[2] in series[match[1]]


def test_the_dashboard_is_one_that_grafana_10_reads() -> None:
    board = dashboard()
    assert board["schemaVersion"] >= 38
    panels = board["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert {panel["type"] for panel in panels} <= PANELS
    places: set[tuple[int, int]] = set()
    for panel in panels:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & places, f"{panel['title']} lies over another"
        assert max(x for x, _ in cells) < 24
        places |= cells
        if panel["type"] != "row":
            assert panel["description"]
            assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
            assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"]) > 0


def test_an_alert_says_what_to_look_at() -> None:
    alerts = rules()
    assert len({rule["alert"] for rule in alerts}) == len(alerts)
    for rule in alerts:
        assert re.fullmatch(r"([A-Z][a-z]+)+", rule["alert"])
        assert rule["labels"]["severity"] in {"page", "ticket"}
        assert set(rule["annotations"]) == {"summary", "description"}


def test_the_table_in_operations_holds_every_metric(families: dict[str, Metric]) -> None:
    text = (DOCS / "operations.md").read_text(encoding="utf-8").partition("\n## Metrics\n")[2].partition("\n## ")[0]
    rows = dict(re.findall(r"^\| `(robot_[a-z_]+)` \| ([^|]*) \|", text, re.MULTILINE))
    exposed = {}
    for family in families.values():
        if family.name.startswith("robot_"):
            labels = sorted({label for sample in family.samples for label in sample.labels} - {"le"})
            exposed[family.name + ("_total" if family.type == "counter" else "")] = labels
    assert {name: sorted(re.findall(r"\w+", labels)) for name, labels in rows.items()} == exposed
