"""Settings: a file that explains itself, errors that name the line, an environment on top."""

from __future__ import annotations

import os
from pathlib import Path

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openbeam.errors import InvalidInput
from openbeam_endpoint.config import ENVIRONMENT, Config, change, load, make, write
from openbeam_endpoint.folder import Folder
from openbeam_endpoint.identity import Identity


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ENVIRONMENT.values():
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "config.toml"


def settings() -> st.SearchStrategy[Config]:
    text = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=30)
    return st.builds(
        Config,
        name=st.from_regex(r"[a-z0-9][a-z0-9_-]{0,20}", fullmatch=True),
        description=text,
        public=st.booleans(),
        url=st.sampled_from(["http://127.0.0.1:8600", "https://beam.example.org/sub"]),
        workers=st.none() | st.integers(1, 10_000),
        isolation=st.sampled_from(["auto", "docker", "bubblewrap", "none"]),
        mirror=st.none() | text.filter(bool),
        functions=st.lists(st.from_regex(r"[0-9a-f]{64}", fullmatch=True), max_size=3).map(tuple),
        environment=st.none() | st.just("hep-2026"),
        cache_gb=st.none() | st.floats(0.001, 1_000_000),
        max_engines=st.integers(1, 64),
        cpu_seconds=st.none() | st.integers(1, 1_000_000),
        spare_engines=st.integers(0, 8),
        engine_idle_seconds=st.floats(0, 86_400),
        warm_tenant=st.none() | text.filter(bool),
    )


@given(settings())
def test_what_is_written_is_read_back(tmp_path_factory: pytest.TempPathFactory, config: Config) -> None:
    file = tmp_path_factory.mktemp("config") / "config.toml"
    write(file, config)
    assert load(file) == config


@hypothesis.settings(deadline=None, max_examples=50)
@given(settings(), settings())
def test_a_change_changes_what_it_says_and_keeps_the_owners_words(
    tmp_path_factory: pytest.TempPathFactory, before: Config, after: Config
) -> None:
    """The owner may have taken lines out, and written others in."""
    file = tmp_path_factory.mktemp("config") / "config.toml"
    write(file, before)
    kept = [line for line in file.read_text().split("\n") if not line.startswith("# workers")]
    file.write_text("\n".join(["# mine", *kept, "# the last word"]) + "\n")
    changed = {key: value for key, value in after if value is not None and value != getattr(before, key)}
    change(file, changed)
    assert load(file) == Config.model_validate(before.model_dump() | changed)
    text = file.read_text()
    assert "# mine\n" in text
    assert "# the last word\n" in text


def test_a_setting_that_was_not_set_takes_the_place_of_its_comment(path: Path) -> None:
    write(path, make({"name": "lab"}))
    before = path.read_text()
    change(path, {"mirror": "C:\\data", "workers": 3})
    assert path.read_text() == before.replace("# workers =", "workers = 3").replace(
        "# mirror =", 'mirror = "C:\\\\data"'
    )
    assert load(path).mirror == "C:\\data"


def test_every_setting_has_a_comment_and_one_that_is_not_set_is_one(path: Path) -> None:
    write(path, make({"name": "lab"}))
    lines = path.read_text().splitlines()
    for key in Config.model_fields.keys() - {"provider"}:
        (where,) = [number for number, line in enumerate(lines) if line.removeprefix("# ").startswith(f"{key} =")]
        assert lines[where - 1].startswith("# ")
        assert len(lines[where - 1]) > 10
    assert "# workers =" in lines
    table = lines[lines.index("[provider]") :]
    assert [line for line in table if line and not line.startswith("#")] == [
        "[provider]",
        'kind = "local"',
        "min_blocks = 1",
    ]
    assert 'isolation = "auto"' in lines


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('name = "lab"\n\nworkers = 0\n', "line 3: workers: "),
        ('name = "lab"\nwokers = 2\n', "line 2: there is no setting 'wokers'. Did you mean workers"),
        ('name = "lab"\nisolation = "jail"\n', "line 2: isolation: "),
        ('name = "lab"\npublic = maybe\n', "(at line 2, column"),
        ('name = "No Spaces"\n', "line 1: name: "),
        ('name = "lab"\ncache_gb = 0\n', "line 2: cache_gb: "),
        ("workers = 2\n", "the setting 'name' is missing"),
        ('name = "lab"\nfunctions = ["z_mumu"]\n', "line 2: functions: "),
        ('name = "lab"\nurl = "beam.example.org"\n', "line 2: url: "),
    ],
)
def test_a_mistake_is_named_with_its_line(path: Path, text: str, said: str) -> None:
    path.write_text(text)
    with pytest.raises(InvalidInput) as caught:
        load(path)
    assert said in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_or_not_text_is_named(path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"config\.toml cannot be read"):
        load(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(InvalidInput, match=r"config\.toml cannot be read"):
        load(path)


def test_the_environment_is_on_top(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.write_text('name = "lab"\nworkers = 2\n')
    for name, value in {
        "OPENBEAM_WORKERS": "7",
        "OPENBEAM_ISOLATION": "none",
        "OPENBEAM_OPENDATA_MIRROR": "/data",
        "OPENBEAM_URL": "https://beam.example.org/",
    }.items():
        monkeypatch.setenv(name, value)
    config = load(path)
    assert (config.slots, config.isolation, config.mirror) == (7, "none", "/data")
    assert config.url == "https://beam.example.org"


def test_a_mistake_in_the_environment_names_the_variable(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.write_text('name = "lab"\nworkers = 2\n')
    monkeypatch.setenv("OPENBEAM_WORKERS", "many")
    with pytest.raises(InvalidInput, match=r"^OPENBEAM_WORKERS: workers: .*'many'"):
        load(path)
    monkeypatch.setenv("OPENBEAM_WORKERS", "")
    assert load(path).workers == 2


def test_without_workers_it_is_one_a_core() -> None:
    assert make({"name": "lab"}).slots == len(os.sched_getaffinity(0))


def test_the_cache_is_told_in_gigabytes() -> None:
    assert make({"name": "lab"}).cache_bytes is None
    assert make({"name": "lab", "cache_gb": 1.5}).cache_bytes == 1_500_000_000


def test_a_damaged_folder_says_what_to_do(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    assert not folder.configured
    folder.identity_path.write_text('{"endpoint_id": 1}')
    folder.key_path.write_text('{"kty": "EC"}')
    with pytest.raises(InvalidInput, match=r"identity\.json cannot be read\. Configure the endpoint again"):
        folder.identity()
    with pytest.raises(InvalidInput, match=r"key\.jwk cannot be read\. Remove it and configure"):
        folder.key()
    Identity(endpoint_id="e", url="http://u", owner="o", owner_id="i").save(folder.identity_path)
    assert folder.identity().owner_id == "i"
