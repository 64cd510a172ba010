"""What came instead of a report: an error page, an error in JSON, a file of another kind.

May import the standard library and the error tree only.
"""

from __future__ import annotations

import json
from typing import BinaryIO, Final

from airflow_provider_tingting.errors import TingTingReportError

_OTHER_KINDS: Final = (
    (b"PK\x03\x04", "a workbook or a zip file"),
    (b"\x1f\x8b", "gzip"),
    (b"%PDF", "a PDF"),
    (b"\xff\xfe", "text in UTF-16"),
    (b"\xfe\xff", "text in UTF-16"),
)


def refuse_other_kinds(stream: BinaryIO, *, wanted: str = "CSV") -> None:
    """Refuse a body that is not even the kind of file that was asked for.

    :param stream: a readable, seekable binary file; read from its first byte.
    :param wanted: `CSV` or `JSON`.
    :raises TingTingReportError: when the body is empty, HTML, or of another kind; it says which.
    """
    stream.seek(0)
    head = stream.read(4096)
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not text:
        raise TingTingReportError(
            "The report is empty: not one line came. Download it again; a campaign without contacts has no report."
        )
    kind = next((name for magic, name in _OTHER_KINDS if head.startswith(magic)), "")
    if text.startswith(b"<"):
        kind = "a web page (HTML)"
    elif text.startswith((b"{", b"[")):
        kind = "" if wanted == "JSON" else f"JSON{_complaint(text)}"
    if kind:
        raise TingTingReportError(
            f"The report is not {wanted} but {kind}. TingTing, or something before it, answered with this instead: "
            "check the connection's base URL and the id, then try again."
        )


def _complaint(text: bytes) -> str:
    """Quote what an error in JSON says, if it says it in the usual places."""
    try:
        reply = json.loads(text)
    except ValueError:
        return ""
    if not isinstance(reply, dict):
        return ""
    said = next((reply[key] for key in ("detail", "message", "error") if key in reply), "")
    return f" that says {said[:200]!r}" if said and isinstance(said, str) else ""
