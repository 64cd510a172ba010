"""Hold the built distributions against their promise. Run by the Python of an environment with the wheel installed.

    python .ci/check_wheel.py DIST FOLDER     FOLDER is empty but for that environment, and not inside the checkout
    python .ci/check_wheel.py DIST --listings PYTHON [PYTHON ...]

The wheel holds the package alone, the source distribution also what is needed to test it; every module imports; Airflow
lists the provider and its parts; the console script answers. With `--listings`, only the lists of the Airflow of each
PYTHON are checked, with the wheel's files before everything else that is installed there.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from importlib.metadata import distribution, entry_points
from pathlib import Path

NAME = "airflow-provider-tingting"
PACKAGE = "airflow_provider_tingting"
IN_SDIST = [
    "LICENSE",
    "README.md",
    "CHANGELOG.md",
    "Makefile",
    "pyproject.toml",
    ".ci/run",
    "tests/conftest.py",
    "docs/conf.py",
]


def main(dist: Path, folder: Path) -> None:
    os.environ["AIRFLOW_HOME"] = str(folder / "airflow")
    os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
    os.chdir(folder)

    check_wheel(dist)
    check_sdist(dist)
    installed = distribution(NAME)
    package = importlib.import_module(PACKAGE)
    home = Path(package.__file__ or "").resolve()
    assert folder in home.parents, f"imported from {home}, not from the wheel"
    assert installed.version == package.__version__, (installed.version, package.__version__)
    modules = import_all(package)
    check_entry_point()
    check_listings(Path(sys.executable))
    help_text = run("tingting-sandbox", "--help")
    assert "usage" in help_text.lower(), help_text
    print(f"{NAME} {installed.version}: its {modules} modules import, Airflow lists it, tingting-sandbox answers")


def check_wheel(dist: Path) -> None:
    [wheel] = dist.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    unexpected = {top for top in tops if top != PACKAGE and not top.endswith(".dist-info")}
    assert not unexpected, f"{wheel.name} would install {sorted(unexpected)} beside the package"
    assert f"{PACKAGE}/py.typed" in names, f"{wheel.name} has no py.typed: type checkers would ignore the package"
    page = {name.rpartition("/")[2] for name in names if name.startswith(f"{PACKAGE}/sandbox/page/")}
    assert {"index.html", "page.css", "page.js", "icon.svg"} <= page, f"{wheel.name} lacks the sandbox's page: {page}"
    assert any(name.endswith("licenses/LICENSE") for name in names), f"{wheel.name} has no licence"


def check_sdist(dist: Path) -> None:
    [sdist] = dist.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    missing = [name for name in IN_SDIST if name not in names]
    assert not missing, f"{sdist.name} lacks {missing}"


def import_all(package: object) -> int:
    names = [found.name for found in pkgutil.walk_packages(package.__path__, PACKAGE + ".")]  # type: ignore[attr-defined]
    names = [name for name in names if not name.endswith("__main__")]
    for name in names:
        importlib.import_module(name)
    return len(names)


def check_entry_point() -> None:
    [entry] = [
        found for found in entry_points(group="apache_airflow_provider") if found.dist and found.dist.name == NAME
    ]
    info = entry.load()()
    assert info["package-name"] == NAME, info["package-name"]


# What each `airflow providers` command shows of this provider.
LISTINGS = {
    "list": [NAME],
    "hooks": [f"{PACKAGE}.hooks.tingting.TingTingHook"],
    "triggers": [f"{PACKAGE}.triggers.{module}" for module in ("campaign", "start", "finished")],
    "notifications": [f"{PACKAGE}.notifications.tingting.TingTingNotifier"],
    "widgets": ["extra__tingting__timeout", "extra__tingting__secret_salt"],
}


def check_listings(python: Path) -> None:
    for command, expected in LISTINGS.items():
        listed = run(python.parent / "airflow", "providers", command, "--output", "plain")
        # Airflow 3.0 and 3.1 list no field of any provider unless Flask-AppBuilder's wtforms is installed.
        if command == "widgets" and "No data found" in listed:
            continue
        missing = [text for text in expected if text not in listed]
        assert not missing, f"{python}: `airflow providers {command}` lacks {missing}:\n{listed}"


def check_listings_of(dist: Path, pythons: list[Path]) -> None:
    [wheel] = dist.glob("*.whl")
    with tempfile.TemporaryDirectory() as folder:
        zipfile.ZipFile(wheel).extractall(folder)
        os.environ |= {"PYTHONPATH": folder, "AIRFLOW_HOME": f"{folder}/airflow"}
        os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
        os.chdir(folder)
        for python in pythons:
            check_listings(python)
            version = run(python, "-c", "import airflow; print(airflow.__version__)").split()[-1]
            print(f"Airflow {version} lists {NAME}, its hook, triggers, notifier and fields")


def run(command: str | Path, *arguments: str) -> str:
    program = Path(sys.executable).parent / command
    done = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, f"{command} {' '.join(arguments)} ended with {done.returncode}:\n{done.stderr[-2000:]}"
    return done.stdout


if __name__ == "__main__":
    if sys.argv[2] == "--listings":
        # `absolute`, because `resolve` would leave the environment for the Python that it was made of.
        check_listings_of(Path(sys.argv[1]).resolve(), [Path(python).absolute() for python in sys.argv[3:]])
    else:
        main(Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve())
