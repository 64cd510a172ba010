"""Remove from the server's text what a call has sent: numbers in any spelling, variables, messages and the token.

An error quotes what the server says, and servers quote what they received. The call knows what it sent, so its values
are removed, whatever the server has put around them.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

import msgspec

from airflow_provider_tingting.api.protocol import Request
from airflow_provider_tingting.masking import HIDDEN, mask_text, printable

# Fields whose values are ids and settings, which an error must name to be useful.
_NOT_PERSONAL = frozenset(
    {
        "category",
        "credit_limit",
        "draft",
        "failover_target",
        "format",
        "length_factor",
        "limit",
        "offset",
        "schedule",
        "services",
        "status",
        "user_phone",
        "voice",
        "voice_input",
    }
)
# Fields with whole sentences: single words of them are ordinary words, three in a row are a quotation.
_SENTENCES = frozenset({"description", "message", "name", "sms_message"})
_RUN_OF_WORDS = 3
# Shorter words of a variable's value, such as "to", are not looked for.
_SHORTEST_WORD = 3
# A word of a variable's value inside a longer word, such as `user_Rambahadur9`, is looked for from this length on.
_SHORTEST_PART = 5
# A run of at least this many digits that also occurs in a sent number is a part of that number.
_RUN_OF_DIGITS = 6
# Characters between two digits of one number, such as " ext ".
_LARGEST_GAP = 8
# A run of at least this many characters that also occurs in the token is a part of it.
_RUN_OF_TOKEN = 8
# Longer texts from the server are cut before they are searched, and longer words of them are not quoted.
_LONGEST_TEXT = 4000
_LONGEST_WORD = 60


class Redactor:
    """Removes a request's values from text.

    :param request: what was sent.
    :param token: the API token that was sent.
    """

    def __init__(self, request: Request, token: str = "") -> None:
        self._words: set[str] = set()
        self._runs: set[tuple[str, ...]] = set()
        self._digits: set[str] = set()
        self._token: set[str] = set()
        for spelling in (token.casefold(), token.casefold()[::-1]):
            self._token.update(_windows(spelling, _RUN_OF_TOKEN))
        # The whole body of a contact's attributes is its variables.
        field = "other_variables" if request.path.endswith("/attributes/") else ""
        for content in (request.query, request.json, request.form):
            self._collect(content, field)

    def _collect(self, content: object, field: str) -> None:
        if isinstance(content, Mapping):
            for name, value in content.items():
                if field == "other_variables" or name not in _NOT_PERSONAL:
                    self._collect(value, field if field == "other_variables" else str(name))
        elif isinstance(content, list | tuple):
            for value in content:
                self._collect(value, field)
        elif isinstance(content, msgspec.Raw):
            self._collect(msgspec.json.decode(content), field)
        elif content is not None and not isinstance(content, bool):
            self._add(str(content), sentence=field in _SENTENCES)

    def _add(self, value: str, *, sentence: bool) -> None:
        digits = "".join(digit for _, digit in _digits_of(value))
        for spelling in (digits, digits[::-1]):
            self._digits.update(_windows(spelling, _RUN_OF_DIGITS))
        words = [word for _, _, word in _words_of(value)]
        if words:
            self._runs.update(_windows(tuple(words), min(_RUN_OF_WORDS, len(words))))
        if not sentence:
            self._words.update(word for word in words if len(word) >= _SHORTEST_WORD and not word.isdigit())

    def __call__(self, text: str) -> str:
        """Return a text in one line, without control characters and the request's values.

        :param text: the text of the server.
        """
        text = printable(text[:_LONGEST_TEXT])
        hidden = sorted([*self._token_spans(text), *self._word_spans(text), *self._digit_spans(text)])
        pieces: list[str] = []
        position = 0
        for start, end in hidden:
            if start > position or not pieces:
                pieces += [text[position:start], HIDDEN]
            position = max(position, end)
        text = "".join([*pieces, text[position:]]) if hidden else text
        words = (word if len(word) <= _LONGEST_WORD else f"{word[:8]}…" for word in mask_text(text).split())
        return " ".join(words)

    def name(self, key: object) -> str:
        """Return a key of the server's JSON if it can be a field's name, else `a field`.

        :param key: the key.
        """
        text = str(key)
        plain = text.isascii() and text.replace("_", "a").isalnum() and not text[:1].isdigit() and len(text) <= 40
        return text if plain and self(text) == text else "a field"

    def _word_spans(self, text: str) -> Iterator[tuple[int, int]]:
        found = list(_words_of(text))
        parts = [word for word in self._words if len(word) >= _SHORTEST_PART]
        for index, (start, end, word) in enumerate(found):
            if word in self._words or any(part in word for part in parts):
                yield start, end
            for length in range(1, _RUN_OF_WORDS + 1):
                run = found[index : index + length]
                if tuple(one for _, _, one in run) in self._runs:
                    yield start, run[-1][1]

    def _digit_spans(self, text: str) -> Iterator[tuple[int, int]]:
        digits = list(_digits_of(text)) if self._digits else []
        for index in range(len(digits) - _RUN_OF_DIGITS + 1):
            window = digits[index : index + _RUN_OF_DIGITS]
            if "".join(digit for _, digit in window) not in self._digits:
                continue
            places = [place for place, _ in window]
            if all(after - before <= _LARGEST_GAP for before, after in pairwise(places)):
                yield places[0], places[-1] + 1

    def _token_spans(self, text: str) -> Iterator[tuple[int, int]]:
        folded = text.casefold()
        if self._token and len(folded) == len(text):
            for start in range(len(text) - _RUN_OF_TOKEN + 1):
                if folded[start : start + _RUN_OF_TOKEN] in self._token:
                    yield start, start + _RUN_OF_TOKEN


def _windows(sequence: Any, length: int) -> Iterator[Any]:
    for start in range(len(sequence) - length + 1):
        yield sequence[start : start + length]


def _words_of(text: str) -> Iterator[tuple[int, int, str]]:
    """Yield the words with their places: runs of letters, marks and digits, which Devanagari needs."""
    start = None
    for place, char in enumerate([*text, " "]):
        if unicodedata.category(char)[0] in "LMN" or char in "\u200c\u200d":
            start = place if start is None else start
        elif start is not None:
            word = unicodedata.normalize("NFKC", text[start:place]).casefold()
            yield start, place, word.replace("\u200c", "").replace("\u200d", "")
            start = None


def _digits_of(text: str) -> Iterator[tuple[int, str]]:
    for place, char in enumerate(text):
        value = unicodedata.digit(char, None)
        if value is not None:
            yield place, str(value)
