"""What a campaign is to be, and the marker by which a later try finds it again."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, replace
from typing import Protocol

# The description holds the purpose and the occasion in square brackets.
_NO_BRACKETS = str.maketrans("[]\n", "() ")
#: Stands between the rank of an occasion's campaign and the task instance that created it.
BY = "r"
_TAG = re.compile(r"\[(purpose|occasion): ([^\[\]\n]*)\]")
_MARKER = re.compile(r"\[airflow:([0-9a-f]+)\.([0-9a-z]+)/([0-9a-f]+)\]")


@dataclass(frozen=True)
class CampaignSpec:
    """What a campaign is to be. Times are texts with an offset, the voice is an id.

    Source: API page, Create a campaign, Set voice and category.

    :param name: the name that TingTing shows.
    :param services: `PHONE`, `SMS` or `SMS & PHONE`.
    :param user_phone: ids of the caller numbers.
    :param message: the text that is spoken.
    :param sms_message: the text that is sent; required for SMS.
    :param description: the user's own description; the marker is put before it.
    :param schedule: when TingTing is to start it, in ISO 8601 with an offset; None to start when it is run.
    :param failover_target: the outcomes of a call after which the contact gets the SMS; None to leave it as it is.
    :param credit_limit: the most credits that the campaign may spend.
    :param voice: the voice's id; None to set no voice.
    :param length_factor: the speed of the speech, such as `1.00`.
    :param draft: whether to leave the campaign as a draft.
    :param purpose: what the campaign is for, as `frequency_cap` and the contact log name it.
    :param occasion: which of the campaigns of this purpose it is, as the contact log has it.
    :param run_if_late: whether to leave out a schedule that has passed; otherwise nothing is created then.
    """

    name: str
    services: str
    user_phone: tuple[int, ...]
    message: str
    sms_message: str | None = None
    description: str | None = None
    schedule: str | None = None
    failover_target: tuple[str, ...] | None = None
    credit_limit: float | None = None
    voice: int | None = None
    length_factor: str | None = None
    draft: bool | None = None
    purpose: str | None = None
    occasion: str | None = None
    run_if_late: bool = False

    def __repr__(self) -> str:
        return f"CampaignSpec(name={self.name!r}, services={self.services!r})"

    def description_with(self, marker: object) -> str:
        """Return the campaign's description: the marker, the purpose, the occasion and the user's own text.

        :param marker: it comes first, so that a server that shortens descriptions keeps it.
        """
        tags = [
            f"[{name}: {tag_text(text)}]"
            for name, text in (("purpose", self.purpose), ("occasion", self.occasion))
            if text
        ]
        return " ".join([str(marker), *tags, *([self.description] if self.description else [])])

    def fingerprint(self) -> str:
        """Return a short text that is the same for the same name, target and messages, and reveals none of them."""
        content = [self.name, self.services, list(self.user_phone), self.message, self.sms_message]
        return hashlib.sha256(json.dumps(content, ensure_ascii=False).encode()).hexdigest()[:8]


class MarksCampaigns(Protocol):
    """A marker that can be recognised in a campaign's description."""

    def is_in(self, description: str) -> bool:
        """Return whether a campaign with this description carries the marker.

        :param description: the description of a campaign.
        """


@dataclass(frozen=True)
class Marker:
    """The text in a campaign's description by which a later try finds the campaign of its task.

    :param key: identifies the task instance, or the occasion; the same for each try.
    :param generation: a rank, and for an occasion also the task instance that created the campaign. Each clear that
        creates another campaign gives another rank.
    :param fingerprint: of the content, so that a task whose content has changed does not use the campaign.
    """

    key: str
    generation: str
    fingerprint: str

    @classmethod
    def of(cls, spec: CampaignSpec, *parts: object, generation: object = 0) -> Marker:
        """Return the marker of a campaign.

        :param spec: the campaign.
        :param parts: what identifies the task or the occasion, such as DAG, run, task and map index.
        :param generation: see the class; lower-case letters and digits.
        """
        key = hashlib.sha256("\x1f".join(map(str, parts)).encode()).hexdigest()[:20]
        return cls(key, str(generation), spec.fingerprint())

    def __str__(self) -> str:
        return f"[airflow:{self.key}.{self.generation}/{self.fingerprint}]"

    def is_in(self, description: str) -> bool:
        """Return whether a campaign with this description is of this task and generation, whatever its content.

        :param description: the description of a campaign.
        """
        return f"[airflow:{self.key}.{self.generation}/" in description

    def any_generation(self) -> AnyGeneration:
        """Return what recognises the campaigns of each generation."""
        return AnyGeneration(self.key)

    def as_found(self, description: str) -> Marker:
        """Return this marker with the generation that a campaign's description shows.

        :param description: the description of a campaign.
        """
        return replace(self, generation=self.any_generation().generation_in(description) or self.generation)


@dataclass(frozen=True)
class AnyGeneration:
    """Recognises the campaigns of a task or an occasion, whichever generation.

    :param key: as in `Marker`.
    """

    key: str

    def is_in(self, description: str) -> bool:
        """Return whether a campaign with this description is of this task or occasion.

        :param description: the description of a campaign.
        """
        return f"[airflow:{self.key}." in description

    def generation_in(self, description: str) -> str:
        """Return the generation that a campaign's description shows; an empty text when it shows none.

        :param description: the description of a campaign.
        """
        return next((match[2] for match in _MARKER.finditer(description) if match[1] == self.key), "")

    def rank_in(self, description: str) -> str:
        """Return the rank of that generation: campaigns of one rank were created at the same time by several tasks.

        :param description: the description of a campaign.
        """
        return self.generation_in(description).partition(BY)[0]


def tag_text(text: str) -> str:
    """Return a purpose or an occasion as a description shows it, and `tags_in` returns it.

    :param text: as the user writes it.
    """
    return text.translate(_NO_BRACKETS).strip()


def tags_in(description: str) -> dict[str, str]:
    """Return the `purpose` and the `occasion` that a campaign's description names.

    :param description: the description.
    """
    found: dict[str, str] = {}
    for name, text in _TAG.findall(description):
        found.setdefault(name, text.strip())
    return found


def is_marked(description: str) -> bool:
    """Return whether a campaign with this description carries the marker of any task.

    :param description: the description of a campaign.
    """
    return "[airflow:" in description
