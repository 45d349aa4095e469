"""The datasets that Openbeam comes with: one JSON file a CERN Open Data record, checked when it is read."""

from __future__ import annotations

from operator import attrgetter
from pathlib import Path

from openbeam.errors import InvalidInput, NotKnown, UnknownDataset
from openbeam.models import DatasetSpec
from pydantic import ValidationError

__all__ = ["load_record", "load_records", "records_folder"]


def records_folder() -> Path:
    """Return the folder of the records: inside the package in a wheel, beside it in a checkout.

    Raises
    ------
    NotKnown
        When there is none.

    """
    package = Path(__file__).parent
    for folder in (package / "records", package.parent / "records"):
        if folder.is_dir():
            return folder
    raise NotKnown(
        "The dataset records are missing from this installation. Install openbeam-datasets again.", name="records"
    )


def load_records(folder: Path | None = None) -> dict[str, DatasetSpec]:
    """Return every dataset by name, in the order of their names.

    Raises
    ------
    InvalidInput
        When a record is not a dataset; names the file and the field.

    """
    return {name: _checked(path) for name, path in _paths(folder).items()}


def load_record(name: str, folder: Path | None = None) -> DatasetSpec:
    """Return one dataset.

    Raises
    ------
    UnknownDataset
        With the nearest known names.
    InvalidInput
        When its record is not a dataset.

    """
    paths = _paths(folder)
    if name not in paths:
        raise UnknownDataset.among(name, paths)
    return _checked(paths[name])


def _paths(folder: Path | None) -> dict[str, Path]:
    paths = (folder or records_folder()).glob("*.json")
    return {path.stem: path for path in sorted(paths, key=attrgetter("stem"))}


def _checked(path: Path) -> DatasetSpec:
    try:
        spec = DatasetSpec.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        raise InvalidInput(
            f"{path.name}: {field or 'the text'}: {first['msg']}.", file=path.name, field=field
        ) from error
    if spec.name != path.stem:
        raise InvalidInput(f"{path.name}: its name is {spec.name!r}; call the file {spec.name}.json.", file=path.name)
    return spec
