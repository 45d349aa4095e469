"""The part of ``Client`` that is about datasets, and files of one's own."""

from __future__ import annotations

from pathlib import Path

from openbeam.errors import UnknownDataset
from openbeam.models import Dataset, DatasetSpec, Layout, StoredFile
from openbeam.paths import segment
from openbeam.transport import Transport
from openbeam.upload import OnProgress, local_spec, upload

__all__ = ["DatasetCalls"]


class DatasetCalls:
    """Calls about datasets. One is named by its name."""

    _wire: Transport

    def datasets(self) -> list[Dataset]:
        """Return the datasets that the caller may see."""
        return self._wire.get(list[Dataset], "/datasets")

    def dataset(self, name: str) -> Dataset:
        """Return a dataset by name.

        Raises
        ------
        UnknownDataset
            With the nearest names in ``details["nearest"]``.

        """
        return self._wire.get(Dataset, f"/datasets/{segment(name, UnknownDataset)}")

    def publish_dataset(self, spec: DatasetSpec) -> Dataset:
        """Publish a dataset; the caller's dataset of the same name is replaced."""
        return self._wire.post(Dataset, "/datasets", spec)

    def upload_file(self, path: str | Path, on_progress: OnProgress | None = None) -> StoredFile:
        """Send a file to the service, which keeps one copy of the same content.

        ``on_progress(sent, size)`` is called as bytes leave.

        Raises
        ------
        InvalidInput
            When there is no such file, or it changes while it is read.
        TooLarge
            When the service keeps no files of that size.

        """
        return upload(self._wire, Path(path), on_progress)

    def add_local_file(
        self,
        path: str | Path,
        name: str,
        *,
        tree: str | None = None,
        layout: Layout | str | None = None,
        like: str | Dataset | None = None,
        title: str | None = None,
        simulated: bool = False,
        on_progress: OnProgress | None = None,
    ) -> Dataset:
        """Upload a ROOT or CSV file and publish it as a dataset of its own.

        ``like`` names a dataset whose tree, layout, columns, experiment, collision and licence this one shares;
        without it the tree is ``Events`` and the layout ``nanoaod``. A file called ``*.csv`` is CSV.
        ``simulated`` says that no detector recorded the events: every figure made from them will say so.

        Raises
        ------
        InvalidInput
            When the file or a field cannot be.
        UnknownDataset
            When there is no dataset ``like`` that.

        """
        model = self.dataset(like) if isinstance(like, str) else like
        spec = local_spec(Path(path), name=name, tree=tree, layout=layout, like=model, title=title, simulated=simulated)
        stored = self.upload_file(path, on_progress)
        entry = spec.files[0].model_copy(update={"uri": stored.uri, "size": stored.size, "checksum": stored.checksum})
        return self.publish_dataset(spec.model_copy(update={"files": [entry]}))
