"""Error responses, in each shape that TingTing is known to use.

The API page documents no errors. The shapes come from the vendor's other public material: texts by field, `detail`,
`message`, `error`, nested `non_field_errors`, and an envelope.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

ERROR_SHAPES = ("fields", "string", "nested", "message", "error", "envelope", "envelope-200")


class Refused(Exception):  # noqa: N818 - a response of the API, not a failure of the sandbox
    """A refused request, which has changed nothing.

    :param status: the HTTP status.
    :param body: the response body in the default shape: `{"detail": …}`, `{"message": …}` or texts by field.
    """

    def __init__(self, status: int, body: Mapping[str, Any]) -> None:
        super().__init__(f"HTTP {status}: {', '.join(body)}")
        self.status = status
        self.body = dict(body)


def not_found() -> Refused:
    """Return the 404 for an object that the account does not have."""
    return Refused(404, {"detail": "Not found."})


def invalid(**fields: str) -> Refused:
    """Return the 400 for invalid fields: `invalid(name="This field is required.")`."""
    return Refused(400, {name: [text] for name, text in fields.items()})


def forbidden_now(message: str) -> Refused:
    """Return the 400 for an action that the campaign's state does not allow.

    :param message: what is forbidden, as a sentence.
    """
    return Refused(400, {"message": message})


def shaped(status: int, body: Mapping[str, Any], shape: str) -> tuple[int, dict[str, Any]]:
    """Return status and body of an error response in one of the known shapes.

    :param status: the HTTP status.
    :param body: the JSON of the response.
    :param shape: one of `ERROR_SHAPES`; `fields` keeps the body as it is.
    """
    if shape == "fields":
        return status, dict(body)
    plain = len(body) == 1 and next(iter(body)) in ("detail", "message", "error") and isinstance(_only(body), str)
    sentence = str(_only(body)) if plain else "; ".join(f"{name}: {_texts(texts)}" for name, texts in body.items())
    if shape in ("message", "error"):
        return status, {shape: sentence}
    if shape.startswith("envelope"):
        envelope = {
            "status": status,
            "success": False,
            "message": sentence if plain else "Validation failed.",
            "errors": None if plain else dict(body),
            "data": None,
        }
        return (200 if shape == "envelope-200" else status), envelope
    if plain:
        return status, dict(body)
    if shape == "nested":
        return status, {name: {"non_field_errors": _listed(texts)} for name, texts in body.items()}
    return status, {name: _texts(texts) for name, texts in body.items()}


def _only(body: Mapping[str, Any]) -> Any:
    return next(iter(body.values()))


def _listed(texts: object) -> list[str]:
    return [str(text) for text in texts] if isinstance(texts, list) else [str(texts)]


def _texts(texts: object) -> str:
    return " ".join(_listed(texts))
