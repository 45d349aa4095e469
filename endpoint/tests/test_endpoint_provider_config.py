"""The ``[provider]`` table: mistakes named with their line, changes that keep the owner's words, Parsl's classes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openbeam.errors import InvalidInput
from openbeam_endpoint.config import Config, change, load, make, write
from openbeam_endpoint.providers.settings import Kubernetes, Local, Parsl, Slurm

SLURM = 'name = "lab"\n\n[provider]\nkind = "slurm"\n'


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "config.toml"


def providers() -> st.SearchStrategy[object]:
    text = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=30)
    word = st.from_regex(r"[a-z]{1,10}", fullmatch=True)
    blocks = {"max_blocks": st.integers(3, 9), "min_blocks": st.integers(0, 3), "worker_init": text}
    return st.one_of(
        st.just(Local()),
        st.builds(Slurm, kind=st.just("slurm"), partition=st.none() | word, memory_gb=st.none() | st.just(4), **blocks),
        st.builds(
            Kubernetes,
            kind=st.just("kubernetes"),
            image=word,
            claim=word,
            folder=st.just("/data"),
            cpus=st.none() | st.just(1.5),
            **blocks,
        ),
        st.builds(
            Parsl,
            kind=st.just("parsl"),
            provider=st.just("PBSProProvider"),
            arguments=st.fixed_dictionaries({"queue": text}),
            launcher=st.none() | st.just("SimpleLauncher"),
            **blocks,
        ),
    )


@settings(deadline=None, max_examples=50)
@given(providers())
def test_what_is_written_of_a_provider_is_read_back(tmp_path_factory: pytest.TempPathFactory, provider: object) -> None:
    file = tmp_path_factory.mktemp("config") / "config.toml"
    config = make({"name": "lab", "provider": provider})
    write(file, config)
    assert load(file, with_environment=False) == config


@settings(deadline=None, max_examples=25)
@given(providers(), providers())
def test_a_changed_provider_keeps_the_owners_words(
    tmp_path_factory: pytest.TempPathFactory, before: Local | Slurm, after: Local | Slurm
) -> None:
    file = tmp_path_factory.mktemp("config") / "config.toml"
    write(file, make({"name": "lab", "provider": before}))
    file.write_text(f"# mine\n{file.read_text()}")
    changed = {key: value for key, value in after if value is not None}
    change(file, {"workers": 3, "provider": changed})
    kept = before.model_dump() if before.kind == after.kind else {}
    assert load(file, with_environment=False) == make({"name": "lab", "workers": 3, "provider": kept | changed})
    assert file.read_text().startswith("# mine\n")


def test_a_change_of_one_setting_keeps_all_other_lines(path: Path) -> None:
    path.write_text(f'{SLURM}# ours since May\npartition = "long" # asked Ada\nmax_blocks = 2\n\n[other]\n')
    before = path.read_text()
    change(path, {"provider": {"kind": "slurm", "partition": "short", "max_blocks": 2, "account": "cms"}})
    assert path.read_text().replace("\n\n[other]", '\n\naccount = "cms"\n\n[other]', 0) == before.replace(
        '"long"', '"short"'
    ).replace("max_blocks = 2\n\n", 'max_blocks = 2\n\n\naccount = "cms"\n')


def test_a_provider_of_another_kind_has_its_own_table(path: Path) -> None:
    write(path, make({"name": "lab", "provider": {"kind": "slurm", "partition": "debug"}}))
    change(path, {"provider": {"kind": "htcondor", "max_blocks": 4}})
    text = path.read_text()
    assert text.count("[provider]") == 1
    assert "partition" not in text.split("[provider]")[1]
    assert "# The project that jobs are accounted to." in text
    config = load(path, with_environment=False)
    assert (config.slots, config.site is not None and config.site.title) == (4, "HTCondor")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("kind = 'slrum'", "line 4: provider.kind: there is no provider 'slrum'. Did you mean slurm"),
        ("max_blocks = 2", "line 3: the setting 'provider.kind' is missing"),
        ("kind = 'slurm'\npartitoin = 'x'", "line 5: there is no setting 'provider.partitoin'. Did you mean partition"),
        ("kind = 'local'\nmax_blocks = 2", "line 5: there is no setting 'provider.max_blocks'"),
        ("kind = 'slurm'\nmax_blocks = 0", "line 5: provider.max_blocks: "),
        ("kind = 'slurm'\nwalltime = '90m'", "line 5: provider.walltime: "),
        ("kind = 'slurm'\nmin_blocks = 3", "line 3: provider: min_blocks is more than max_blocks, which is 1."),
        ("kind = 'slurm'\npartition = '''a\nb'''", "line 5: provider.partition: "),
        ("kind = 'slurm'\nlauncher = 'ssh'", "line 5: provider.launcher: "),
        ("kind = 'kubernetes'\nclaim = 'x'\nfolder = '/data'", "line 3: the setting 'provider.image' is missing"),
        ("kind = 'parsl'\nprovider = 'os.system'", "there is no os.system in parsl.providers"),
        ("kind = 'parsl'\nprovider = 'PBSProvider'", "no PBSProvider in parsl.providers. Did you mean PBSProProvider"),
        (
            "kind = 'parsl'\nprovider = 'LSFProvider'\narguments = {quue = 'x'}",
            "takes no argument quue. Did you mean q",
        ),
        ("kind = 'parsl'\nprovider = 'AWSProvider'", "AWSProvider needs the argument image_id."),
        ("kind = 'parsl'\nprovider = 'SlurmProvider'\narguments = {qos = 3}", "qos has to be Optional[str], not 3."),
        ("kind = 'parsl'\nprovider = 'SlurmProvider'\narguments = {max_blocks = 3}", "max_blocks has a setting of its"),
        ("kind = 'parsl'\nprovider = 'LSFProvider'\nlauncher = 'Srun'", "no Srun in parsl.launchers. Did you mean "),
        (
            "kind = 'parsl'\nprovider = 'LSFProvider'\nlauncher = 'SrunLauncher'\nlauncher_arguments={override='x'}",
            "SrunLauncher takes no argument override. Did you mean overrides?",
        ),
        (
            "kind = 'parsl'\nprovider = 'KubernetesProvider'\narguments = {image = 'x'}\nlauncher = 'SrunLauncher'",
            "KubernetesProvider takes no launcher.",
        ),
    ],
)
def test_a_mistake_in_the_table_is_named_with_its_line(path: Path, text: str, said: str) -> None:
    path.write_text(f'name = "lab"\n\n[provider]\n{text}\n')
    with pytest.raises(InvalidInput) as caught:
        load(path, with_environment=False)
    assert said in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_walls_of_this_machine_are_not_promised_elsewhere(path: Path) -> None:
    path.write_text(f'isolation = "docker"\n{SLURM}')
    with pytest.raises(InvalidInput, match=r"line 4: provider: the isolation docker is for this machine alone"):
        load(path, with_environment=False)


def test_a_site_has_as_many_slots_as_all_its_blocks() -> None:
    site = {"kind": "slurm", "max_blocks": 3, "nodes_per_block": 2, "workers_per_node": 8}
    assert make({"name": "lab", "workers": 1, "provider": site}).slots == 48
    assert Config(name="lab").slots == len(os.sched_getaffinity(0))


def test_an_engine_of_this_machine_is_kept_unless_it_is_said_otherwise() -> None:
    kept, not_kept = (make({"name": "lab", "provider": {"kind": "local", "min_blocks": each}}) for each in (1, 0))
    assert (kept.stays_warm, kept.spares) == (True, kept.spare_engines)
    assert (not_kept.stays_warm, not_kept.spares) == (False, 0)
    site = make({"name": "lab", "provider": {"kind": "slurm", "min_blocks": 0}})
    assert (site.stays_warm, site.spares) == (True, 0)


def test_others_functions_run_at_a_site_when_they_are_listed_and_only_then() -> None:
    site = {"kind": "slurm"}
    assert not make({"name": "lab", "provider": site}).lists_for_others
    assert make({"name": "lab", "provider": site, "functions": ["0" * 64]}).lists_for_others
    assert not make({"name": "lab", "isolation": "none", "functions": ["0" * 64]}).lists_for_others
