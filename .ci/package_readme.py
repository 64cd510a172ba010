"""A hatchling hook that makes the README the package's long description, without its relative links.

A package index shows the README alone: there `docs/…` leads nowhere. Links to web addresses stay.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

RELATIVE_LINK = re.compile(r"\[([^\]]+)\]\((?!https?://)[^)]*\)")


class ReadmeHook(MetadataHookInterface):
    PLUGIN_NAME = "package-readme"

    def update(self, metadata: dict[str, Any]) -> None:
        text = Path(self.root, "README.md").read_text(encoding="utf-8")
        note = "The pages named here are in the folder `docs/` of the source distribution.\n\n"
        text = text.replace("## Documentation\n\n", f"## Documentation\n\n{note}")
        metadata["readme"] = {"content-type": "text/markdown", "text": RELATIVE_LINK.sub(r"\1", text)}
