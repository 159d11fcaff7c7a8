"""A web server with one model zip on it, and the faults a long download meets."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field

from aiohttp import web
from aiohttp.test_utils import TestServer

from ivr.speech.models import KnownModel

MODEL_FILES = {
    "am/final.mdl": b"acoustic" * 4000,
    "conf/mfcc.conf": b"--sample-frequency=8000\n",
    "conf/model.conf": b"--beam=13.0\n",
    "graph/HCLr.fst": bytes(range(256)) * 12_000,
    "graph/Gr.fst": b"language" * 100,
    "graph/disambig_tid.int": b"1\n",
}


def zipped(files: Mapping[str, bytes], folder: str = "some-model/") -> bytes:
    """A stored (not compressed) zip of the files, so that its size says something."""
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w", zipfile.ZIP_STORED) as archive:
        for name, content in files.items():
            archive.writestr(folder + name, content)
    return raw.getvalue()


@dataclass
class ModelServer:
    """Serves ``body`` with ranges. Each entry of ``cuts`` ends one answer after that many bytes."""

    body: bytes
    cuts: list[int] = field(default_factory=list)
    ranges: bool = True
    status: int = 200
    etag: str = '"one"'
    asked: list[str | None] = field(default_factory=list)

    async def start(self) -> TestServer:
        app = web.Application()
        app.router.add_get("/model.zip", self._serve)
        server = TestServer(app)
        await server.start_server()
        return server

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        asked = request.headers.get("Range")
        self.asked.append(asked)
        if self.status != 200:
            return web.Response(status=self.status)
        first = 0
        fits = request.headers.get("If-Range", self.etag) == self.etag
        if asked and self.ranges and fits:
            first = int(asked.removeprefix("bytes=").rstrip("-"))
        if first >= len(self.body):
            return web.Response(status=416, headers={"Content-Range": f"bytes */{len(self.body)}"})
        response = web.StreamResponse(status=206 if first else 200, headers={"ETag": self.etag})
        if first:
            response.headers["Content-Range"] = f"bytes {first}-{len(self.body) - 1}/{len(self.body)}"
        response.content_length = len(self.body) - first
        await response.prepare(request)
        if self.cuts:
            await response.write(self.body[first : first + self.cuts.pop(0)])
            assert request.transport is not None
            request.transport.close()
            return response
        await response.write(self.body[first:])
        return response

    def known(self, server: TestServer, **other: object) -> KnownModel:
        """The manifest entry that fits, with fields replaced at will."""
        fields: dict[str, object] = {
            "name": "some-model", "address": str(server.make_url("/model.zip")), "bytes": len(self.body),
            "sha256": hashlib.sha256(self.body).hexdigest(), "licence": "Apache-2.0", "about": "for tests",
        }  # fmt: skip
        return KnownModel(**(fields | other))  # type: ignore[arg-type]
