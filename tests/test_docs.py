"""The documentation names what exists, and nothing else."""

from __future__ import annotations

import re
import subprocess

from openbeam_service.settings import Settings
from support.stack import REPOSITORY

CODE = ["sdk", "datasets", "functions_catalog", "service", "endpoint", "portal", "launch"]
# Between our own processes.
INTERNAL = {"OPENBEAM_USER", "OPENBEAM_COLUMNS", "OPENBEAM_ENGINE_PID", "OPENBEAM_SEATS", "OPENBEAM_ZYGOTE"}


def tracked(*folders: str) -> list[str]:
    listed = subprocess.run(["git", "ls-files", *folders], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    return listed.stdout.splitlines()


def variables_in_code() -> set[str]:
    """Every variable that product code names, and every setting of the service."""
    named = {f"OPENBEAM_{field}".upper() for field in Settings.model_fields}
    for name in tracked(*CODE):
        if "/tests/" not in name and name.endswith((".py", ".conf", "up", "first-light")):
            named |= set(re.findall(r"\bOPENBEAM_[A-Z_]+\b", (REPOSITORY / name).read_text()))
    return named - INTERNAL


def test_every_variable_is_documented_and_none_is_invented() -> None:
    documented = set(re.findall(r"`(OPENBEAM_[A-Z_]+)`", (REPOSITORY / "docs" / "configuration.md").read_text()))
    assert documented == variables_in_code()


def test_every_link_between_documents_leads_somewhere() -> None:
    for name in tracked("README.md", "docs"):
        if not name.endswith(".md"):
            continue
        page = REPOSITORY / name
        for link in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text()):
            if "://" not in link:
                assert (page.parent / link).exists(), f"{name} links to {link}"


def test_every_make_target_has_a_word_of_help() -> None:
    makefile = (REPOSITORY / "Makefile").read_text()
    targets = re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    assert targets is not None
    helped = set(re.findall(r"^([a-z-]+):.*## ", makefile, re.MULTILINE))
    assert helped == set(targets.group(1).split())
