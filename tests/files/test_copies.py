"""Where a nameless file cannot get a name, a copy gets it; a copy that fails leaves nothing behind."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from airflow_provider_tingting.errors import TingTingStorageError
from airflow_provider_tingting.files.atomic import whole_file


@pytest.mark.parametrize("failing", ["copyfileobj", "copymode"])
@pytest.mark.parametrize("trouble", [OSError(28, "No space left on device"), KeyboardInterrupt()], ids=repr)
def test_a_copy_that_fails_half_way_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: str, trouble: BaseException
) -> None:
    link = os.link

    def refuse(source: Any, target: Any, **more: Any) -> None:
        if "/proc/" in str(source):
            raise PermissionError(1, "Operation not permitted")
        link(source, target, **more)

    def fail(*arguments: Any) -> None:
        raise trouble

    monkeypatch.setattr(os, "link", refuse)
    monkeypatch.setattr(shutil, failing, fail)
    target = tmp_path / "report.csv"
    target.write_text("the old one")

    with pytest.raises((TingTingStorageError, KeyboardInterrupt)), whole_file(target) as file:
        file.write(b"whole")

    assert [path.name for path in tmp_path.iterdir()] == ["report.csv"]
    assert target.read_text() == "the old one"
