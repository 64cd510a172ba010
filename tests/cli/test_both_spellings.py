"""`airflow tingting …` and `python -m airflow_provider_tingting …` are the same commands, and cost nothing unused."""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import pty
import re
import subprocess
import sys

import pytest
from support.airflow_home import AIRFLOW_VERSION, CHECKOUT
from support.campaigns import a_campaign

from airflow_provider_tingting.cli.commands import COMMANDS, parser

MODULE = [sys.executable, "-m", "airflow_provider_tingting"]
# The version from which Airflow takes commands from providers.
TAKES_COMMANDS = (3, 2)


def surroundings(sandbox, **more):
    return {
        **os.environ,
        "PYTHONPATH": str(CHECKOUT),
        "AIRFLOW_CONN_TINGTING_DEFAULT": sandbox.connection_json(),
        **more,
    }


@pytest.mark.skipif(AIRFLOW_VERSION < TAKES_COMMANDS, reason="this Airflow takes no commands from providers")
def test_airflow_has_the_same_commands_with_the_same_exit_codes(sandbox, airflow, monkeypatch):
    monkeypatch.setenv("AIRFLOW_CONN_TINGTING_DEFAULT", sandbox.connection_json())

    good, bad = airflow("tingting", "voices", "--json"), airflow("tingting", "campaigns", "show", "4711")

    assert good.code == 0
    assert len(json.loads(good.out)) == 5
    assert bad.code == 3
    assert "4711" in bad.err


@pytest.mark.skipif(AIRFLOW_VERSION < TAKES_COMMANDS, reason="this Airflow takes no commands from providers")
@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.path)
def test_both_spellings_take_the_same_arguments(command, capsys):
    from airflow.cli import cli_parser

    def help_of(top, words):
        with pytest.raises(SystemExit) as ended:
            top.parse_args([*words, *command.path.split(), "--help"])
        assert ended.value.code == 0
        return set(re.findall(r"(?<!\S)--[a-z-]+", capsys.readouterr().out))

    own = help_of(parser(), [])

    assert own
    assert help_of(cli_parser.get_parser(), ["tingting"]) == own


def test_the_commands_are_in_the_provider_info_and_cost_next_to_nothing():
    program = """
import sys, argparse
from airflow_provider_tingting.cli.commands import parser
parser()
print(",".join(sorted(name for name in sys.modules if name.startswith("airflow_provider_tingting."))))
print(",".join(sorted({"airflow", "rich", "requests", "httpx", "pydantic", "fastapi"} & set(sys.modules))))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    ours, others = done.stdout.splitlines()

    assert set(ours.split(",")) == {
        "airflow_provider_tingting.cli",
        "airflow_provider_tingting.cli.commands",
        "airflow_provider_tingting.cli.exit_codes",
    }
    assert others == ""


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.path)
def test_every_command_has_the_two_functions_and_a_line_of_help(command):
    added = argparse.ArgumentParser()
    command.module.add_arguments(added)

    assert callable(command.module.run)
    assert command.help
    assert all(action.help for action in added._actions)


def on_a_terminal(words, env, *, columns):
    """What a command prints on a terminal of so many columns."""
    import fcntl
    import struct
    import termios

    keeper, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    process = subprocess.Popen(words, env=env, stdin=terminal, stdout=terminal, stderr=terminal, close_fds=True)
    os.close(terminal)
    printed = b""
    while True:
        try:
            piece = os.read(keeper, 65536)
        except OSError:
            break
        if not piece:
            break
        printed += piece
    os.close(keeper)
    process.wait(170)
    return printed.decode()


def test_a_narrow_terminal_cuts_no_path_and_no_color_means_none(sandbox, tmp_path):
    number = a_campaign(sandbox)
    sandbox.world.run_campaign(number)
    sandbox.play_out()
    path = tmp_path / ("a-folder-with-quite-a-long-name-" * 3) / "report.csv"
    env = {name: value for name, value in surroundings(sandbox).items() if name not in ("COLUMNS", "NO_COLOR")}
    command = [*MODULE, "report", str(number), str(path)]
    plain = on_a_terminal(command, {**env, "NO_COLOR": "1", "TERM": "xterm-256color"}, columns=40)
    doctor = on_a_terminal([*MODULE, "doctor"], {**env, "TERM": "xterm-256color"}, columns=40)

    assert f"rows written to {path}" in plain
    assert not re.search(r"\x1b\[[0-9;]*3[0-9][0-9;]*m", plain)
    assert re.search(r"\x1b\[[0-9;]*3[0-9][0-9;]*m", doctor)
    assert sandbox.base_url in doctor


def test_the_entry_point_of_the_sandbox_and_its_command_take_the_same_options():
    from airflow_provider_tingting.sandbox.__main__ import parser as sandbox_parser

    (command,) = (command.module for command in COMMANDS if command.path == "sandbox")

    added = argparse.ArgumentParser()
    command.add_arguments(added)

    assert {option for action in added._actions for option in action.option_strings} == {
        option for action in sandbox_parser()._actions for option in action.option_strings
    }
    assert importlib.metadata.entry_points(group="console_scripts", name="tingting-sandbox")
