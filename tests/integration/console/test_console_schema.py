"""Every route against its own documentation: requests made up from it, good and bad, and answers as it says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import positive_data_acceptance

from robot.console.api import interface
from tests.integration.console.consoles import TOKEN, Running, running

pytestmark = pytest.mark.slow

# No FreeSWITCH runs here, which is told as 503; and a number or a time zone may be written well and be none.
_NOT_PROMISED: list[Any] = [not_a_server_error, positive_data_acceptance]

schema = schemathesis.openapi.from_dict(interface().openapi()).exclude(path="/api/events")


@pytest.fixture(scope="module")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("console")) as each:
        yield each


@schema.auth()
class Token:
    def get(self, case: schemathesis.Case[Any], context: schemathesis.AuthContext) -> str:
        return TOKEN

    def set(self, case: schemathesis.Case[Any], data: str, context: schemathesis.AuthContext) -> None:
        case.headers["Authorization"] = f"Bearer {data}"


@schema.parametrize()
@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
def test_a_route_does_what_it_says(case: schemathesis.Case[Any], console: Running) -> None:
    answer = case.call(base_url=console.base, timeout=20)
    assert answer.status_code != 500
    case.validate_response(answer, excluded_checks=_NOT_PROMISED)
