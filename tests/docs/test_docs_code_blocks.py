"""The code on the README and the docs pages runs, and prints what the page says that it prints.

The Python blocks of a page run in their order and share their names. A block that makes a DAG is loaded as a DAG file
too; a block that only makes tasks adds them to the page's last DAG. The sandbox stands where a page writes
`http://127.0.0.1:8085/`, and a folder with the examples' data where it writes `/data/`.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from contextlib import nullcontext
from datetime import datetime
from functools import cache
from importlib.util import find_spec
from types import SimpleNamespace

import pytest
import yaml
from jinja2 import Environment, StrictUndefined
from support.airflow_home import AIRFLOW_VERSION, CHECKOUT, EXAMPLE_DAGS, NEWEST_AIRFLOW
from support.dag_runs import load_dags
from support.docs_pages import DOCS, PAGES, blocks, page_name

# From its first call to its last, a campaign of a few contacts takes a minute of the sandbox's time.
SPEED = 600.0
WITH_PYTHON = [page for page in PAGES if blocks(page, "python")]
WITH_BASH = [page for page in PAGES if blocks(page, "bash")]


@pytest.fixture
def quick_sandbox(sandbox, tingting_conn):
    speed, sandbox.clock.speed = sandbox.clock.speed, SPEED
    yield sandbox
    sandbox.clock.speed = speed


@pytest.fixture
def stand_in(quick_sandbox, tmp_path, monkeypatch):
    """Turns what a page writes into what is there in a test, and back."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(EXAMPLE_DAGS / "data", tmp_path / "data")
    pairs = (("http://127.0.0.1:8085/", quick_sandbox.root_url), ("/data/", f"{tmp_path}/data/"))

    def swap(text, *, back=False):
        for written, real in pairs:
            text = text.replace(real, written) if back else text.replace(written, real)
        return text

    return swap


def on_this_airflow(code):
    """The pages are written for the newest Airflow, and say once what an older one wants instead."""
    if AIRFLOW_VERSION < (3, 2):
        code = code.replace('"retry_exponential_backoff": 2', '"retry_exponential_backoff": True')
    if AIRFLOW_VERSION >= (3, 0):
        return code

    def older(found):
        names = [name.strip() for name in found[1].split(",")]
        lines = ["from airflow import DAG"] if "DAG" in names else []
        tasks = [name for name in names if name != "DAG"]
        return "\n".join([*lines, *([f"from airflow.decorators import {', '.join(tasks)}"] if tasks else [])])

    return re.sub(r"from airflow\.sdk import (.+)", older, code)


def runs_here(code):
    # Airflow 2 calls them datasets, and wants a start_date of a DAG that is scheduled on one.
    if "Asset" in code and AIRFLOW_VERSION < (3, 0):
        return False
    # A person's approval came with Airflow 3.1.
    if "approval={" in code and AIRFLOW_VERSION < (3, 1):
        return False
    return AIRFLOW_VERSION >= NEWEST_AIRFLOW or not ("retry_policy" in code or "DeadlineAlert" in code)


def is_dag_file(code):
    return "DAG(" in code and "import DAG" in code


def dag_id_in(code):
    return re.search(r"DAG\(\s*\"([^\"]+)\"", code)[1]


def run_block(block, code, names):
    """Run a block; where it only makes tasks, they belong to the page's last DAG."""
    dag = names.get("dag") if "DAG(" not in code else None
    with dag or nullcontext():
        # The line numbers of a traceback are those of the page.
        exec(compile("\n" * (block.line - 1) + code, str(block.page), "exec"), names)


@pytest.mark.parametrize("page", WITH_PYTHON, ids=page_name)
def test_the_python_blocks_of_the_page_run_and_print_what_it_says(page, stand_in, tmp_path, capsys):
    names = {"__name__": "docs"}
    for block in blocks(page, "python"):
        code = on_this_airflow(stand_in(block.code))
        if not runs_here(code):
            continue
        if is_dag_file(code):
            folder = tmp_path / f"dags_{block.line}"
            folder.mkdir()
            (folder / "a_page.py").write_text(code, encoding="utf-8")
            # A page's DAG is copied: without retries a killed worker would fail its run.
            for dag in load_dags(folder).values():
                ours = [task for task in dag.tasks if task.task_type.startswith("TingTing")]
                assert dag.tasks and all(task.retries == 3 for task in ours), f"{page_name(page)}, line {block.line}"
        capsys.readouterr()
        run_block(block, code, names)
        printed = stand_in(capsys.readouterr().out, back=True)
        if block.output is not None:
            # Airflow's log lines may come before what the block prints; Airflow 2 writes them to the output, too.
            printed = re.sub(r"^\[\d{4}-\d\d-\d\dT.*\n", "", printed, flags=re.MULTILINE)
            assert printed.endswith(block.output), f"{page_name(page)}, line {block.line} prints:\n{printed}"


@pytest.mark.parametrize(
    "page",
    [CHECKOUT / "README.md", *(DOCS / f"{name}.md" for name in ("quickstart", "index", "task-group", "campaigns"))],
    ids=page_name,
)
def test_the_first_dag_of_the_page_succeeds(page, stand_in, quick_sandbox, tmp_path, run_dag):
    block = next(block for block in blocks(page, "python") if is_dag_file(block.code))
    code = on_this_airflow(stand_in(block.code))
    # Nothing of the page's meaning hangs on how often its campaign is read.
    code = re.sub(r",\s*poll_interval=\d+", "", code).replace('task_id="run"', 'task_id="run", poll_interval=0.2')
    # A failure is to end the run at once, not after the pauses between retries.
    code = code.replace('"retries": 3', '"retries": 0')
    # The task group's run task takes its arguments as a dict; a test runs at any hour.
    code = code.replace("run={", 'run={"poll_interval": 0.2, ').replace('("08:00", "20:00")', '("00:00", "24:00")')
    if "run=" not in code:
        code = code.replace("audience=", 'run={"poll_interval": 0.2}, audience=')
    (tmp_path / "dags").mkdir()
    (tmp_path / "dags" / "a_page.py").write_text(code, encoding="utf-8")

    run = run_dag(dag_id_in(code), folder=tmp_path / "dags")

    assert set(run.states.values()) == {"success"}
    assert set(quick_sandbox.ledger.times_dialled().values()) == {1}


def test_the_quickstart_shows_what_the_sandbox_says_when_it_starts():
    from airflow_provider_tingting.sandbox import Sandbox
    from airflow_provider_tingting.sandbox.__main__ import welcome

    shown = [block.code for block in blocks(DOCS / "quickstart.md", "text")]

    assert f"{welcome(Sandbox(port=8085, token='tingting-sandbox-token'))}\n" in shown


@pytest.mark.parametrize("page", [DOCS / "campaigns.md", DOCS / "first-campaign.md"], ids=page_name)
def test_the_occasions_of_the_page_render_in_a_run_without_a_logical_date(page):
    environment = Environment(undefined=StrictUndefined)
    environment.filters["ds"] = lambda moment: f"{moment:%Y-%m-%d}"
    templates = [found for block in blocks(page, "python") for found in re.findall(r'occasion="({{.+?}})"', block.code)]
    assert templates
    for template in templates:
        # Airflow leaves the dates out of the context of such a run.
        run = SimpleNamespace(run_after=datetime(2026, 11, 30))
        assert environment.from_string(template).render(dag_run=run) in ("2026-11-30", "2026-W49")


@pytest.mark.dags
def test_the_test_on_the_testing_page_passes(tmp_path, airflow_home):
    [fixture, dag, tests] = [block.code for block in blocks(DOCS / "testing.md", "python")][:3]
    (tmp_path / "dags").mkdir()
    (tmp_path / "dags" / "reminder.py").write_text(on_this_airflow(dag))
    (tmp_path / "conftest.py").write_text(fixture)
    (tmp_path / "test_reminder.py").write_text(tests)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(tmp_path), str(tmp_path)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
        capture_output=True,
        text=True,
        timeout=300,
    )

    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]


@pytest.mark.parametrize("page", WITH_BASH, ids=page_name)
def test_the_commands_of_the_page_exist(page, quick_sandbox):
    for block in blocks(page, "bash"):
        for line in block.code.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            while words and re.match(r"[A-Z_]+=", words[0]):
                words.pop(0)
            if words:
                CHECKS.get(words[0], no_such_command)(words, quick_sandbox)


def test_the_helm_values_on_the_production_page_are_yaml():
    [block] = blocks(DOCS / "production.md", "yaml")

    values = yaml.safe_load(block.code)

    assert values["triggerer"]["replicas"] == 2
    # The chart takes this value as text, and reads it as YAML again.
    assert yaml.safe_load(values["extraEnvFrom"]) == [{"secretRef": {"name": "tingting-connection"}}]


def no_such_command(words, _):
    raise AssertionError(f"no check knows the command {words[0]!r}: {shlex.join(words)}")


def harmless(words, _):
    assert words[0] in ("cd", "mkdir", "source", "export", "cat", "cp", "printf")


def check_make(words, _):
    targets = set(re.findall(r"^([a-z-]+):", (CHECKOUT / "Makefile").read_text(), re.MULTILINE))
    wanted = [word for word in words[1:] if "=" not in word]
    assert wanted and set(wanted) <= targets
    for word in words[1:]:
        if word.startswith("ARGS=") and wanted == ["demo"]:
            check_demo(shlex.split(word.removeprefix("ARGS=")))


def check_demo(arguments):
    source = (CHECKOUT / "airflow_provider_tingting" / "demo" / "__main__.py").read_text()
    assert all(f'"{argument}"' in source for argument in arguments if argument.startswith("-"))


def check_python(words, sandbox):
    if words[1] == "-c":
        compile(words[2], "the command", "exec")
        return
    assert words[1] == "-m"
    module, arguments = words[2], words[3:]
    if module in ("pytest", "venv"):
        return
    assert find_spec(f"{module}.__main__")
    if module == "airflow_provider_tingting.sandbox":
        check_sandbox(arguments, sandbox)
    elif module == "airflow_provider_tingting":
        check_tingting(arguments)
    else:
        check_demo(arguments)


def check_sandbox(arguments, _):
    from airflow_provider_tingting.sandbox import Dialect
    from airflow_provider_tingting.sandbox.__main__ import parser
    from airflow_provider_tingting.sandbox.faults import Faults

    if arguments == ["--help"]:
        return
    options = parser().parse_args(arguments)
    faults = Faults()
    for text in options.fault:
        faults.parse(text)
    Dialect.parse(options.dialect)


def check_pip(words, _):
    assert words[1] == "install"
    known = set(re.findall(r"^(\w+) = \[", (CHECKOUT / "pyproject.toml").read_text(), re.MULTILINE))
    for word in words[2:]:
        if extras := re.search(r"\[(.+)\]", word):
            assert set(extras[1].split(",")) <= known


@cache
def airflow_parser():
    from airflow.cli import cli_parser

    return cli_parser.get_parser()


def check_tingting(arguments):
    from airflow_provider_tingting.cli.commands import parser

    if arguments[-1] == "--help":
        with pytest.raises(SystemExit) as ended:
            parser().parse_args(arguments)
        assert ended.value.code == 0
        return
    parser().parse_args(arguments)


def check_airflow(words, _):
    if words[1] == "tingting":
        # Airflow takes these from 3.2 on; the module has the same.
        check_tingting(words[2:])
        return
    if words[1] == "backfill" and AIRFLOW_VERSION < (3, 0):
        return
    airflow_parser().parse_args(words[1:])


def check_curl(words, sandbox):
    """Send what the command sends; the sandbox must like it."""
    import requests

    method, headers, body, address = "GET", {}, None, None
    rest = iter(words[1:])
    for word in rest:
        if word == "-X":
            method = next(rest)
        elif word == "-H":
            name, value = next(rest).split(": ", 1)
            headers[name] = value
        elif word == "-d":
            body = next(rest).encode()
        elif not word.startswith("-"):
            address = word.replace("http://127.0.0.1:8085/", sandbox.root_url)
    answer = requests.request(method, address, headers=headers, data=body, timeout=60)
    assert answer.ok, f"{shlex.join(words)}: {answer.status_code} {answer.text}"


CHECKS = {
    "make": check_make,
    **dict.fromkeys(("python", "python3"), check_python),
    "tingting-sandbox": lambda words, sandbox: check_sandbox(words[1:], sandbox),
    "pip": check_pip,
    "airflow": check_airflow,
    "curl": check_curl,
    **dict.fromkeys(("cd", "mkdir", "source", "export", "cat", "cp", "printf"), harmless),
}
