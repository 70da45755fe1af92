"""The routes that a dashboard elsewhere uses: the run's files, corpora, computations."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path as Folder
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import FastAPI, Path, Query, Request
from fastapi.responses import StreamingResponse

from dnr_core.api.compute import Work
from dnr_core.api.limits import body_of, pieces
from dnr_core.api.openapi import refusals
from dnr_core.data.corpus import Corpus
from dnr_core.remote.corpora import unpack
from dnr_core.remote.frames import MEDIA_TYPE
from dnr_core.training.checkpoint import check_fit

if TYPE_CHECKING:
    from dnr_core.api.app import Service

Hash = Annotated[str, Path(pattern="^[0-9a-f]{64}$")]
Asked = Annotated[str, Query(pattern="^[0-9a-f]{64}$")]
BYTES = {"requestBody": {"required": True, "content": {"application/octet-stream": {"schema": {
    "type": "string", "format": "binary"}}}}}  # fmt: skip


def add(app: FastAPI, service: Service) -> None:
    """Add the routes to an app."""
    told = refusals() | {status: refusals()[422] | {"description": said} for status, said in (
        (404, "not known here"), (409, "another run is served"))}  # fmt: skip
    uploads = asyncio.Lock()

    @app.get("/run", summary="The JSON files of the run, as they were when it was read", responses=told)
    async def run() -> dict[str, Any]:
        return {"files": {name: content.decode("utf-8") for name, content in service.served.files.items()}}

    @app.put("/corpora/{corpus}", summary="Send a corpus", responses=told, openapi_extra=BYTES)
    async def send(corpus: Hash, request: Request) -> dict[str, Any]:
        limits = service.limits
        with tempfile.TemporaryDirectory(prefix="dnr-") as folder:
            file = Folder(folder) / "corpus.safetensors"
            async with uploads:
                with file.open("wb") as stream:
                    coming = pieces(request, most=limits.corpus, pause_s=limits.pause_s, whole_s=limits.corpus_s)
                    async for piece in coming:
                        stream.write(piece)
                rows = await asyncio.to_thread(read, file, corpus)
        service.computing.add(rows)
        return {"corpus": corpus, "utterances": len(rows)}

    def read(file: Folder, wanted: str) -> Corpus:
        rows = unpack(file, wanted)
        check_fit(service.served.header, rows)
        return rows

    @app.post(
        "/compute/{name}", summary="Compute something of a corpus that was sent", responses=told, openapi_extra=BYTES,
        response_class=StreamingResponse,
    )  # fmt: skip
    async def compute(name: str, manifest: Asked, corpus: Asked, request: Request) -> StreamingResponse:
        async with body_of(request, service.limits, service.held) as raw:
            asked = service.computing.asked(name, manifest, corpus, raw)
        work = Work()
        ended = service.computations.start(lambda: work.run(asked))
        return StreamingResponse(work.frames(ended), media_type=MEDIA_TYPE)
