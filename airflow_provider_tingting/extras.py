"""The optional dependencies of this package, and the command that installs them."""

from __future__ import annotations

import re
import shlex
from importlib.metadata import PackageNotFoundError, requires

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
