"""The optional dependencies of this package, and the command that installs them."""

from __future__ import annotations

import re
import shlex
from importlib import import_module
from importlib.metadata import PackageNotFoundError, requires
from typing import Any

from airflow_provider_tingting.errors import TingTingConfigError

DISTRIBUTION = "airflow-provider-tingting"

_REQUIREMENT = re.compile(r"""(?P<package>[^;]+);.*\bextra\s*==\s*['"](?P<extra>[^'"]+)['"]""")


def install_command(extra: str) -> str:
    """Return the shell command that installs the packages of an extra.

    It names the packages instead of `airflow-provider-tingting[extra]`, which pip finds only if this package was
    installed from a package index.

    :param extra: the extra's name, such as `parquet`.
    """
    try:
        requirements = [_REQUIREMENT.match(line) for line in requires(DISTRIBUTION) or ()]
    except PackageNotFoundError:
        requirements = []
    packages = [found["package"].strip() for found in requirements if found and found["extra"] == extra]
    return f"pip install {shlex.join(packages or [f'{DISTRIBUTION}[{extra}]'])}"


def import_extra(module: str, *, extra: str, purpose: str, otherwise: str) -> Any:
    """Import a module of an optional dependency; such modules are untyped here, installed or not.

    :param module: the module's full name.
    :param extra: the extra of this package that installs it.
    :param purpose: what needs it, as the beginning of a sentence.
    :param otherwise: what the user can do without it.
    :raises TingTingConfigError: it cannot be imported; the error names the command that installs it.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise TingTingConfigError(
            f"{purpose} needs {module.partition('.')[0]}, which cannot be imported ({error}). "
            f"Run: {install_command(extra)}. Or {otherwise}."
        ) from error
