"""What is said when the DAG's author says nothing, in Nepali and English, and how any text is made fit to be spoken."""

from __future__ import annotations

import re

from airflow_provider_tingting.masking import mask_text

#: Longer texts are cut: a call is paid by its length, and nobody listens that long.
LONGEST = 500

LANGUAGES = ("ne", "en")

#: event → language → sentence; `{dag}` and `{task}` are filled in.
SENTENCES = {
    "failed": {
        "ne": "नमस्ते, एयरफ्लोबाट सूचना। {dag} असफल भयो।{task} कृपया हेर्नुहोस्।",
        "en": "Hello, this is Airflow. {dag} has failed.{task} Please have a look.",
    },
    "succeeded": {
        "ne": "नमस्ते, एयरफ्लोबाट सूचना। {dag} सफलतापूर्वक सकियो।{task}",
        "en": "Hello, this is Airflow. {dag} has succeeded.{task}",
    },
    "retrying": {
        "ne": "नमस्ते, एयरफ्लोबाट सूचना। {dag} मा समस्या आयो, फेरि प्रयास हुँदैछ।{task}",
        "en": "Hello, this is Airflow. {dag} has trouble and is trying again.{task}",
    },
    "late": {
        "ne": "नमस्ते, एयरफ्लोबाट सूचना। {dag} तोकिएको समयमा सकिएन। कृपया हेर्नुहोस्।",
        "en": "Hello, this is Airflow. {dag} has missed its deadline. Please have a look.",
    },
    "news": {
        "ne": "नमस्ते, एयरफ्लोबाट सूचना। {dag} हेर्नुहोस्।{task}",
        "en": "Hello, this is Airflow. Please look at {dag}.{task}",
    },
}
# What opens an account, as the texts of errors have it.
_CREDENTIALS = (
    (re.compile(r"(\w://)[^\s/]*:\S*@"), r"\1***@"),
    (
        re.compile(
            r"(?i)\b((?:\w+[_-])?(?:password|passwd|pwd|secret|token|api[_-]?key|authorization)[\"']?\s*[:=]\s*)"
            r"(?:(?:basic|bearer)\s+)?\S+"
        ),
        r"\1***",
    ),
)
# Control characters and half characters, which no server takes and nobody can say.
_UNSPEAKABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_TASK = {"ne": " काम: {task}।", "en": " The task is {task}."}
_NAMELESS = {"ne": "एउटा काम", "en": "A DAG"}


def default_text(event: str, language: str, *, dag_id: str | None, task_id: str | None) -> str:
    """Return what is said about an event; ids as words, never an error's text."""
    task = _TASK[language].format(task=_as_words(task_id)) if task_id else ""
    return SENTENCES[event][language].format(dag=_as_words(dag_id) if dag_id else _NAMELESS[language], task=task)


def fit_to_speak(text: str) -> str:
    """Return a text on one line, masked, without what TingTing would take for a tag, and not too long."""
    # Numbers and secrets in it would be read out to whoever holds the phone.
    line = " ".join(mask_text(without_credentials(text)).split()).replace("{", "(").replace("}", ")")
    if len(line) <= LONGEST:
        return line
    return f"{line[: LONGEST - 1].rsplit(' ', 1)[0]}…"


def without_credentials(text: str) -> str:
    """Return a text that can be sent, without passwords and tokens that are named as such."""
    text = _UNSPEAKABLE.sub(" ", text)
    for pattern, shown in _CREDENTIALS:
        text = pattern.sub(shown, text)
    return text


def _as_words(name: str) -> str:
    return re.sub(r"[_.\-]+", " ", name).strip()
