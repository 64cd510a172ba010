from __future__ import annotations

import json
from importlib import import_module
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import airflow
import jsonschema
import pytest

from airflow_provider_tingting.provider_info import get_provider_info

INFO = get_provider_info()


def schema() -> dict[str, Any]:
    (path,) = [path for path in map(Path, airflow.__path__) if (path / "provider_info.schema.json").exists()]
    return json.loads((path / "provider_info.schema.json").read_text())  # type: ignore[no-any-return]


def test_the_installed_airflow_accepts_the_provider_info() -> None:
    jsonschema.validate(INFO, schema())


def test_the_package_name_is_the_distributions() -> None:
    assert INFO["package-name"] == distribution("airflow-provider-tingting").metadata["Name"]


@pytest.mark.parametrize("kind", ["hooks", "operators", "sensors", "triggers"])
def test_every_module_named_exists_and_every_module_there_is_named(kind: str) -> None:
    named = {module for entry in INFO[kind] for module in entry["python-modules"]}
    package = import_module(f"airflow_provider_tingting.{kind}")
    inner = {"audience", "base"}
    folder = Path(package.__path__[0])
    found = [*folder.glob("[!_]*.py"), *(path.parent for path in folder.glob("*/__init__.py"))]
    there = {f"{package.__name__}.{path.stem}" for path in found}

    assert named == {module for module in there if module.rsplit(".")[-1] not in inner}
    for module in named:
        import_module(module)


@pytest.mark.parametrize("kind", ["extra-links", "notifications", "cli"])
def test_what_is_named_by_its_path_can_be_imported(kind: str) -> None:
    assert INFO[kind]
    for path in INFO[kind]:
        module, name = path.rsplit(".", 1)
        assert getattr(import_module(module), name)


def test_what_the_page_says_about_asset_uris_can_be_imported_on_airflow_2_and_3() -> None:
    (found,) = INFO["asset-uris"]

    assert INFO["dataset-uris"] == [found]
    for key in ("handler", "factory", "to_openlineage_converter"):
        module, name = found[key].rsplit(".", 1)
        assert callable(getattr(import_module(module), name))
