"""What a probe finds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from airflow_provider_tingting.connection.server_dialect import ServerDialect
from airflow_provider_tingting.masking import mask_text


class Verdict(Enum):
    """How well the provider works with what was found."""

    WORKS = "works"
    WORKS_WITH_CARE = "works with care"
    DOES_NOT_WORK = "does not work"


@dataclass(frozen=True)
class Finding:
    """One measurement.

    :param assumption: what the provider relies on.
    :param found: what the account does.
    :param handling: what the provider does about it, or what to do.
    :param verdict: how well the provider works with it.
    :param dialect: what it says of the server, by the names of `ServerDialect`.
    """

    assumption: str
    found: str
    handling: str
    verdict: Verdict = Verdict.WORKS
    dialect: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, str]:
        """Return it as a JSON object, masked."""
        return {
            "assumption": self.assumption,
            "found": mask_text(self.found),
            "handling": self.handling,
            "verdict": self.verdict.value,
        }


def dialect_of(findings: Iterable[Finding]) -> ServerDialect:
    """Return what some findings say of the server.

    :param findings: the findings of one probe.
    """
    known: dict[str, Any] = {}
    for finding in findings:
        known |= finding.dialect
    return ServerDialect(**known)
