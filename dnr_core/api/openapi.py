"""The description of the service for other programs: bodies of this run with examples, and the shape of failures."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from dnr_core.api.bodies import JSON, SAFETENSORS, Bodies
from dnr_core.types import MODALITIES

REFUSALS = {
    400: "not understood", 401: "no token, or another one", 408: "the body did not come", 413: "the body is too large",
    415: "neither JSON nor safetensors", 421: "not a host of this service", 422: "what is wrong with the content",
    429: "too much is waiting: come again after Retry-After seconds",
}  # fmt: skip
ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["status", "kind", "message", "where"],
            "properties": {
                "status": {"type": "integer"},
                "kind": {"type": "string"},
                "message": {"type": "string"},
                "where": {"type": ["string", "null"]},
            },
        }
    },
}


def refusals() -> dict[int | str, dict[str, Any]]:
    """The failures of a route, for its description."""
    content = {JSON: {"schema": {"$ref": "#/components/schemas/Error"}}}
    return {status: {"description": said, "content": content} for status, said in REFUSALS.items()}


def body_of(route: str) -> dict[str, Any]:
    """What stands for the body of a route until the schema is made."""
    content = {
        JSON: {"schema": {"$ref": f"#/components/schemas/{route.title()}Body"}},
        SAFETENSORS: {"schema": {"type": "string", "format": "binary"}},
    }
    return {"requestBody": {"required": True, "content": content}}


def example(route: str, widths: dict[str, int]) -> dict[str, Any]:
    """One dialogue of two turns, the second without a measured face."""
    numbers = {name: [0.1] * widths[name] for name in MODALITIES}
    turns = [{"speaker": "A", **numbers}, {"speaker": "B", **numbers, MODALITIES[-1]: None}]
    given: dict[str, Any] = {"dialogues": [{"dialogue_id": "d1", "utterances": turns}]}
    chosen = {"scope": "dialogue", "removal": "mean"}
    options = {"explain": chosen, "coalitions": chosen, "attribute": {"turn": 1, "method": "integrated_gradients"}}
    return given | options.get(route, {})


def describe(app: FastAPI, bodies: Bodies) -> None:
    """Make the description of an app, with the bodies of its run."""

    def made() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = schema(app, bodies)
        return app.openapi_schema

    app.openapi = made


def schema(app: FastAPI, bodies: Bodies) -> dict[str, Any]:
    """The OpenAPI document."""
    found = get_openapi(title=app.title, version=app.version, routes=app.routes, description=str(__doc__))
    components = found.setdefault("components", {}).setdefault("schemas", {})
    components["Error"] = ERROR
    for model in bodies.models.values():
        described = model.model_json_schema(ref_template="#/components/schemas/{model}")
        components |= described.pop("$defs", {}) | {model.__name__: described}
    for path, methods in found["paths"].items():
        content = methods.get("post", {}).get("requestBody", {}).get("content", {})
        if path.strip("/") in bodies.models:
            content[JSON]["example"] = example(path.strip("/"), bodies.widths)
    return found
