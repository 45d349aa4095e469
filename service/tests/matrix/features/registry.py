"""Functions, datasets and files."""

from __future__ import annotations

import secrets
import zlib
from typing import Any

from matrix_world import API, World

TABLE = """
                                                nobody pupil student teacher teacher2 admin agent agent2 gone gone-agent
GET  /api/v1/functions                             401   200     200     200      200   200   403    403  401        401
POST /api/v1/functions +function                   401   403     201     201      201   201   403    403  401        401
GET  /api/v1/functions/{ref=function}              401   404     404     200      404   200   403    403  401        401
GET  /api/v1/functions/{ref=public_function}       401   200     200     200      200   200   403    403  401        401
GET  /api/v1/functions/{ref=function}/versions     401   404     404     200      404   200   403    403  401        401
PUT  /api/v1/functions/{ref=function}/sharing +public 401 403    404     200      404   200   403    403  401        401
PUT  /api/v1/functions/{ref=public_function}/sharing +private_again 401 403 403 200 403 200 403    403  401        401
PUT  /api/v1/functions/{ref=function}/deprecation +reason 401 403 404    200      404   200   403    403  401        401
DELETE /api/v1/functions/{ref=old_function}/deprecation 401 403  404     200      404   200   403    403  401        401
DELETE /api/v1/functions/{ref=function}            401   403     404     204      404   204   403    403  401        401
DELETE /api/v1/functions/{ref=public_function}     401   403     403     204      403   204   403    403  401        401
GET  /api/v1/datasets                              401   200     200     200      200   200   403    403  401        401
POST /api/v1/datasets +dataset                     401   403     403     201      201   201   403    403  401        401
POST /api/v1/datasets +dataset_of_a_file           401   403     403     201      404   201   403    403  401        401
POST /api/v1/datasets +taken_dataset               401   403     403     200      409   409   403    403  401        401
GET  /api/v1/datasets/{name=dataset}               401   200     200     200      200   200   403    403  401        401
POST /api/v1/files +file                           401   403     403     201      201   201   403    403  401        401
GET  /api/v1/files/{key=file}                      401   404     404     200      404   200   404    404  401        401
GET  /api/v1/files/{key=file_at_work}              401   404     404     200      404   200   200    404  401        401
"""


def function_spec(world: World, **more: Any) -> dict[str, Any]:
    """Return a function that nobody has published yet."""
    source = "def double(x):\n    return 2 * x\n"
    return {"name": world.unique("double"), "source": source, "entrypoint": "double", **more}


def _published(world: World, **more: Any) -> str:
    return str(world.made("teacher", "/functions", json=function_spec(world, **more))["id"])


def dataset_spec(world: World, **file: Any) -> dict[str, Any]:
    """Return a dataset that nobody has published yet."""
    known = {"uri": "root://e//f", "size": 9, "checksum": f"adler32:{secrets.token_hex(4)}"}
    return {"name": world.unique("data"), "title": "Some data", "files": [{**known, **file}]}


def _dataset(world: World) -> str:
    return str(world.made("teacher", "/datasets", json=dataset_spec(world))["name"])


def _upload(world: World) -> tuple[str, dict[str, Any]]:
    content = secrets.token_bytes(32)
    key = world.made("teacher", "/files", content=content)["key"]
    file = {"uri": f"openbeam://files/{key}", "size": 32, "checksum": f"adler32:{zlib.adler32(content):08x}"}
    return str(key), dataset_spec(world, **file)


def _file_at_work(world: World) -> str:
    """Return a file that the teacher's endpoint has a task for."""
    key, dataset = _upload(world)
    source = "def analyze(events, params):\n    return {}\n"
    run = {
        "function": _published(world, source=source, entrypoint="analyze", kind="analysis"),
        "dataset": world.made("teacher", "/datasets", json=dataset)["name"],
        "endpoint": world.ids["agent"],
    }
    world.made("teacher", "/runs", json=run)
    return key


def _deprecated(world: World) -> str:
    function = _published(world)
    answer = world.http["teacher"].put(f"{API}/functions/{function}/deprecation", json={"reason": "It was wrong."})
    assert answer.status_code == 200, answer.text
    return function


THINGS = {
    "old_function": _deprecated,
    "function": _published,
    "public_function": lambda world: _published(world, visibility="public"),
    "dataset": _dataset,
    "file": lambda world: _upload(world)[0],
    "file_at_work": _file_at_work,
}
BODIES = {
    "function": lambda world: {"json": function_spec(world)},
    "public": lambda _: {"json": {"visibility": "public"}},
    "private_again": lambda _: {"json": {"visibility": "private"}},
    "reason": lambda _: {"json": {"reason": "It was wrong."}},
    "dataset": lambda world: {"json": dataset_spec(world)},
    "dataset_of_a_file": lambda world: {"json": _upload(world)[1]},
    "taken_dataset": lambda world: {"json": {**dataset_spec(world), "name": _dataset(world)}},
    "file": lambda _: {"content": secrets.token_bytes(32)},
}
