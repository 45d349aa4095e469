"""Bad input gets a plain sentence that says what to do, and never a traceback."""

from __future__ import annotations

import pytest
from openbeam import Client, errors
from openbeam.models import DataFile, DatasetSpec, FunctionKind, FunctionSpec
from openbeam.states import RunState
from support.ports import free_port
from support.stack import Stack

RAISES = """\
from hist import Hist


def analyze(events, params):
    mass = Hist.new.Reg(10, 0, 1, name="mass").Double()
    nothing = {}
    mass.fill(mass=nothing["muons"])
    return {"mass": mass}
"""


@pytest.mark.parametrize(
    ("command", "near"),
    [
        (["openbeam", "run", "z_mumuu", "--dataset", "cms-2010-zmumu"], "z_mumu"),
        (["openbeam", "run", "z_mumu", "--dataset", "cms-2010-zmuu"], "cms-2010-zmumu"),
        (["openbeam", "run", "z_mumu", "--dataset", "cms-2010-zmumu", "--endpoint", "locl"], "local"),
    ],
)
def test_an_unknown_name_gets_the_nearest(stack: Stack, command: list[str], near: str) -> None:
    done = stack.run_tool(*command)
    assert done.returncode == 1
    assert done.stdout == ""
    assert f"Did you mean {near}" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_parameter_out_of_range_is_named(operator: Client) -> None:
    schema = operator.function("z_mumu").parameters["properties"]
    name, field = next((name, field) for name, field in schema.items() if "maximum" in field)
    with pytest.raises(errors.InvalidParameter) as caught:
        operator.submit_run("z_mumu", "cms-2010-zmumu", params={name: field["maximum"] + 1})
    assert caught.value.details["parameter"] == name
    assert str(field["maximum"]).removesuffix(".0") in str(caught.value)


def test_an_unknown_parameter_gets_the_nearest(operator: Client) -> None:
    name = next(iter(operator.function("z_mumu").parameters["properties"]))
    with pytest.raises(errors.InvalidParameter, match=name):
        operator.submit_run("z_mumu", "cms-2010-zmumu", params={name + "s": 1})


def test_a_function_that_raises_names_the_author_s_line(operator: Client) -> None:
    spec = FunctionSpec(name="raises", kind=FunctionKind.analysis, source=RAISES, entrypoint="analyze")
    function = operator.publish_function(spec)
    run = operator.submit_run(function.id, "cms-2010-zmumu")
    with pytest.raises(errors.RunFailed):
        run.wait(60)
    (problem,) = run.errors
    assert problem.kind == "FunctionRaised"
    assert problem.details["line"] == 7
    assert problem.details["code"].strip() == 'mass.fill(mass=nothing["muons"])'
    assert problem.details["type"] == "KeyError"
    assert run.account.events_failed == run.account.events_expected == 2304
    assert run.state == RunState.failed


def test_a_file_with_a_wrong_checksum_is_refused(operator: Client) -> None:
    good = operator.dataset("cms-2010-zmumu")
    wrong = DataFile(uri=good.files[0].uri, size=good.files[0].size, checksum="adler32:00000001")
    spec = DatasetSpec(
        name="wrong-checksum", title="A wrong checksum", tree=good.tree, layout=good.layout, files=[wrong]
    )
    operator.publish_dataset(spec)
    run = operator.submit_run("z_mumu", "wrong-checksum")
    with pytest.raises(errors.RunFailed, match="checksum"):
        run.wait(60)
    assert run.errors[0].kind == "ChecksumMismatch"
    assert run.errors[0].details["expected"] == "adler32:00000001"
    assert run.errors[0].details["found"] == "adler32:3eaecc1d"


def test_a_service_that_is_down_gets_one_sentence(stack: Stack) -> None:
    nobody = Client(url=f"http://127.0.0.1:{free_port()}", token="obp_x_y")
    with nobody, pytest.raises(errors.ServiceUnavailable) as caught:
        nobody.whoami()
    assert str(caught.value).count("\n") == 0
    nowhere = f"http://127.0.0.1:{free_port()}"
    done = stack.run_tool("env", f"OPENBEAM_URL={nowhere}", "openbeam", "functions")
    assert done.returncode == 1
    assert len(done.stderr.strip().splitlines()) == 1
    assert nowhere in done.stderr


def test_a_stranger_is_sent_to_sign_in(stack: Stack) -> None:
    with Client(url=stack.url, token="obp_nobody_nothing") as client, pytest.raises(errors.NotSignedIn):
        client.functions()
