from __future__ import annotations

import hashlib
import os
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from openbeam.models import Role
from service_kit import ANALYSIS, PLAIN, Agent, Machine

Unique = Callable[[str], str]


@pytest.fixture(scope="module")
def mia(machine: Machine) -> httpx.Client:
    return machine.person("mia")


@pytest.fixture(scope="module")
def max_(machine: Machine) -> httpx.Client:
    return machine.person("max")


@pytest.fixture(scope="module")
def teacher(machine: Machine) -> httpx.Client:
    return machine.person("thea", Role.teacher)


def _function(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "source": PLAIN, "entrypoint": "double", **more}


def _error(answer: httpx.Response, status: int, kind: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    error = dict(answer.json()["error"])
    assert error["kind"] == kind
    return error


# ------------------------------------------------------------------------------------------------ functions
def test_the_same_again_is_the_same_version(mia: httpx.Client, unique: Unique) -> None:
    spec = _function(unique("f"), lessons=[{"title": "T", "markdown": "# T"}], tags=["muon"])
    first = mia.post("/functions", json=spec)
    again = mia.post("/functions", json=spec)
    other = mia.post("/functions", json={**spec, "title": "Another word"})
    back = mia.post("/functions", json=spec)
    answers = (first, again, other, back)
    assert [answer.status_code for answer in answers] == [201, 200, 201, 201]
    assert [answer.json()["version"] for answer in answers] == [1, 1, 2, 3]
    assert first.json()["id"] == again.json()["id"]
    assert first.json()["sha256"] == hashlib.sha256(PLAIN.encode()).hexdigest()
    assert first.json()["lessons"][0]["markdown"] == "# T"


def test_a_version_is_found_by_every_reference(mia: httpx.Client, unique: Unique) -> None:
    name = unique("f")
    ids = [mia.post("/functions", json=_function(name, title=title)).json()["id"] for title in "ab"]
    for ref, number in ((name, 2), (f"{name}@latest", 2), (f"{name}@1", 1), (f"{name}@2", 2), (ids[0], 1)):
        found = mia.get(f"/functions/{ref}").json()
        assert (found["version"], found["id"], found["owner"]) == (number, ids[number - 1], "mia")
    error = _error(mia.get(f"/functions/{name}@7"), 404, "UnknownFunction")
    assert f"{name}@2" in error["details"]["nearest"]


def test_private_functions_are_seen_by_their_owner_only(
    mia: httpx.Client, max_: httpx.Client, operator: httpx.Client, unique: Unique
) -> None:
    name = unique("secret")
    function = mia.post("/functions", json=_function(name)).json()
    for ref in (name, function["id"]):
        error = _error(max_.get(f"/functions/{ref}"), 404, "UnknownFunction")
        assert name not in error["details"]["nearest"]
    assert name not in [one["name"] for one in max_.get("/functions").json()]
    assert operator.get(f"/functions/{function['id']}").status_code == 200


def test_a_name_means_ones_own_function_before_others(
    teacher: httpx.Client, max_: httpx.Client, operator: httpx.Client, unique: Unique
) -> None:
    name = unique("shared")
    teacher.post("/functions", json=_function(name, visibility="public"))
    assert max_.get(f"/functions/{name}").json()["owner"] == "thea"
    max_.post("/functions", json=_function(name))
    assert max_.get(f"/functions/{name}").json()["owner"] == "max"
    operator.post("/functions", json=_function(name, visibility="public"))
    assert teacher.get(f"/functions/{name}").json()["owner"] == "thea"
    other = unique("nobody")
    operator.post("/functions", json=_function(other, visibility="public"))
    assert teacher.get(f"/functions/{other}").json()["owner"] == "operator"


def test_names_of_the_catalog_are_its_own(mia: httpx.Client, operator: httpx.Client, unique: Unique) -> None:
    name = unique("catalog")
    operator.post("/functions", json=_function(name, visibility="public"))
    error = _error(mia.post("/functions", json=_function(name)), 409, "Conflict")
    assert error["details"]["name"] == name


def test_others_see_the_newest_version_that_is_public(
    teacher: httpx.Client, max_: httpx.Client, unique: Unique
) -> None:
    name = unique("draft")
    teacher.post("/functions", json=_function(name, visibility="public"))
    teacher.post("/functions", json=_function(name, title="draft"))
    assert [one["version"] for one in teacher.get("/functions").json() if one["name"] == name] == [2]
    assert [one["version"] for one in max_.get("/functions").json() if one["name"] == name] == [1]
    assert max_.get(f"/functions/{name}").json()["version"] == 1


def test_search_wants_all_words(mia: httpx.Client, unique: Unique) -> None:
    name = unique("peak")
    mia.post("/functions", json=_function(name, title="Find the Z boson", tags=["dimuon"], description="100% real_"))

    def found(search: str) -> bool:
        answer = mia.get("/functions", params={"search": search})
        return name in [one["name"] for one in answer.json()]

    assert found(name)
    assert found("boson find")
    assert found("DIMUON z")
    assert found("100% real_")
    assert not found("higgs z")
    assert not found("%%%")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"source": "def double(x:\n  pass"}, "line 1"),
        ({"source": "x = 1"}, "defines no 'double'"),
        ({"source": "def dubble(x): pass"}, "Did you mean dubble?"),
        ({"source": "if True:\n    def double(x): pass"}, "at top level"),
        ({"source": "a\0b"}, "null"),
        ({"source": "x = " + "-" * 100_000 + "1"}, "nested too deeply"),
        ({"parameters": {"type": "array"}}, '"type": "object"'),
        ({"parameters": {"type": "object", "properties": {"a": {"type": "nonsense"}}}}, "is not valid"),
        ({"parameters": {"type": "object", "$schema": "http://json-schema.org/draft-07/schema#"}}, "dialect"),
        ({"parameters": {"type": "object", "properties": {"a": {"$ref": "http://e.org/s"}}}}, "inside itself"),
        ({"parameters": {"type": "object", "properties": {"a": {"$ref": "#/$defs/none"}}}}, "not there"),
        ({"parameters": {"type": "object", "properties": {"a": {"$ref": "#"}}}}, "from inside"),
        (
            {
                "parameters": {
                    "type": "object",
                    "properties": {"a": {"$ref": "#/$defs/a"}},
                    "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}},
                }
            },
            "from inside",
        ),
        ({"parameters": {"type": "object", "properties": {"a": {"pattern": "(?=x)y"}}}}, "look-around"),
        ({"parameters": {"type": "object", "patternProperties": {"^a": {}}}}, "patternProperties"),
        ({"parameters": {"type": "object", "$id": "https://e.org"}}, "names itself"),
        ({"parameters": {"type": "object", "properties": {"a": {"$schema": "x"}}}}, "dialect inside"),
        ({"parameters": {"type": "object", "title": "x" * 70_000}}, "larger than"),
        ({"name": "Not A Name"}, "name"),
        ({"source": "#" * 300_000}, "source"),
        ({"nonsense": 1}, "nonsense"),
    ],
)
def test_what_is_no_function_says_why(mia: httpx.Client, unique: Unique, change: dict[str, Any], words: str) -> None:
    error = _error(mia.post("/functions", json={**_function(unique("bad")), **change}), 422, "InvalidInput")
    assert words in error["message"]


def test_small_schemas_that_unfold_into_huge_ones_are_refused(mia: httpx.Client, unique: Unique) -> None:
    defs: dict[str, Any] = {"d0": {"type": "number"}}
    for level in range(1, 20):
        ref = {"$ref": f"#/$defs/d{level - 1}"}
        defs[f"d{level}"] = {"allOf": [ref, ref]}
    schema = {"type": "object", "properties": {"a": {"$ref": "#/$defs/d19"}}, "$defs": defs}
    error = _error(mia.post("/functions", json=_function(unique("bomb"), parameters=schema)), 422, "InvalidInput")
    assert "unfolds" in error["message"]
    deep: dict[str, Any] = {"type": "object"}
    for _ in range(40):
        deep = {"type": "object", "properties": {"a": deep}}
    error = _error(mia.post("/functions", json=_function(unique("deep"), parameters=deep)), 422, "InvalidInput")
    assert "deep" in error["message"]


@pytest.mark.parametrize("source", ["double = print", "class double: pass", "double: object = 1", ANALYSIS + PLAIN])
def test_an_entrypoint_may_be_any_top_level_name(mia: httpx.Client, unique: Unique, source: str) -> None:
    assert mia.post("/functions", json=_function(unique("top"), source=source)).status_code == 201


def test_what_a_source_says_is_not_done(machine: Machine, mia: httpx.Client, unique: Unique) -> None:
    mark = machine.settings.home.root / "executed"
    source = f"open({str(mark)!r}, 'w').close()\n{PLAIN}"
    assert mia.post("/functions", json=_function(unique("side"), source=source)).status_code == 201
    assert not mark.exists()


# ------------------------------------------------------------------------------------------------ datasets
def _dataset(name: str, **more: Any) -> dict[str, Any]:
    file = {"uri": "root://eos.example//a.root", "size": 10, "checksum": "adler32:0000000a"}
    return {"name": name, "title": "A", "files": [file], **more}


def test_a_dataset_is_published_replaced_and_found(
    teacher: httpx.Client, mia: httpx.Client, operator: httpx.Client, unique: Unique
) -> None:
    name = unique("data")
    assert teacher.post("/datasets", json=_dataset(name)).status_code == 201
    answer = teacher.post("/datasets", json=_dataset(name, title="B", doi="10.7483/X"))
    assert (answer.status_code, answer.json()["title"]) == (200, "B")
    found = mia.get(f"/datasets/{name}").json()
    assert (found["title"], found["doi"], found["owner"]) == ("B", "10.7483/X", "thea")
    assert name in [one["name"] for one in mia.get("/datasets").json()]
    _error(operator.post("/datasets", json=_dataset(name)), 409, "Conflict")
    error = _error(mia.get(f"/datasets/{name}x"), 404, "UnknownDataset")
    assert name in error["details"]["nearest"]


def test_students_publish_no_datasets(mia: httpx.Client, unique: Unique) -> None:
    _error(mia.post("/datasets", json=_dataset(unique("mine"))), 403, "NotAllowed")


@pytest.mark.parametrize(
    "uri", ["file:///etc/passwd", "http://127.0.0.1:8600/", "/etc/passwd", "openbeam://other/x", "ROOT://x"]
)
def test_files_are_where_endpoints_may_look(teacher: httpx.Client, unique: Unique, uri: str) -> None:
    spec = _dataset(unique("odd"))
    spec["files"][0]["uri"] = uri
    _error(teacher.post("/datasets", json=spec), 422, "InvalidInput")


def test_a_file_counts_once(teacher: httpx.Client, unique: Unique) -> None:
    spec = _dataset(unique("twice"))
    spec["files"] *= 2
    error = _error(teacher.post("/datasets", json=spec), 422, "InvalidInput")
    assert "twice" in error["message"]


# ------------------------------------------------------------------------------------------------ files
def _upload(client: httpx.Client, content: bytes) -> dict[str, Any]:
    answer = client.post("/files", content=content, headers={"Content-Type": "application/octet-stream"})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def test_an_upload_is_named_by_its_content(machine: Machine, teacher: httpx.Client) -> None:
    content = os.urandom(3_000_000)
    stored = _upload(teacher, content)
    assert stored["key"] == hashlib.sha256(content).hexdigest()
    assert stored["checksum"] == f"adler32:{zlib.adler32(content):08x}"
    assert (stored["size"], stored["uri"]) == (3_000_000, f"openbeam://files/{stored['key']}")
    assert _upload(teacher, content) == stored

    def pieces() -> Iterator[bytes]:
        yield from (content[index : index + 1000] for index in range(0, len(content), 1000))

    assert teacher.post("/files", content=pieces()).json() == stored
    assert teacher.get(f"/files/{stored['key']}").content == content
    part = teacher.get(f"/files/{stored['key']}", headers={"Range": "bytes=0-9"})
    assert (part.status_code, part.content) == (206, content[:10])
    assert [path.name for path in machine.settings.home.files.iterdir() if path.name.startswith(".")] == []
    assert (machine.settings.home.files / stored["key"]).stat().st_mode & 0o077 == 0


def test_a_file_is_seen_by_its_uploader_and_by_agents_that_need_it(
    machine: Machine, teacher: httpx.Client, mia: httpx.Client, operator: httpx.Client, unique: Unique
) -> None:
    stored = _upload(teacher, os.urandom(100))
    path = f"/files/{stored['key']}"
    _error(mia.get(path), 404, "UnknownFile")
    assert operator.get(path).status_code == 200
    agent = machine.agent(operator, unique("needy"))
    other = machine.agent(operator, unique("idle"))

    def download(who: Agent) -> int:
        return who.http.get(f"/api/v1{path}").status_code

    assert download(agent) == 404
    name, function = unique("local"), unique("over")
    spec = _dataset(name, local=True, files=[{key: stored[key] for key in ("uri", "size", "checksum")}])
    assert teacher.post("/datasets", json=spec).status_code == 201
    analysis = {"name": function, "kind": "analysis", "source": ANALYSIS, "entrypoint": "analyze"}
    mia.post("/functions", json=analysis)
    run = mia.post("/runs", json={"function": function, "dataset": name, "endpoint": agent.name})
    assert run.status_code == 201, run.text
    (look,) = agent.lease()
    assert look.files[0].uri == stored["uri"]
    assert (download(agent), download(other)) == (200, 404)
    agent.complain(look, "DataUnavailable", retry=False)
    assert download(agent) == 404


def test_a_dataset_names_only_files_of_its_publisher(machine: Machine, teacher: httpx.Client, unique: Unique) -> None:
    stored = _upload(teacher, os.urandom(50))
    file = {key: stored[key] for key in ("uri", "size", "checksum")}
    colleague = machine.person(unique("colleague"), Role.teacher)
    _error(colleague.post("/datasets", json=_dataset(unique("theirs"), files=[file])), 404, "UnknownFile")
    wrong = {**file, "size": 49}
    _error(teacher.post("/datasets", json=_dataset(unique("wrong"), files=[wrong])), 422, "InvalidInput")
    assert teacher.post("/datasets", json=_dataset(unique("right"), files=[file])).status_code == 201


@pytest.mark.parametrize("key", ["x", "..%2f..%2fkeys%2fissuer.jwk", "0" * 64, "A" * 64])
def test_there_is_nothing_else_to_download(operator: httpx.Client, key: str) -> None:
    assert operator.get(f"/files/{key}").status_code == 404


def test_an_upload_that_is_too_large_leaves_nothing(machine: Machine, teacher: httpx.Client) -> None:
    before = set(machine.settings.home.files.iterdir())
    piece = os.urandom(1_000_000)
    _error(teacher.post("/files", content=piece * 4 + b"x"), 413, "TooLarge")
    _error(teacher.post("/files", content=iter([piece] * 5)), 413, "TooLarge")
    assert set(machine.settings.home.files.iterdir()) == before


def test_an_upload_that_breaks_off_leaves_nothing(machine: Machine, teacher: httpx.Client) -> None:
    def broken() -> Iterator[bytes]:
        yield os.urandom(2_000_000)
        raise RuntimeError("the line is dead")

    before = set(machine.settings.home.files.iterdir())
    with pytest.raises(RuntimeError):
        teacher.post("/files", content=broken())
    assert machine.person("after-the-break").get("/functions").status_code == 200
    assert set(machine.settings.home.files.iterdir()) == before
