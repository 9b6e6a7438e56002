"""Bodies that bring a file: multipart/form-data, read within bounds."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Final

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from mien.api.errors import ApiError, ReturnCode

MOST_FIELDS: Final = 20
FIELD_BYTES: Final = 64 * 1024
"""Of everything but the file."""


def is_form(request: Request) -> bool:
    """Whether the body says it is multipart/form-data."""
    kind = request.headers.get("content-type", "").split(";", 1)[0]
    return kind.strip().lower() == "multipart/form-data"


async def read_form(request: Request, file_bytes: int) -> tuple[dict[str, list[str]], dict[str, bytes]]:
    """Texts and files by name; the file has about `file_bytes` at most. Raises ApiError for any other body."""
    parser = MultiPartParser(
        request.headers,
        _bounded(request, file_bytes),
        max_files=1,
        max_fields=MOST_FIELDS,
        max_part_size=FIELD_BYTES,
    )
    try:
        form = await parser.parse()
    except MultiPartException as error:
        raise ApiError(ReturnCode.BODY, f"the body is not usable multipart/form-data: {error.message}") from error
    except ClientDisconnect as error:
        raise ApiError(ReturnCode.BODY) from error
    texts: dict[str, list[str]] = {}
    files: dict[str, bytes] = {}
    try:
        for name, value in form.multi_items():
            if isinstance(value, UploadFile):
                files[name] = await value.read()
            else:
                texts.setdefault(name, []).append(value)
    finally:
        await form.close()
    return texts, files


async def _bounded(request: Request, file_bytes: int) -> AsyncGenerator[bytes, None]:
    count = 0
    async for chunk in request.stream():
        count += len(chunk)
        if count > file_bytes + FIELD_BYTES:
            raise ApiError(ReturnCode.BODY, f"the file is larger than {file_bytes // 2**20} MiB")
        yield chunk
