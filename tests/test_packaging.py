"""What is built and installed is what was promised: the version, the entry point, and the package alone."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import zipfile
from email import message_from_string
from importlib.metadata import distribution

import pytest
from support.airflow_home import CHECKOUT

import airflow_provider_tingting

NAME = "airflow-provider-tingting"


@pytest.fixture(scope="module")
def installed():
    return distribution(NAME)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(command, cwd=CHECKOUT, check=True, capture_output=True, text=True, timeout=120)
    [wheel] = folder.glob("*.whl")
    return zipfile.ZipFile(wheel)


@pytest.fixture(scope="module")
def wheel_names(wheel):
    return wheel.namelist()


@pytest.fixture(scope="module")
def metadata(wheel, wheel_names):
    [name] = [name for name in wheel_names if name.endswith(".dist-info/METADATA")]
    return message_from_string(wheel.read(name).decode())


def test_the_installed_version_is_the_one_the_package_names(installed):
    assert installed.version == airflow_provider_tingting.__version__


def test_airflow_finds_the_provider_through_its_entry_point(installed):
    [entry] = [entry for entry in installed.entry_points if entry.group == "apache_airflow_provider"]

    assert entry.load()()["package-name"] == NAME


def test_the_console_script_points_at_a_function(installed):
    [entry] = [entry for entry in installed.entry_points if entry.group == "console_scripts"]

    assert entry.name == "tingting-sandbox"
    assert callable(entry.load())


def test_no_address_of_the_package_claims_to_be_a_page_of_the_project(metadata):
    assert metadata.get_all("Project-URL") == ["TingTing, https://tingting.io"]


def test_the_long_description_has_no_link_that_a_package_index_cannot_follow(metadata):
    targets = re.findall(r"\]\(([^)]*)\)", metadata.get_payload())

    assert metadata["Description-Content-Type"] == "text/markdown"
    assert targets and all(target.startswith("https://") for target in targets)


def test_the_wheel_installs_nothing_beside_the_package(wheel_names):
    tops = {name.split("/")[0] for name in wheel_names}

    assert {top for top in tops if not top.endswith(".dist-info")} == {"airflow_provider_tingting"}


def test_the_wheel_carries_its_types_and_its_licence(wheel_names):
    assert "airflow_provider_tingting/py.typed" in wheel_names
    assert any(name.endswith("licenses/LICENSE") for name in wheel_names)


def test_every_module_of_the_package_is_in_the_wheel(wheel_names):
    package = CHECKOUT / "airflow_provider_tingting"
    modules = {str(path.relative_to(CHECKOUT)) for path in package.rglob("*.py")}

    assert modules - set(wheel_names) == set()


def test_every_library_that_the_package_imports_is_one_that_it_asks_for(metadata):
    required = metadata.get_all("Requires-Dist")
    asked = {re.split(r"[^A-Za-z0-9._-]", line)[0].lower().replace("-", "_") for line in required}
    named_otherwise = {"airflow": "apache_airflow", "upath": "universal_pathlib"}
    come_with_another = {
        "certifi": "requests",
        "urllib3": "requests",
        "starlette": "fastapi",
        "jinja2": "apache_airflow",
    }
    # Present where Airflow draws the connection form with them, and not needed elsewhere.
    asked_of_airflow = {"flask_appbuilder", "wtforms"}

    used = imported_libraries() - asked_of_airflow
    used = {come_with_another.get(name, named_otherwise.get(name, name)) for name in used}

    assert used - asked == set()


def imported_libraries():
    found = set()
    for path in (CHECKOUT / "airflow_provider_tingting").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.add(node.module.split(".")[0])
    return found - set(sys.stdlib_module_names) - {"airflow_provider_tingting"}


def test_no_dependency_has_an_upper_bound(metadata):
    bounded = [line for line in metadata.get_all("Requires-Dist") if re.search(r"<|~=|==", line.split(";")[0])]

    assert bounded == []


def test_the_requirement_files_name_exact_versions_and_no_address():
    files = sorted((CHECKOUT / ".ci" / "requirements").glob("*.txt"))
    lines = [line for file in files for line in file.read_text().splitlines() if not line.startswith("#")]

    assert len(files) >= 6
    assert [line for line in lines if not re.match(r"[a-z0-9.-]+==[0-9][^ ]*( ; .+)?$", line)] == []


def test_there_is_a_requirement_file_for_every_airflow_that_is_tested():
    minors = re.findall(r"^(\d+\.\d+) ", (CHECKOUT / ".ci" / "versions.txt").read_text(), re.MULTILINE)

    for minor in minors:
        text = (CHECKOUT / ".ci" / "requirements" / f"airflow-{minor}.txt").read_text()
        assert re.search(rf"^apache-airflow=={re.escape(minor)}\.", text, re.MULTILINE)
