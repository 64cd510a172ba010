"""Whose certificates are believed. One answer for both clients; the HTTP libraries would give two."""

from __future__ import annotations

import os
import ssl
from functools import lru_cache
from pathlib import Path
from typing import Literal

from airflow_provider_tingting.errors import TingTingConfigError


def named_bundle() -> str | None:
    """Return the certificates that the environment names, as requests reads it; None when it names none."""
    return os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")


def tls_context(verify: bool | str) -> ssl.SSLContext:
    """Return the settings for TLS; making them takes 20 to 26 ms of CPU, so they are made once.

    :param verify: whether to check the server's certificate, or the path of a file or folder of CA certificates.
    :raises TingTingConfigError: the certificates cannot be read.
    """
    if verify is True:
        import certifi

        # As requests does it, so that a company's own certificates are known to both clients.
        verify = named_bundle() or certifi.where()
    try:
        return _made(verify)
    except OSError as error:
        raise TingTingConfigError(
            f"The CA certificates at {verify} cannot be used ({error.strerror or type(error).__name__})."
        ) from error


@lru_cache(maxsize=8)
def _made(verify: str | Literal[False]) -> ssl.SSLContext:
    if verify is False:
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context
    if Path(verify).is_dir():
        return ssl.create_default_context(capath=verify)
    return ssl.create_default_context(cafile=verify)
