"""Reads what an Airflow callback is about, and makes the text that is spoken or written. Pure; no Airflow."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from airflow_provider_tingting.masking import mask_text

#: Longer texts are cut, because a call is paid by its length.
MAX_LENGTH = 500

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
# Credentials as they appear in the texts of errors.
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
# Control characters and lone surrogates, which no server accepts.
_UNSPEAKABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_TASK = {"ne": " काम: {task}।", "en": " The task is {task}."}
_UNNAMED = {"ne": "एउटा काम", "en": "A DAG"}
#: State of a task or run → event, a key of `SENTENCES`.
_EVENTS = {"failed": "failed", "upstream_failed": "failed", "success": "succeeded", "up_for_retry": "retrying"}


@dataclass(frozen=True)
class CallbackEvent:
    """What an Airflow callback is about.

    :param event: a key of `SENTENCES`.
    :param dag_id: the DAG, or None when Airflow does not provide it.
    :param task_id: the task, or None when the callback is a DAG's.
    """

    event: str
    dag_id: str | None = None
    task_id: str | None = None

    @classmethod
    def read(cls, context: Mapping[str, Any]) -> CallbackEvent:
        """Return what a callback is about.

        :param context: the context. Deadline callbacks get a small one, and on Airflow 3.1 an empty one.
        """
        ti = context.get("ti") or context.get("task_instance")
        dag_id = next(
            (
                str(found)
                for source in (context.get("dag"), context.get("dag_run"), ti)
                if (found := _of(source, "dag_id"))
            ),
            None,
        )
        # A missed deadline, for which Airflow 3.1 gives an empty context; in Airflow 2 also a missed SLA.
        if "deadline" in context or "blocking_tis" in context or (dag_id is None and ti is None):
            return cls("late", dag_id)
        reason = context.get("reason")
        if reason is not None:
            # A DAG run's callback; the task instance in its context is an arbitrary one of the run.
            return cls("succeeded" if reason == "success" else "failed", dag_id)
        state = getattr(_of(ti, "state"), "value", _of(ti, "state"))
        event = _EVENTS.get(str(state), "failed" if context.get("exception") is not None else "news")
        task_id = _of(ti, "task_id")
        return cls(event, dag_id, str(task_id) if task_id else None)

    def sentence(self, language: str) -> str:
        """Return the default text for the event, with ids written as words and without the text of an error.

        :param language: one of `LANGUAGES`.
        """
        task = _TASK[language].format(task=_as_words(self.task_id)) if self.task_id else ""
        dag = _as_words(self.dag_id) if self.dag_id else _UNNAMED[language]
        return SENTENCES[self.event][language].format(dag=dag, task=task)


def fit_to_speak(text: str) -> str:
    """Return a text on one line, masked, without braces (TingTing's tags), and of at most `MAX_LENGTH` characters.

    Numbers and credentials in it are masked, because they would be read out.

    :param text: the text.
    """
    line = " ".join(mask_text(without_credentials(text)).split()).replace("{", "(").replace("}", ")")
    if len(line) <= MAX_LENGTH:
        return line
    return f"{line[: MAX_LENGTH - 1].rsplit(' ', 1)[0]}…"


def without_credentials(text: str) -> str:
    """Return a text without control characters and without passwords and tokens that are named as such.

    :param text: the text.
    """
    text = _UNSPEAKABLE.sub(" ", text)
    for pattern, shown in _CREDENTIALS:
        text = pattern.sub(shown, text)
    return text


def _as_words(name: str) -> str:
    return re.sub(r"[_.\-]+", " ", name).strip()


def _of(source: object, name: str) -> Any:
    return source.get(name) if isinstance(source, Mapping) else getattr(source, name, None)
