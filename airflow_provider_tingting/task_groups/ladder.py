"""The task group for a ladder: campaigns one after the other, each for the contacts that are not reached yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from airflow_provider_tingting._compat import TaskGroup
from airflow_provider_tingting.campaigns.calling_window import CallingWindow
from airflow_provider_tingting.connection import DEFAULT_CONN_ID
from airflow_provider_tingting.errors import TingTingConfigError
from airflow_provider_tingting.operators.ladder import (
    TingTingCombineReportsOperator,
    TingTingNextStepOperator,
)
from airflow_provider_tingting.task_groups.campaign import arguments_of, tingting_campaign
from airflow_provider_tingting.utils import argument_checks as check
from airflow_provider_tingting.utils.arguments import seconds_of, shown

# Of the audience, these hold for the contacts of every step; the others are about the first source.
_FOR_EACH_STEP = frozenset(
    {
        "exclude",
        "on_invalid_exclude",
        "number_policy",
        "frequency_cap",
        "batch_size",
        "concurrency",
        "transport",
        "on_clear",
    }
)
# Of the campaign, these are about calls.
_ONLY_CALLS = frozenset({"voice", "length_factor", "draft", "failover_target"})


@dataclass(frozen=True)
class Step:
    """One campaign of a ladder.

    :param services: `PHONE`, `SMS` or `SMS & PHONE`.
    :param window: the calling window of this step, as `TingTingRunCampaignOperator` takes it; None for that in `run`.
    :param after: how long after the end of the step before, in seconds or as a timedelta, this step may start at the
        earliest; None for at once.
    :param campaign: arguments of `TingTingCreateCampaignOperator` that differ in this step, such as another `message`.
    :param run: arguments of `TingTingRunCampaignOperator` that differ in this step.
    """

    services: str = "PHONE"
    window: Any = None
    after: float | timedelta | None = None
    campaign: Mapping[str, Any] = field(default_factory=dict)
    run: Mapping[str, Any] = field(default_factory=dict)


def tingting_ladder(
    group_id: str = "ladder",
    *,
    campaign: Mapping[str, Any],
    audience: Any,
    steps: Sequence[Step],
    path: str,
    stop_when: float | None = None,
    max_tries: int | None = None,
    minimum_contacts: int = 1,
    run: Mapping[str, Any] | None = None,
    report: str | None = None,
    success_when: Any = None,
    approval: bool | Mapping[str, Any] = False,
    occasion: Any = None,
    tingting_conn_id: str = DEFAULT_CONN_ID,
    **group: Any,
) -> TaskGroup:
    """Return a task group of campaigns, each for the contacts that the ones before it did not reach.

    Its tasks are the groups `step_1`, `step_2`, … of `tingting_campaign`, a task `next_2`, … before each further step
    (`TingTingNextStepOperator`), and `outcome` (`TingTingCombineReportsOperator`), which judges all steps as one. A
    contact keeps its variables from step to step. When enough contacts were reached, or too few are left, the
    remaining steps are skipped and `outcome` runs.

    A cleared or retried task of a step finds the campaign of that step, and calls no contact again.

    ```python
    tingting_ladder(
        campaign={"name": "Reminder", "user_phone": [3], "voice": "Rija", "message": "…", "sms_message": "…"},
        audience="s3://lists/reminder.csv",
        steps=[Step("PHONE", window=("08:00", "20:00")), Step("PHONE", after=timedelta(hours=4)), Step("SMS")],
        path="s3://lists/left",
        stop_when=0.95,
    )
    ```

    :param group_id: the group's name in the DAG.
    :param campaign: the arguments of `TingTingCreateCampaignOperator` that all steps share.
    :param audience: the audience of the first step, as `tingting_campaign` takes it. `exclude`, `number_policy`,
        `frequency_cap` (which counts the steps before, too) and how contacts are sent hold for each step.
    :param steps: the campaigns in their order; at least one.
    :param path: the folder, local or a URI, for the contacts between the steps; every worker must reach it.
    :param stop_when: the share of all contacts, above 0 and up to 1, that is enough: the remaining steps are skipped.
        None to go on until no contact is left.
    :param max_tries: how many steps may try the same contact; None for all.
    :param minimum_contacts: the least number of contacts that is worth a further step.
    :param run: the arguments of `TingTingRunCampaignOperator` that all steps share. A step without reached contacts is
        no failure unless `success_when` in it says so; `outcome` judges.
    :param report: the path of the combined report, `.csv` or `.jsonl`; None for none.
    :param success_when: what counts as a success of the whole, as `TingTingCombineReportsOperator` takes it.
    :param approval: a person's decision before the first step, as `tingting_campaign` takes it.
    :param occasion: what the ladder is for; each step has an occasion of its own made of it. None for campaigns per
        DAG run.
    :param tingting_conn_id: the Airflow connection of all tasks.
    :param group: arguments of the `TaskGroup`, such as `tooltip`, `default_args` or `prefix_group_id`.
    :raises TingTingConfigError: an argument has a wrong kind, or the steps are empty or contradict each other.
    """
    check.optional(check.a_dict, may_be_empty=False)(run, "run")
    _check(campaign, steps, run, stop_when, max_tries, minimum_contacts)
    check.storage_path(path, "path")
    check.optional(check.storage_path)(report, "report")
    contacts = arguments_of(audience)
    created: Any = None
    runs: list[Any] = []
    with TaskGroup(group_id=group_id, **group) as made:
        for number, step in enumerate(steps, 1):
            before: Any = None
            running = {"success_when": 0.0, **(run or {}), **step.run}
            if step.window is not None:
                running["calling_window"] = step.window
            if running.get("at_window_close") == "stop":
                running.setdefault("on_stopped", "succeed")
            if number > 1:
                before = TingTingNextStepOperator(
                    task_id=f"next_{number}",
                    tingting_conn_id=tingting_conn_id,
                    campaign_id=created.output,
                    runs=[one.output for one in runs],
                    stop_when=stop_when,
                    after=step.after,
                    path=_file(path, created.task_id),
                    max_tries=max_tries,
                    minimum_contacts=minimum_contacts,
                )
                running["not_before"] = before.output["not_before"]
                kept = {name: value for name, value in contacts.items() if name in _FOR_EACH_STEP}
                contacts = {**kept, "contacts": before.output["path"], "number_column": "number"}
            part = tingting_campaign(
                f"step_{number}",
                campaign=_campaign(campaign, step, number, occasion),
                audience=contacts,
                run=running,
                approval=approval if number == 1 else False,
                tingting_conn_id=tingting_conn_id,
            )
            if before is not None:
                before >> part
            created, ran = (_task(part, label) for label in ("create_campaign", "run_campaign"))
            runs.append(ran)
        TingTingCombineReportsOperator(
            task_id="outcome",
            tingting_conn_id=tingting_conn_id,
            campaign_ids=[one.output for one in runs],
            path=report,
            success_when=success_when,
            # Steps that were not needed are skipped.
            trigger_rule="none_failed",
        )
    return made


def _task(group: TaskGroup, label: str) -> Any:
    return group.get_child_by_label(label)


def _file(folder: str, created: str) -> str:
    """Return the path of the contacts that a campaign has left; the campaign's id makes it unique."""
    campaign_id = f"{{{{ ti.xcom_pull(task_ids='{created}', map_indexes=ti.map_index) }}}}"
    return f"{str(folder).rstrip('/')}/left_by_{campaign_id}.csv"


def _campaign(campaign: Mapping[str, Any], step: Step, number: int, occasion: object) -> dict[str, Any]:
    """Return the arguments of the task that creates the campaign of a step."""
    arguments = {**campaign, **step.campaign, "services": step.services}
    if "name" not in step.campaign and isinstance(arguments["name"], str):
        arguments["name"] = f"{arguments['name']}, step {number}"
    if "SMS" not in step.services and not arguments.get("failover_target"):
        arguments.pop("sms_message", None)
    if "PHONE" not in step.services:
        arguments = {name: value for name, value in arguments.items() if name not in _ONLY_CALLS}
    if occasion is not None:
        arguments["occasion"] = [occasion, f"step {number}"]
    return arguments


def _check(
    campaign: Mapping[str, Any],
    steps: Sequence[Step],
    run: Mapping[str, Any] | None,
    stop_when: float | None,
    max_tries: int | None,
    minimum_contacts: int,
) -> None:
    """Refuse arguments that are wrong or contradict each other when the DAG file is parsed.

    :raises TingTingConfigError: naming the argument.
    """
    if not isinstance(campaign, Mapping) or not campaign.get("name"):
        raise TingTingConfigError(
            "campaign must be the arguments of TingTingCreateCampaignOperator, as a dict with a name; it is "
            f"{shown(campaign)}."
        )
    if not isinstance(steps, list | tuple) or not steps:
        raise TingTingConfigError(f"steps must be a list of at least one Step; it is {shown(steps)}.")
    for number, step in enumerate(steps, 1):
        where = f"steps[{number - 1}]"
        if not isinstance(step, Step):
            raise TingTingConfigError(f"{where} must be a Step, such as Step('PHONE'); it is {shown(step)}.")
        if step.services not in check.SERVICES:
            raise TingTingConfigError(
                f"{where}: services must be one of {', '.join(check.SERVICES)}; it is {step.services!r}."
            )
        given = {**campaign, **step.campaign}
        if "SMS" in step.services and not given.get("sms_message"):
            raise TingTingConfigError(f"{where} sends SMS, and neither campaign nor the step has an sms_message.")
        if "occasion" in given or "services" in step.campaign:
            raise TingTingConfigError(
                f"{where}: give occasion to tingting_ladder and services to the Step, not inside campaign: each step "
                "has a campaign of its own."
            )
        CallingWindow.read(step.window)
        if step.window is not None and "calling_window" in step.run:
            raise TingTingConfigError(f"{where} has both window and a calling_window in its run. Give one.")
        if "not_before" in {**(run or {}), **step.run}:
            raise TingTingConfigError(f"{where}: not_before is made of after; give after to the Step.")
        if {**(run or {}), **step.run}.get("keep_report") is not None:
            raise TingTingConfigError(
                f"{where}: no task of a ladder takes a report that the run has kept, so leave keep_report off. outcome "
                "downloads the reports of all steps."
            )
        if {**(run or {}), **step.run}.get("wait_for_completion") is False:
            raise TingTingConfigError(
                f"{where}: the run must wait for the end of its campaign, before which its outcomes change."
            )
        if step.after is not None:
            seconds_of(step.after, f"{where}: after", zero=True)
            if number == 1:
                raise TingTingConfigError("steps[0] has after, and there is no step before the first one.")
    if stop_when is not None:
        check.share(stop_when, "stop_when")
    if max_tries is not None and (isinstance(max_tries, bool) or not isinstance(max_tries, int) or max_tries < 1):
        raise TingTingConfigError(f"max_tries must be a whole number of at least 1, or None; it is {max_tries!r}.")
    stops = any({**(run or {}), **step.run}.get("at_window_close") == "stop" for step in steps)
    if max_tries is not None and max_tries < len(steps) and not stops:
        raise TingTingConfigError(
            f"max_tries is {max_tries} and there are {len(steps)} steps, each of which tries a contact once: no "
            "contact would be left for the last one. Leave steps or max_tries out."
        )
    if isinstance(minimum_contacts, bool) or not isinstance(minimum_contacts, int) or minimum_contacts < 1:
        raise TingTingConfigError(f"minimum_contacts must be a whole number of at least 1; it is {minimum_contacts!r}.")
