"""The `{tags}` of a message: which there are, and the message with them filled. Imports the standard library only.

TingTing fills the tags itself; filling here is for estimates, previews and the sandbox (API page: Create a campaign).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from airflow_provider_tingting.contacts.contact import plain_value

_TAG = re.compile(r"\{\s*([^{}\r\n]*[^{}\s])\s*\}")


def tags_in(*messages: str | None) -> tuple[str, ...]:
    """Return the names of all tags in the messages, each once, in the order of their first use.

    :param messages: message texts; None and empty ones have no tags.
    """
    return tuple(dict.fromkeys(tag for message in messages for tag in _TAG.findall(message or "")))


def fill(message: str, variables: Mapping[str, object]) -> str:
    """Return the message as this contact gets it; a tag without a variable stays as it is written.

    :param message: the text with `{tags}`.
    :param variables: a contact's variables.
    """

    def value_of(tag: re.Match[str]) -> str:
        name = tag.group(1)
        return str(plain_value(variables[name])) if name in variables else tag.group()

    return _TAG.sub(value_of, message)
