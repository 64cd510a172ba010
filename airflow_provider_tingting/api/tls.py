"""Choose the CA certificates, the same for both clients; requests and httpx have different defaults."""

from __future__ import annotations

import os
import ssl
from functools import lru_cache
from pathlib import Path
from typing import Literal

from airflow_provider_tingting.errors import TingTingConfigError


def environment_bundle() -> str | None:
    """Return the path of CA certificates in the environment, as requests reads it; None when there is none."""
    return os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")


def tls_context(verify: bool | str) -> ssl.SSLContext:
    """Return the TLS context. Creating one takes 20 to 26 ms of CPU, so it is cached.

    :param verify: whether to check the server's certificate, or the path of a file or folder of CA certificates.
    :raises TingTingConfigError: the certificates cannot be read.
    """
    if verify is True:
        import certifi

        # As requests does, so that both clients know a company's own certificates.
        verify = environment_bundle() or certifi.where()
    try:
        return _create(verify)
    except OSError as error:
        raise TingTingConfigError(
            f"The CA certificates at {verify} cannot be used ({error.strerror or type(error).__name__})."
        ) from error


@lru_cache(maxsize=8)
def _create(verify: str | Literal[False]) -> ssl.SSLContext:
    if verify is False:
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context
    if Path(verify).is_dir():
        return ssl.create_default_context(capath=verify)
    return ssl.create_default_context(cafile=verify)
