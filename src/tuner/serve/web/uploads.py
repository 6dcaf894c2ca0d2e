"""Uploads: a table (CSV, Parquet), or a ZIP file with one folder of pictures per class."""

from __future__ import annotations

import hmac
import shutil
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, RedirectResponse

from tuner.errors import UsageError
from tuner.files import unused_beside
from tuner.language import said
from tuner.naming import folder_name
from tuner.serve.disk.room import FULL
from tuner.serve.shelf.unpacking import unpack
from tuner.serve.web.access import UPLOAD, declared_length
from tuner.serve.web.routing import RoleRoute, check_role, route

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.requests import Request
    from starlette.responses import Response

    from tuner.serve.disk.room import Room
    from tuner.serve.service import Service
    from tuner.serve.web.routing import Asked

FOR_FILE = said("Rename the file")
BYTES = "application/octet-stream"  # a form of another site cannot send this type
MOST_UPLOADS = 1000
PARQUET, SHORTEST_PARQUET = b"PAR1", 12  # PAR1 at both ends, and 4 bytes for a length


async def _receive(request: Request) -> Response:
    check_role(request, "operator")
    service: Service = request.app.state.service
    person = request.state.person
    key = service.form_key(person.session).encode()
    if not hmac.compare_digest(request.headers.get("x-form-key", "").encode(), key):
        raise HTTPException(403, said("the form is too old; load its page again and repeat"))
    return await receive(request)


async def receive(request: Request) -> Response:
    """Receive a file in pieces; it is never in memory as a whole.

    Raises:
        HTTPException: the sender may not upload data, the content type is wrong (so that no form of
            another site can upload), or the file cannot be written.
        UsageError: the data cannot be used, or there is not enough space.
    """
    check_role(request, "operator")
    service: Service = request.app.state.service
    person = request.state.person
    if request.headers.get("content-type", "").partition(";")[0] != BYTES:
        raise HTTPException(
            415, said("send the bytes of the file, with Content-Type: {bytes}", bytes=BYTES)
        )
    name = _name(service, request.query_params.get("name", ""))
    service.room.check(declared_length(request))
    try:
        with _beside(service) as path:
            with path.open("wb") as file:
                async for piece in request.stream():
                    await run_in_threadpool(_write, file, piece, service.room)
            kept = await run_in_threadpool(_keep, path, name, service.room)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise HTTPException(
            507, said("the file cannot be kept: {reason}", reason=reason)
        ) from error
    service.acts.note(person.name, "upload", kept)
    return JSONResponse({"data": kept}, 201)


def _name(service: Service, typed: str) -> str:
    """Return the name under which an upload is stored.

    Raises:
        UsageError: the name is invalid or taken, or there are too many uploads.
    """
    name = folder_name(typed, FOR_FILE)
    suffix = Path(name).suffix.lower()
    if suffix not in {*TABLES, ".zip"}:
        raise UsageError(
            said("got {name!r}; send a table (.csv, .parquet), or pictures (.zip)", name=name)
        )
    kept = Path(name).stem if suffix == ".zip" else name
    folder_name(kept, FOR_FILE)
    there = service.shelf.data.names()
    if any(kept.casefold() == one.partition("/")[2].casefold() for one in there):
        raise UsageError(said("there is already data named {kept!r}; rename the file", kept=kept))
    if len(there) >= MOST_UPLOADS:
        raise UsageError(said("there are too many uploads; ask an admin to remove some"))
    if service.room.disk().is_full:
        raise UsageError(FULL)
    return name


@contextmanager
def _beside(service: Service) -> Iterator[Path]:
    """Yield a temporary file next to the uploads, and remove it afterwards."""
    folder = service.shelf.data.uploads
    if folder is None:
        raise UsageError(said("this service accepts no uploads"))
    folder.mkdir(parents=True, exist_ok=True)
    path = unused_beside(folder / "upload")
    path.touch(exist_ok=False)
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


def _write(file: BinaryIO, piece: bytes, room: Room) -> None:
    room.check(len(piece))  # others write too, and a body may not declare its length
    file.write(piece)


def _keep(path: Path, name: str, room: Room) -> str:
    """Check an uploaded file, and add it to the uploads; return its name there.

    Raises:
        UsageError: its content does not match its name, or there is not enough space to unpack it.
    """
    folder = path.parent
    if (suffix := Path(name).suffix.lower()) in TABLES:
        TABLES[suffix](path, name)
        place = folder / name
        _put(path, place)
        return f"uploads/{place.name}"
    made = unused_beside(folder / "upload")
    made.mkdir()
    try:
        unpack(path, made, room.check)
        place = folder / Path(name).stem
        _put(made, place)
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return f"uploads/{place.name}"


def _check_text(path: Path, name: str) -> None:
    with path.open("rb") as file:
        head = file.read(2**16)
    if not head.strip():
        raise UsageError(said("{name!r} is empty; choose a file with rows", name=name))
    if b"\0" in head and not head.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):  # a study reads those
        raise UsageError(
            said("{name!r} is not a table as text; save it as CSV, in UTF-8", name=name)
        )


def _check_parquet(path: Path, name: str) -> None:
    """Check the magic bytes at both ends. Only the process of a study reads the file itself."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(len(PARQUET))
        file.seek(max(0, size - len(PARQUET)))
        tail = file.read()
    if head != PARQUET or tail != PARQUET or size < SHORTEST_PARQUET:
        raise UsageError(
            said("{name!r} is not a whole Parquet file; save it again and repeat", name=name)
        )


TABLES = {".csv": _check_text, ".parquet": _check_parquet}


def _put(path: Path, place: Path) -> None:
    if place.exists():  # somebody has just uploaded the same name
        raise UsageError(
            said("there is already data named {name!r}; rename the file", name=place.name)
        )
    path.rename(place)


def _remove(asked: Asked) -> Response:
    name = asked.form().get("data", [""])[0]
    asked.service.shelf.data.remove(name)
    asked.service.acts.note(asked.who, "remove an upload", name)
    return RedirectResponse("/tuner/machine", 303)


def routes() -> list[RoleRoute]:
    """Return the routes."""
    return [
        RoleRoute(UPLOAD, _receive, "operator", "POST"),
        route(f"{UPLOAD}/remove", _remove, "admin", "POST"),
    ]
