"""The repository's shape is a contract: layout, import rules, lock, and the README's table of parts."""

from __future__ import annotations

import re
import subprocess
import tomllib

import pytest
from support.stack import REPOSITORY

PARTS = ["sdk", "datasets", "functions_catalog", "service", "endpoint", "portal"]


def project(folder: str) -> dict[str, object]:
    return tomllib.loads((REPOSITORY / folder / "pyproject.toml").read_text())


def packages() -> dict[str, str]:
    """Folder to import name."""
    return {folder: next((REPOSITORY / folder).glob("openbeam*/__init__.py")).parent.name for folder in PARTS}


def readme_rows() -> dict[str, list[str]]:
    """The README's table of parts: folder to its cells."""
    rows = (line.strip().strip("|").split("|") for line in (REPOSITORY / "README.md").read_text().splitlines())
    cells = ([cell.strip() for cell in row] for row in rows if len(row) == 4)
    return {re.sub(r"[`/]", "", row[0]): row for row in cells if row[0].startswith("`")}


@pytest.mark.parametrize("folder", PARTS)
def test_the_readme_says_what_a_part_may_import_and_the_contract_holds_it(folder: str) -> None:
    names = packages()
    row = readme_rows()[folder]
    assert f"`{project(folder)['project']['name']}`" in row[1]  # type: ignore[index]
    assert f"`{names[folder]}`" in row[1]
    allowed = set(re.findall(r"`(\w+)`", row[3]))
    contracts = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (contract,) = [contract for contract in contracts if contract["id"] == folder]
    assert contract["source_modules"] == [names[folder]]
    assert set(contract["forbidden_modules"]) == set(names.values()) - allowed - {names[folder]}


def test_card_folders_are_not_packages() -> None:
    for folder in [*PARTS, "docker", "tests"]:
        assert not (REPOSITORY / folder / "__init__.py").exists()


def tracked() -> list[str]:
    listed = subprocess.run(["git", "ls-files"], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    return listed.stdout.splitlines()


@pytest.mark.parametrize(("name", "most"), [("requirements.lock", 1000), ("bench/requirements.lock", 100)])
def test_locks_have_hashes_and_no_addresses(name: str, most: int) -> None:
    lock = (REPOSITORY / name).read_text()
    pins = re.findall(r"^[a-z0-9][a-z0-9._-]*==", lock, re.MULTILINE)
    blocks = re.split(r"^(?=[a-z0-9])", lock, flags=re.MULTILINE)
    assert most / 10 < len(pins) < most
    assert all("--hash=sha256:" in block for block in blocks if block.strip())
    assert not re.search(r"://|^-|file:", lock, re.MULTILINE)


def test_the_product_has_one_lock_and_its_peers_another() -> None:
    locks = [name for name in tracked() if name.endswith(".lock")]
    assert sorted(locks) == ["bench/requirements.lock", "requirements.lock"]


def test_no_function_is_longer_than_a_page() -> None:
    import ast

    for name in tracked():
        if not name.endswith(".py") or "/migrations/versions/" in name:  # written by Alembic: a statement a table
            continue
        for node in ast.walk(ast.parse((REPOSITORY / name).read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                assert (node.end_lineno or 0) - node.lineno < 80, f"{name}:{node.lineno} {node.name}"
