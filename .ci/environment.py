"""Make a virtual environment of this checkout with exact versions. Called by the Makefile; needs Python and pip only.

    python3 .ci/environment.py .venv .ci/requirements/airflow-3.3.txt [more.txt ...]
    python3 .ci/environment.py .venv-2.11 --airflow 2.11
    python3 .ci/environment.py .venv                        an empty one

An existing environment is kept and brought up to date. With `--airflow` the requirement file is that version's, and so
is the Python: the first in `.ci/versions.txt` that this machine has.

This file must parse on any Python 3, so that an old one is refused with a sentence instead of a syntax error.
"""

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

OLDEST = "3.10"
CHECKOUT = Path(__file__).resolve().parent.parent


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("requirements", type=Path, nargs="*")
    parser.add_argument("--airflow", help="a minor version of .ci/versions.txt")
    parser.add_argument("--wheel", type=Path, help="install this instead of the checkout")
    parser.add_argument("--at-least", default=OLDEST, help="refuse an older Python than this (default: %(default)s)")
    options = parser.parse_args()
    refuse_older_than(options.at_least)

    interpreter, requirements = sys.executable, options.requirements
    if options.airflow:
        interpreter = python_for(options.airflow)
        requirements = [CHECKOUT / ".ci" / "requirements" / f"airflow-{options.airflow}.txt", *requirements]
    python = create(options.folder, interpreter)
    if requirements:
        install(python, requirements, ["--editable", str(CHECKOUT)] if options.wheel is None else [str(options.wheel)])


def refuse_older_than(oldest):
    if sys.version_info[:2] < tuple(int(part) for part in oldest.split(".")):
        this = f"{sys.version_info[0]}.{sys.version_info[1]} ({sys.executable})"
        stop(f"this needs Python {oldest} or later, and python3 is {this}. Try: make PYTHON=python3.12 ...")


def python_for(minor):
    """The first Python of that Airflow's line in versions.txt that runs here."""
    wanted = pythons_of(minor)
    for version in wanted:
        found = shutil.which("python" + version)
        # A version manager may have put a name on the path without the program behind it.
        if found and subprocess.call([found, "-c", ""], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) == 0:
            return found
    this = f"{sys.version_info[0]}.{sys.version_info[1]}"
    if this not in wanted:
        names = ", ".join(wanted)
        stop(f"Airflow {minor} installs on Python {names}; none of them is on the path, only {this}.")
    return sys.executable


def pythons_of(minor):
    for line in (CHECKOUT / ".ci" / "versions.txt").read_text().splitlines():
        columns = line.split()
        if columns and columns[0] == minor:
            return columns[4:]
    return stop(f"{minor} is not in .ci/versions.txt.")


def create(folder, interpreter):
    python = folder / "bin" / "python"
    if not python.exists():
        # A Debian without python3-venv makes environments, but none with a pip of their own.
        whole = subprocess.call([interpreter, "-c", "import ensurepip"], stderr=subprocess.DEVNULL) == 0
        subprocess.check_call(
            [interpreter, "-m", "venv", "--clear", *([] if whole else ["--without-pip"]), str(folder)]
        )
        if not whole:
            site = subprocess.check_output([python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"])
            target = ["--target", site.decode().strip()]
            subprocess.check_call([interpreter, "-m", "pip", "install", "-qq", *target, "pip"])
    return python


def install(python, requirements, provider):
    names = " and ".join(path.stem for path in requirements)
    print(f"Installing {names} into {python.parent.parent} (one to three minutes the first time)", flush=True)
    pip = [str(python), "-m", "pip", "--disable-pip-version-check", "install", "--no-deps"]
    # The files are complete, so there is nothing to resolve; `pip check` proves it.
    files = [word for path in requirements for word in ("--requirement", str(path))]
    total = sum(1 for path in requirements for line in path.read_text().splitlines() if "==" in line.partition("#")[0])
    show_progress([*pip, "--progress-bar", "off", *files], total)
    subprocess.check_call([*pip, "-qq", "--no-build-isolation", *provider])
    check = subprocess.run([str(python), "-m", "pip", "check"], stdout=subprocess.PIPE, text=True)
    if check.returncode != 0:
        stop("The requirement files do not fit together; run `make requirements`.\n" + check.stdout)


def show_progress(command, total):
    """Run pip and show which package it collects: in one line on a terminal, otherwise a line for every 20 packages."""
    seen, terminal, output = 0, sys.stdout.isatty(), []
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, universal_newlines=True) as pip:
        for line in pip.stdout:
            output.append(line)
            words = line.split()
            if words[:1] == ["Collecting"]:
                seen += 1
                report = f"  {seen} of {total} packages: {words[1].partition('==')[0]}"
                if terminal:
                    print(f"\r\033[K{report}", end="", flush=True)
                elif seen % 20 == 0:
                    print(report, flush=True)
            elif line.startswith("Installing collected packages"):
                print(("\r\033[K" if terminal else "") + f"  unpacking {seen} packages", flush=True)
    if pip.returncode != 0:
        sys.stdout.write("".join(output[-40:]))
        raise subprocess.CalledProcessError(pip.returncode, command)


def stop(sentence):
    sys.exit("error: " + sentence)


if __name__ == "__main__":
    os.environ.pop("PIP_REQUIRE_VIRTUALENV", None)
    try:
        main()
    except subprocess.CalledProcessError as fault:
        command = " ".join(fault.cmd[:5])
        stop(f"`{command} ...` failed, see above.")
