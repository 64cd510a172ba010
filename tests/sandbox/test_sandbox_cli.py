"""`python -m airflow_provider_tingting.sandbox` as a person uses it: in a process of its own."""

from __future__ import annotations

import json
import re
import shlex
import signal
import subprocess
import sys

import pytest
import requests

from airflow_provider_tingting.sandbox import Sandbox
from airflow_provider_tingting.sandbox.__main__ import main

COMMAND = [sys.executable, "-m", "airflow_provider_tingting.sandbox"]


@pytest.fixture
def started():
    """Start the command; give its process and what it printed."""
    processes = []

    def start(*options, ignore_sigint=False):
        command = [*COMMAND, *options]
        if ignore_sigint:
            command = ["sh", "-c", 'trap "" INT; exec "$@"', "sh", *command]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        processes.append(process)
        said = ""
        for line in process.stdout:
            said += line
            if line.startswith("Stop it"):
                break
        return process, said

    yield start
    for process in processes:
        process.kill()
        process.communicate(timeout=60)


def test_it_prints_the_connection_serves_and_stops(started):
    process, said = started("--port", "0", "--fault", "500:voices", "--token", "it's mine")
    exported = shlex.split(re.search(r"export (AIRFLOW_CONN_TINGTING_DEFAULT=.*)", said).group(1))[0]
    connection = json.loads(exported.partition("=")[2])
    headers = {"Authorization": f"Bearer {connection['password']}"}

    assert connection["password"] == "it's mine"
    assert f"listening on {connection['host']}" in said
    assert "/docs" in said and "Ctrl+C" in said and "500 at voices, 1 request" in said
    statuses = [
        requests.get(connection["host"] + "voice-models/", headers=headers, timeout=60).status_code for _ in "12"
    ]
    assert statuses == [500, 200]

    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "Stopped." in out
    assert err == ""


def test_ctrl_c_ends_it_though_a_page_is_open(started):
    process, said = started("--port", "0")
    root = re.search(r"Web page: +(http://\S+/)\n", said).group(1)
    with requests.get(f"{root}sandbox/events", stream=True, timeout=60) as stream:
        assert next(stream.iter_lines(chunk_size=1)) == b"retry: 1000"
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    # The asyncio of older Pythons may say of the open page that it has gone.
    assert (process.returncode, err.replace("socket.send() raised exception.\n", "")) == (0, "")
    assert "Stopped." in out


def test_each_start_has_a_token_of_its_own(started):
    tokens = {re.search(r"The token is (\S+)", started("--port", "0")[1]).group(1) for _ in range(2)}

    assert len(tokens) == 2
    assert all(len(token) >= 32 for token in tokens)


def test_ctrl_c_ends_it_where_the_shell_ignores_sigint_in_the_background(started):
    process, _ = started("--port", "0", ignore_sigint=True)
    process.send_signal(signal.SIGINT)

    assert "Stopped." in process.communicate(timeout=60)[0]
    assert process.returncode == 0


def test_sigterm_stops_it_too(started):
    process, _ = started("--port", "0")
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 0


def test_every_option_reaches_the_sandbox(started, tmp_path):
    _, said = started(
        *("--port", "0", "--speed", "0", "--start", "2025-07-07", "--samples", "--credits", "9", "--page-cap", "1"),
        *(
            "--dialect",
            "report_path=old",
            "--state",
            str(tmp_path / "state"),
            "--seed",
            "3",
            "--token",
            "tingting-sandbox-token",
        ),
    )
    root = re.search(r"(http://\S+/)docs", said).group(1)
    state = requests.get(root + "sandbox/state", timeout=60).json()
    assert state["now"] == "2025-07-07T00:00:00+05:45"
    assert state["credits"] == 9
    assert {campaign["id"] for campaign in state["campaigns"]} == {79, 857, 858}
    headers = {"Authorization": "Bearer tingting-sandbox-token"}
    assert len(requests.get(root + "api/v1/campaign/", headers=headers, timeout=60).json()["results"]) == 1
    assert requests.get(root + "api/v1/download/79/report/", headers=headers, timeout=60).status_code == 404
    assert '"seed": 3' in (tmp_path / "state").read_text()


def test_a_port_in_use_is_reported_in_one_sentence(capsys):
    with Sandbox() as sandbox:
        assert main(["--port", str(sandbox.port)]) == 2
    err = capsys.readouterr().err
    assert err.startswith(f"tingting-sandbox: The sandbox cannot listen on 127.0.0.1:{sandbox.port}")
    assert "choose another one" in err


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "::", "example.com", ""])
def test_an_address_beyond_this_machine_is_refused(capsys, host):
    assert main(["--host", host, "--port", "0"]) == 2
    assert "listens on this machine only" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--fault", "explode"], "unknown fault 'explode'; choose from"),
        (["--dialect", "x=y"], "unknown dialect switch 'x'"),
        (["--dialect", "x"], "unknown dialect 'x'; choose from vendor, or give name=value"),
        (["--page-cap", "-1"], "page_cap must be at least 1"),
        (["--speed", "-1"], "speed must be a number"),
        (["--port", "99999"], "port must be from 0 to 65,535"),
        (["--state", "/"], "cannot be read"),
    ],
)
def test_an_invalid_option_is_reported_in_one_sentence(capsys, options, said):
    assert main(["--port", "0", *options]) == 2
    captured = capsys.readouterr()
    assert said in captured.err
    assert "Traceback" not in captured.err
    assert captured.out == ""


def test_a_start_that_is_no_date_is_reported_in_one_sentence(capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["--start", "soon"])
    assert "'soon' is not an ISO 8601 date" in capsys.readouterr().err


def test_the_help_lists_faults_calls_and_dialects(capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    said = capsys.readouterr().out
    for word in ("lose-reply", "503-after-commit", "stop", "report_path", "--state", "*"):
        assert word in said


@pytest.mark.parametrize("missing", ["fastapi", "uvicorn", "python_multipart"])
def test_a_missing_package_is_named_with_the_command_that_installs_it(capsys, monkeypatch, missing):
    import importlib.util

    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name == missing else find_spec(name, *rest)
    )
    assert main(["--port", "0"]) == 2
    err = capsys.readouterr().err
    assert "Run: pip install " in err and "'uvicorn>=" in err
    assert missing.replace("_", "-") in err


def test_importing_the_sandbox_loads_no_web_framework():
    code = (
        "import sys, airflow_provider_tingting.sandbox as s; s.Sandbox, s.World, s.Dialect;"
        "from airflow_provider_tingting.sandbox import __main__;"
        "heavy = {'fastapi', 'uvicorn', 'starlette', 'pydantic', 'openpyxl', 'requests', 'airflow', 'multipart'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
