"""Scripts, styles and pictures: read once, served from memory under names that change with their content."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

_FOLDER = Path(__file__).parent / "static"
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
}
_FOR_EVER = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class Assets:
    """All files below `static/` whose kind is served."""

    paths: dict[str, str]
    """File, as templates name it → path on the site."""
    _contents: dict[str, tuple[bytes, str]]

    @classmethod
    def read(cls, folder: Path = _FOLDER) -> Self:
        """Read them."""
        paths, contents = {}, {}
        for file in sorted(folder.rglob("*")):
            if file.suffix in _TYPES:
                content = file.read_bytes()
                mark = hashlib.sha256(content).hexdigest()[:12]
                path = f"/static/{file.stem}.{mark}{file.suffix}"
                paths[file.relative_to(folder).as_posix()] = path
                contents[path] = (content, _TYPES[file.suffix])
        return cls(paths, contents)

    def path(self, name: str) -> str:
        """The path of a file; KeyError for one that is not there."""
        return self.paths[name]

    def route(self) -> Route:
        """What serves them."""
        return Route("/static/{name}", self._serve)

    async def _serve(self, request: Request) -> Response:
        found = self._contents.get(request.url.path)
        if found is None:
            return PlainTextResponse("not found", 404)
        return Response(found[0], media_type=found[1], headers={"Cache-Control": _FOR_EVER})
