"""The environment of a rehearsal's process: an Airflow of its own, without the user's connections and database.

Of the user's Airflow it keeps what decides how a DAG runs: variables in the environment, plugins, and a few settings.
Logging to a store, metrics, lineage, e-mail, executors and secrets backends are left out, because a rehearsal must have
no effect outside its own folder.
"""

from __future__ import annotations

import configparser
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

BUNDLES = "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST"
SECRETS = "airflow_provider_tingting.rehearsal.secrets_backend.RehearsalSecrets"

#: Settings that change what a DAG does; a section alone stands for all of its settings.
_KEPT = frozenset(
    {
        "CORE__DEFAULT_TIMEZONE",
        "CORE__DEFAULT_TASK_RETRIES",
        "CORE__MAX_MAP_LENGTH",
        "CORE__ALLOWED_DESERIALIZATION_CLASSES",
        "CORE__ALLOWED_DESERIALIZATION_CLASSES_REGEXP",
        "CORE__DAGBAG_IMPORT_TIMEOUT",
        "OPERATORS",
        "TINGTING",
    }
)
_LOOPBACK = "localhost,127.0.0.1,::1"


class UserAirflow:
    """The settings of the user's Airflow that a rehearsal needs, from the environment and `airflow.cfg`.

    They are read without an import of Airflow, which would take seconds.

    :param environ: the environment of the user's process.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.home = Path(environ.get("AIRFLOW_HOME") or "~/airflow").expanduser()
        self._file = configparser.RawConfigParser(strict=False)
        try:
            self._file.read(environ.get("AIRFLOW_CONFIG") or self.home / "airflow.cfg", encoding="utf-8")
        except (configparser.Error, UnicodeDecodeError):
            # Airflow itself reports a damaged file; the rehearsal then has the defaults.
            self._file.clear()

    def get(self, section: str, option: str) -> str:
        """Return a setting; empty when it is not set.

        :param section: the section of Airflow's configuration.
        :param option: its option.
        """
        value = self._environ.get(f"AIRFLOW__{section.upper()}__{option.upper()}")
        if value is None:
            value = self._file.get(section, option, fallback="").replace("%%", "%")
        return os.path.expandvars(value.replace("{AIRFLOW_HOME}", str(self.home))).strip()

    @property
    def dag_folders(self) -> list[Path]:
        """The folders with DAG files: those of local DAG bundles, otherwise the DAG folder."""
        folders = [Path(path) for path in _bundle_paths(self.get("dag_processor", "dag_bundle_config_list"))]
        return folders or [Path(self.get("core", "dags_folder") or self.home / "dags")]

    @property
    def plugins_folder(self) -> str:
        """The folder of the user's plugins."""
        return self.get("core", "plugins_folder") or str(self.home / "plugins")

    def kept_settings(self) -> Iterator[tuple[str, str]]:
        """Yield those settings that a rehearsal keeps, as environment variables."""
        for section in self._file.sections():
            for option in self._file.options(section):
                name = f"{section.upper()}__{option.upper()}"
                if name in _KEPT or section.upper() in _KEPT:
                    yield f"AIRFLOW__{name}", self.get(section, option)
        for name, value in self._environ.items():
            setting = name.removeprefix("AIRFLOW__")
            if name.startswith("AIRFLOW__") and (setting in _KEPT or setting.partition("__")[0] in _KEPT):
                yield name, value


def child_environment(environ: Mapping[str, str], home: Path, folder: Path) -> dict[str, str]:
    """Return the environment of the process that rehearses.

    :param environ: the environment of the user's process; its `AIRFLOW_CONN_…` are left out.
    :param home: the folder for everything that the rehearsal writes.
    :param folder: the folder of DAG files, from which they may import.
    """
    user = UserAirflow(environ)
    kept = {
        name: value
        for name, value in environ.items()
        if not name.startswith(("AIRFLOW", "OPENLINEAGE")) or name.startswith("AIRFLOW_VAR_")
    }
    return {
        **kept,
        # A rehearsal does not judge how long a DAG file takes to load.
        "AIRFLOW__CORE__DAGBAG_IMPORT_TIMEOUT": "300",
        **dict(user.kept_settings()),
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(folder),
        "AIRFLOW__CORE__PLUGINS_FOLDER": user.plugins_folder,
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__MIN_SERIALIZED_DAG_UPDATE_INTERVAL": "0",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home / 'airflow.db'}",
        "AIRFLOW__DATABASE__LOAD_DEFAULT_CONNECTIONS": "False",
        BUNDLES: bundle_setting(folder),
        "AIRFLOW__SECRETS__BACKEND": SECRETS,
        "AIRFLOW__SECRETS__BACKEND_KWARGS": "{}",
        "AIRFLOW__WORKERS__SECRETS_BACKEND": SECRETS,
        "AIRFLOW__WORKERS__SECRETS_BACKEND_KWARGS": "{}",
        "AIRFLOW__TINGTING__AUDIENCE_FOLDER": str(home / "written" / "audiences"),
        "AIRFLOW__OPENLINEAGE__DISABLED": "True",
        "AIRFLOW__METRICS__TIMER_UNIT_CONSISTENCY": "True",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        "NO_PROXY": ",".join(filter(None, [environ.get("NO_PROXY"), _LOOPBACK])),
        "no_proxy": ",".join(filter(None, [environ.get("no_proxy"), _LOOPBACK])),
        "PYTHONWARNINGS": environ.get("PYTHONWARNINGS", "ignore"),
    }


def bundle_setting(place: Path) -> str:
    """Return the setting that makes a file or folder the only DAG bundle.

    :param place: the file or folder.
    """
    local = "airflow.dag_processing.bundles.local.LocalDagBundle"
    return json.dumps([{"name": "rehearsal", "classpath": local, "kwargs": {"path": str(place)}}])


def _bundle_paths(text: str) -> Iterator[str]:
    try:
        bundles: Any = json.loads(text) if text else []
    except ValueError:
        bundles = []
    for bundle in bundles if isinstance(bundles, list) else []:
        path = bundle.get("kwargs", {}).get("path") if isinstance(bundle, dict) else None
        if isinstance(path, str):
            yield path
