"""The catalog is content: what is published is complete, bounded, and says what it means."""

from __future__ import annotations

import ast
import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openbeam.errors import UnknownFunction
from openbeam.models import FunctionKind, FunctionSpec, Visibility
from openbeam_catalog.catalog import load_catalog, load_function
from openbeam_datasets.record import load_record

SPECS = {spec.name: spec for spec in load_catalog()}
PARAMETERS = [
    pytest.param(name, field, id=f"{name}.{field}")
    for name, spec in SPECS.items()
    for field in spec.parameters["properties"]
]
NAMES = {
    *(f"adl_q{query}" for query in range(1, 9)),
    "agc_ttbar",
    "atlas_4l",
    "atlas_diphoton",
    "dimuon_spectrum",
    "higgs_4l",
    "jpsi_ee",
    "jpsi_mumu",
    "higgs_4l_nanoaod",
    "higgs_tautau",
    "lhcb_b_hhh",
    "muon_kinematics",
    "opposite_same_sign",
    "phi_omega",
    "psi_2s",
    "upsilon_family",
    "w_charge_ratio",
    "w_transverse_mass",
    "z_ee",
    "z_mumu",
}
IMPORTS = {"awkward", "hist", "numpy", "pydantic", "typing", "vector"}

every = pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)


def schema(name: str, field: str) -> dict[str, Any]:
    found: dict[str, Any] = SPECS[name].parameters["properties"][field]
    return found


def test_the_analyses_are_there() -> None:
    assert set(SPECS) == NAMES
    assert load_function("z_mumu") == SPECS["z_mumu"]


def test_an_unknown_name_gets_the_nearest() -> None:
    with pytest.raises(UnknownFunction) as caught:
        load_function("z_mumuu")
    assert caught.value.details["nearest"][0] == "z_mumu"


@every
def test_what_is_published(spec: FunctionSpec) -> None:
    assert (spec.kind, spec.entrypoint, spec.visibility) == (FunctionKind.analysis, "analyze", Visibility.public)
    assert all([spec.title, spec.description, spec.tags])
    assert [load_record(name).name for name in spec.datasets] == spec.datasets
    assert FunctionSpec.model_validate_json(spec.model_dump_json()) == spec


@every
def test_the_schema_takes_the_defaults_and_nothing_unknown_is_needed(spec: FunctionSpec) -> None:
    Draft202012Validator.check_schema(spec.parameters)
    defaults = {name: field["default"] for name, field in spec.parameters["properties"].items()}
    Draft202012Validator(spec.parameters).validate(defaults)
    assert "required" not in spec.parameters


@pytest.mark.parametrize(("name", "field"), PARAMETERS)
def test_every_parameter_can_be_a_control_on_a_page(name: str, field: str) -> None:
    found = schema(name, field)
    assert found["title"] != field
    assert found["description"]
    if "enum" in found:
        assert found["default"] in found["enum"]
        return
    assert found["type"] in {"number", "integer"}
    assert found["minimum"] <= found["default"] <= found["maximum"]
    assert isinstance(found["x-unit"], str)
    assert 0 < found["x-step"] <= (found["maximum"] - found["minimum"]) / 10


@every
def test_the_source_is_short_and_imports_what_every_engine_has(spec: FunctionSpec) -> None:
    tree = ast.parse(spec.source)
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert imported <= IMPORTS
    assert len(spec.source.splitlines()) <= 130


def test_nothing_but_json_goes_out() -> None:
    assert all(json.loads(json.dumps(spec.parameters)) == spec.parameters for spec in SPECS.values())
