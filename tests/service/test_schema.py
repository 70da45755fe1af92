"""Schemathesis draws requests from the description that the service gives of itself: none may end in a fault of its."""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from service_process import Service

EXAMPLES = 25
PATHS = {
    "/health": "GET", "/metrics": "GET", "/model": "GET", "/run": "GET", "/predict": "POST", "/explain": "POST",
    "/coalitions": "POST", "/attribute": "POST", "/corpora/{corpus}": "PUT", "/compute/{name}": "POST",
}  # fmt: skip
"""Every operation of the service."""


@pytest.fixture(scope="module")
def operations(service: Service) -> dict[str, Any]:
    schemathesis.openapi.media_type("application/vnd.safetensors", st.binary(max_size=200))
    schemathesis.openapi.media_type("application/octet-stream", st.binary(max_size=200))
    found = schemathesis.openapi.from_url(f"{service.address}/openapi.json")
    return {one.ok().path: one.ok() for one in found.get_all_operations()}


def test_every_operation_is_drawn_from(operations: dict[str, Any]) -> None:
    assert {path: one.method.upper() for path, one in operations.items()} == PATHS


@pytest.mark.parametrize(
    ("mode", "path"),
    [(GenerationMode.POSITIVE, path) for path in PATHS]
    + [(GenerationMode.NEGATIVE, path) for path, method in PATHS.items() if method != "GET"],
    ids=lambda value: value if isinstance(value, str) else value.name.lower(),
)
def test_no_request_ends_in_a_fault(
    service: Service, operations: dict[str, Any], path: str, mode: GenerationMode
) -> None:
    checks = schemathesis.checks
    kept = (checks.not_a_server_error, checks.status_code_conformance, checks.content_type_conformance,
            checks.response_schema_conformance)  # fmt: skip
    seen: list[int] = []

    @settings(
        max_examples=EXAMPLES, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
    @given(case=operations[path].as_strategy(generation_mode=mode))
    def ask(case: schemathesis.Case) -> None:
        answer = case.call(base_url=service.address, timeout=60)
        seen.append(answer.status_code)
        case.validate_response(answer, checks=kept)
        if answer.status_code >= 400:
            assert set(answer.json()["error"]) == {"status", "kind", "message", "where"}

    ask()
    assert max(seen) < 500
    if mode is GenerationMode.POSITIVE and path in ("/predict", "/coalitions"):
        assert 200 in seen, "what fits the description is answered"
