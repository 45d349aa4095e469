"""The whole stack on PostgreSQL."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.postgres import running_postgres
from support.stack import Stack


@pytest.mark.system
def test_the_main_job_runs_on_postgresql(tmp_path: Path) -> None:
    with running_postgres() as server:
        database = server.fresh()
        stack = Stack(tmp_path, {"OPENBEAM_DATABASE": database})
        try:
            stack.start()  # waits for the account of the first run: all its events
            with stack.client() as client:
                (run,) = client.runs()
                assert run.account.events_processed == 2304
                assert client.audit(action="run.submit")[0].object_id == run.id
            assert not (tmp_path / "openbeam.sqlite").exists()
        finally:
            left = stack.stop()
        assert left == []
