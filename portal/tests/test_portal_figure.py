"""The live figure's JavaScript: its logic under node, and the bundle that the browser gets."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from openbeam.models import Account
from openbeam_portal.figure import bundle
from openbeam_portal.words import en as words

NODE = shutil.which("node")
needs_node = pytest.mark.skipif(NODE is None, reason="the figure's logic is tested with node, which is not installed")
HERE = Path(__file__).parent
BROWSER = Path(bundle.__file__).parent / "browser"


def node(*arguments: str, stdin: str = "") -> str:
    """Return what node prints."""
    assert NODE
    done = subprocess.run([NODE, *arguments], input=stdin, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@needs_node
def test_the_logic_without_a_browser() -> None:
    assert "# fail 0" in node("--test", "--test-reporter=tap", str(HERE / "figure.test.mjs"))


@needs_node
def test_the_bundle_is_one_sound_module(tmp_path: Path) -> None:
    script = tmp_path / "bundle.mjs"
    script.write_text(bundle.script(), encoding="utf-8")
    names = node("--input-type=module", "-e", f"import * as it from '{script}'; console.log(Object.keys(it).join())")
    assert names.strip() == "default"


def test_every_module_is_in_the_bundle() -> None:
    text = bundle.script()
    for module in BROWSER.glob("*.js"):
        first = module.read_text(encoding="utf-8").splitlines()[0]
        assert text.count(first) == 1, module.name
    assert "import " not in re.sub(r"//.*", "", text)


def test_nothing_is_ever_parsed_as_markup() -> None:
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|createContextualFragment", bundle.script()
    )


ACCOUNTS = [
    Account(),
    Account(events_expected=2304, events_processed=2304),
    Account(
        events_expected=61_540_413, events_processed=1_234_567, events_failed=1000, retries=1, chunks=9, chunks_cached=3
    ),
    Account(events_expected=10, events_processed=1, retries=7),
    Account(events_expected=5000, events_processed=1, events_cancelled=4999),
]


@needs_node
def test_the_browser_and_the_sdk_say_the_same_sentence() -> None:
    accounts = json.dumps([account.model_dump() for account in ACCOUNTS])
    program = (
        f"import {{ accountSentence }} from '{BROWSER / 'text.js'}';"
        f"const words = {json.dumps(words.FIGURE)};"
        f"for (const account of {accounts}) console.log(accountSentence(account, words));"
    )
    assert node("--input-type=module", "-e", program).splitlines() == [account.sentence() for account in ACCOUNTS]
