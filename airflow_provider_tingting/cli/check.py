"""One thing that the doctor has looked at."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from airflow_provider_tingting.masking import mask_text


class Verdict(Enum):
    """How it stands."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True)
class Check:
    """What was looked at, how it stands, and what to do.

    :param about: what was looked at, in a word or two.
    :param verdict: how it stands.
    :param said: what was seen, in a sentence.
    :param remedy: what to do; empty when all is well.
    """

    about: str
    verdict: Verdict
    said: str
    remedy: str = ""

    def to_json(self) -> dict[str, str]:
        """Return it as a JSON object."""
        return {"check": self.about, "verdict": self.verdict.value, "said": mask_text(self.said), "remedy": self.remedy}


def ok(about: str, said: str) -> Check:
    """Return that all is well."""
    return Check(about, Verdict.OK, said)


def warning(about: str, said: str, remedy: str) -> Check:
    """Return something that will hurt some people."""
    return Check(about, Verdict.WARNING, said, remedy)


def problem(about: str, said: str, remedy: str) -> Check:
    """Return something with which no campaign runs."""
    return Check(about, Verdict.PROBLEM, said, remedy)
