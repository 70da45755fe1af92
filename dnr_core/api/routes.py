"""The routes that anyone may use: predictions, explanations, the run, health and counters."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
from fastapi import FastAPI, Request, Response
from safetensors.numpy import save

from dnr_core.api import answers
from dnr_core.api.bodies import JSON, SAFETENSORS, Asked
from dnr_core.api.limits import body_of
from dnr_core.api.metrics import CONTENT_TYPE
from dnr_core.api.openapi import body_of as body_schema
from dnr_core.api.openapi import refusals

if TYPE_CHECKING:
    from dnr_core.api.app import Service

TENSORS: dict[int | str, dict[str, Any]] = {
    200: {"description": "JSON, or safetensors where Accept asks for it", "content": {JSON: {}, SAFETENSORS: {}}}
}


def add(app: FastAPI, service: Service) -> None:
    """Add the routes to an app."""
    served, told = service.served, refusals()

    async def asked_in(route: str, request: Request) -> Asked:
        async with body_of(request, service.limits, service.held) as raw:
            return service.bodies.read(route, request.headers.get("content-type", ""), raw)

    @app.get("/health", summary="Whether it answers, and whether the run has changed on disk")
    async def health() -> dict[str, Any]:
        changed = served.changed_on_disk()
        return {"status": "ok", "run": served.name, "manifest": served.header.manifest_hash, "changed_on_disk": changed}

    @app.get("/metrics", summary="Counters for Prometheus", response_class=Response)
    async def metrics() -> Response:
        return Response(service.metrics.text(), media_type=CONTENT_TYPE)

    @app.get("/model", summary="The run that is served", responses=told)
    async def model() -> dict[str, Any]:
        return served.about() | {"limits": vars(service.limits)}

    @app.post(
        "/predict", summary="Emotions of every turn", responses=TENSORS | told, openapi_extra=body_schema("predict")
    )
    async def predict(request: Request) -> Response:
        with service.batcher.expected():
            asked = await asked_in("predict", request)
            logits = await service.batcher.predict(asked.dialogues)
        if wants_tensors(request):
            answers.check_numbers(asked.dialogues, logits)
            return tensors({"logits": logits}, emotions=list(served.header.emotions))
        return as_json(answers.predictions(served, asked.dialogues, logits))

    @app.post("/explain", summary="Values of parts and atoms", responses=told, openapi_extra=body_schema("explain"))
    async def explain(request: Request) -> Response:
        asked = await asked_in("explain", request)
        return as_json(await service.lane.run(request, lambda stop: answers.explanations(served, asked, stop)))

    @app.post(
        "/coalitions", summary="Logits under all coalitions of parts", responses=TENSORS | told,
        openapi_extra=body_schema("coalitions"),
    )  # fmt: skip
    async def coalitions(request: Request) -> Response:
        asked = await asked_in("coalitions", request)
        found = await service.lane.run(request, lambda stop: answers.coalitions(served, asked, stop))
        if wants_tensors(request):
            about = answers.about(served, asked)
            return tensors({"logits": found.logits, "lengths": np.array(asked.dialogues.lengths)}, **about)
        return as_json(answers.coalitions_json(served, asked, found))

    @app.post("/attribute", summary="What made one prediction", responses=told, openapi_extra=body_schema("attribute"))
    async def attribute(request: Request) -> Response:
        asked = await asked_in("attribute", request)
        return as_json(await service.lane.run(request, lambda stop: answers.attribution(served, asked, stop)))


def as_json(values: dict[str, Any]) -> Response:
    """A JSON response; NaN is a fault of the service, never sent."""
    return Response(json.dumps(values, allow_nan=False, separators=(",", ":")), media_type=JSON)


def wants_tensors(request: Request) -> bool:
    """Whether the answer is to be safetensors."""
    return SAFETENSORS in request.headers.get("accept", "")


def tensors(arrays: dict[str, np.ndarray], **about: Any) -> Response:
    """A safetensors response; `about` stands in its header as JSON."""
    contiguous = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    return Response(save(contiguous, {"about": json.dumps(about)}), media_type=SAFETENSORS)
