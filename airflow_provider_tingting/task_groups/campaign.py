"""The task group for a whole campaign: create, check, add, approve if wanted, run, report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow_provider_tingting._compat import BaseOperator, TaskGroup, approval_operator, task_group_decorator
from airflow_provider_tingting.connection import DEFAULT_CONN_ID
from airflow_provider_tingting.errors import TingTingConfigError
from airflow_provider_tingting.operators.campaign import (
    TingTingCreateCampaignOperator,
    TingTingDeleteCampaignOperator,
    TingTingRunCampaignOperator,
)
from airflow_provider_tingting.operators.contacts import TingTingAddContactsOperator, TingTingCheckContactsOperator
from airflow_provider_tingting.operators.preview import TingTingPreviewVoiceOperator
from airflow_provider_tingting.operators.report import TingTingDownloadReportOperator
from airflow_provider_tingting.operators.waves import TingTingSplitAudienceOperator
from airflow_provider_tingting.utils import argument_checks
from airflow_provider_tingting.utils.arguments import shown

# What the group's arguments must be, for errors.
_KINDS = {
    "campaign": "the arguments of TingTingCreateCampaignOperator, as a dict",
    "run": "the arguments of TingTingRunCampaignOperator, as a dict, or None",
    "report": "a path, the arguments of TingTingDownloadReportOperator as a dict, or None",
    "approval": "True, False, or the arguments of Airflow's ApprovalOperator as a dict",
}
# Of the audience, these belong to the adding only; the check takes the others.
_ONLY_ADDING = frozenset({"batch_size", "concurrency", "transport"})
# Of the audience, these hold for the contacts of each wave.
_FOR_EACH_WAVE = frozenset({"exclude", "on_invalid_exclude", "number_policy", "frequency_cap", *_ONLY_ADDING})
# Of the run, these let the check forecast whether the campaign ends before its window closes.
_FOR_THE_FORECAST = frozenset({"calling_window", "expected_pace"})
# The figures for the person who approves. Nothing personal, because Airflow stores them in its database. The campaign's
# own count is not always known, and an XCom of an earlier version lacks it.
_WHAT_TO_APPROVE = """\
{{%- set figures = ti.xcom_pull(task_ids='{check}', map_indexes=ti.map_index) -%}}
{{%- set added = ti.xcom_pull(task_ids='{add}', map_indexes=ti.map_index) -%}}
{{%- set counted = added.get('in_campaign') -%}}
{{%- set credits = figures['credits'] -%}}
Campaign **{{{{ ti.xcom_pull(task_ids='{create}', map_indexes=ti.map_index) }}}}**
{{%- if added.get('begun') %}}

**This campaign was run before. If you approve, no contact is called again, and the outcome is reported.** If you \
reject, the campaign is not stopped. The figures are those of today's contacts.
{{%- endif %}}

| | |
|---|---|
| Contacts | {{{{ added['total'] if counted is none else counted }}}} |
| Left out | invalid {{{{ figures['invalid'] }}}}, duplicates {{{{ figures['duplicates'] }}}}, \
excluded {{{{ figures['excluded'] }}}}, on the do-not-call list {{{{ figures['do_not_call'] }}}}, \
over the frequency cap {{{{ figures['over_cap'] }}}} |
| Carriers | {{% for carrier, count in figures['carriers'].items() %}}{{{{ carrier }}}} {{{{ count }}}} {{% endfor %}}|
| Calls | {{{{ figures['calls'] }}}} |
| SMS parts | {{{{ (figures['sms'] or {{}}).get('parts', 0) }}}} |
| Credits | about {{{{ credits['estimate'] }}}}; the account's balance is \
{{{{ credits['remaining'] if credits['remaining'] is not none else 'unknown' }}}} |
{{%- if figures.get('forecast') %}}
| Time | If it starts at {{{{ figures['forecast']['starts_at'][:16].replace('T', ' ') }}}}: \
{{{{ figures['forecast']['text'] }}}} |
{{%- endif %}}
"""
_LISTEN = "\n[Listen to the voice]({{{{ ti.xcom_pull(task_ids='{preview}', key='url', map_indexes=ti.map_index) }}}})\n"
# Nothing after a run that has failed or was skipped.
_KEPT = "{{{{ ti.xcom_pull(task_ids='{run}', key='kept_report', map_indexes=ti.map_index) or '' }}}}"
# The campaign to delete: the one whose run was skipped, or none. The approval's own XCom is not used, because Airflow
# skips the run before that XCom can be read.
_REJECTED = """\
{{%- if not ti.xcom_pull(task_ids='{run}', key='campaign_id', map_indexes=ti.map_index) -%}}
{{{{ ti.xcom_pull(task_ids='{create}', map_indexes=ti.map_index) }}}}
{{%- endif %}}"""


def tingting_campaign(
    group_id: str = "campaign",
    *,
    campaign: Mapping[str, Any],
    audience: object,
    run: Mapping[str, Any] | None = None,
    report: str | Mapping[str, Any] | None = None,
    approval: bool | Mapping[str, Any] = False,
    occasion: str | None = None,
    frequency_cap: Mapping[str, Any] | None = None,
    waves: str | None = None,
    path: str | None = None,
    tingting_conn_id: str = DEFAULT_CONN_ID,
    **group: Any,
) -> TaskGroup:
    """Return a task group that creates a campaign, checks and adds its contacts, runs it, and downloads the report.

    Its tasks are `create_campaign`, `check_contacts`, `add_contacts`, `run_campaign` and, with `report`,
    `download_report`. With `approval` there are `preview_voice` (when a voice is given) and `approve` before the run, a
    person's decision on the figures of the check; when it is rejected, `run_campaign` and `download_report` are skipped
    and `delete_rejected` deletes the campaign. A campaign that was run, as before its tasks were cleared, is never
    deleted.

    With a path as `keep_report` in `run`, `run_campaign` leaves the report that it has read there, and
    `download_report` takes it from there and removes it: the report is downloaded once.

    The page of each task's operator says what a retry, a clear and a kill do, and what XCom holds.

    ```python
    tingting_campaign(
        "water_notice",
        campaign={"name": "Water notice", "user_phone": [3], "voice": "Rija", "message": "नमस्कार {name} जी …"},
        audience="s3://ward-7/households.xlsx",
        report="s3://ward-7/reports/{{ run_id }}.parquet",
    )
    ```

    :param group_id: the group's name in the DAG.
    :param campaign: the arguments of `TingTingCreateCampaignOperator`.
    :param audience: the arguments of `TingTingAddContactsOperator`; or only the source, as its `contacts`
        takes it, such as a path, or the output of a `@task.tingting_audience` function.
    :param run: the arguments of `TingTingRunCampaignOperator`.
    :param report: the arguments of `TingTingDownloadReportOperator`, or only its path; None for no report.
    :param approval: whether a person must approve; or the arguments of Airflow's `ApprovalOperator` (Airflow 3.1 and
        later), which may replace `subject`, `body`, `response_timeout` and the rest.
    :param occasion: what the campaign is for, as `TingTingCreateCampaignOperator` takes it: all runs of the DAG with
        the same occasion share one campaign. None for a campaign per DAG run.
    :param frequency_cap: how often a contact may be called, as `TingTingAddContactsOperator` takes it; None for no cap.
    :param waves: `fit_window` to split the contacts into several campaigns, each of which ends within one calling
        window: a task `split_audience` and a mapped group `wave` of the tasks above. The campaigns run one after the
        other. It needs a `calling_window` in `run`. None for one campaign.
    :param path: with `waves`, the folder for the contacts of each wave, local or a URI; every worker must reach it.
    :param tingting_conn_id: the Airflow connection of all tasks.
    :param group: arguments of the `TaskGroup`, such as `tooltip`, `default_args` or `prefix_group_id`.
    :raises TingTingConfigError: an argument has a wrong kind, or `approval` is set on an Airflow without approvals.
    """
    _check_kinds(campaign=campaign, run=run, report=report, approval=approval)
    contacts = arguments_of(audience)
    for name, value, check_value in (
        ("audience", contacts.get("contacts", ()), argument_checks.contacts),
        ("occasion", occasion, argument_checks.optional(argument_checks.text_or_number)),
        ("report", report if isinstance(report, str) else None, argument_checks.optional(argument_checks.storage_path)),
        ("tingting_conn_id", tingting_conn_id, argument_checks.text),
    ):
        if not argument_checks.is_filled_later(value):
            check_value(value, name)
    if frequency_cap is not None:
        contacts["frequency_cap"] = frequency_cap
    if waves is not None or path is not None:
        _check_waves(waves, path, campaign, run, report)
        split = {**contacts, "path": path, "occasion": occasion, "tingting_conn_id": tingting_conn_id}
        with TaskGroup(group_id=group_id, **group) as made:
            _in_waves(split, campaign, run or {}, report, approval, occasion, tingting_conn_id)
        return made
    with TaskGroup(group_id=group_id, **group) as made:
        create = TingTingCreateCampaignOperator(
            **{
                "task_id": "create_campaign",
                "tingting_conn_id": tingting_conn_id,
                **({} if occasion is None else {"occasion": occasion}),
                **campaign,
            }
        )
        mine = {"tingting_conn_id": create.tingting_conn_id, "campaign_id": create.output}
        checked = {name: value for name, value in contacts.items() if name not in _ONLY_ADDING}
        checked |= {name: value for name, value in (run or {}).items() if name in _FOR_THE_FORECAST}
        check = TingTingCheckContactsOperator(
            # Its rows that are left out are those of the adding, which writes them.
            **{**mine, **checked, "task_id": "check_contacts", "rejects_path": None}
        )
        add = TingTingAddContactsOperator(**{"task_id": "add_contacts", **mine, **contacts})
        runs = TingTingRunCampaignOperator(**{"task_id": "run_campaign", **mine, **(run or {})})
        create >> check >> add
        if approval:
            _approved(create, check, add, runs, {} if approval is True else dict(approval), mine)
        else:
            add >> runs
        if report is not None:
            wanted = dict(report) if isinstance(report, Mapping) else {"path": report}
            if wanted.get("download_on_failure"):
                # Not `all_done`: after a run that was skipped, as by a rejection, there is nothing to report.
                wanted.setdefault("trigger_rule", "none_skipped")
            if runs.keep_report is not None:
                wanted.setdefault("kept_report", _KEPT.format(run=runs.task_id))
            runs >> TingTingDownloadReportOperator(**{"task_id": "download_report", **mine, **wanted})
    return made


def _approved(
    create: TingTingCreateCampaignOperator,
    check: BaseOperator,
    add: BaseOperator,
    runs: BaseOperator,
    approval: dict[str, Any],
    mine: dict[str, Any],
) -> None:
    """Insert a person's decision between adding and running."""
    operator = approval_operator()
    if operator is None:
        raise TingTingConfigError("approval needs Airflow 3.1 or later. Leave it out, or update Airflow.")
    body = _WHAT_TO_APPROVE.format(check=check.task_id, add=add.task_id, create=create.task_id)
    before: BaseOperator = add
    if create.voice is not None:
        preview = TingTingPreviewVoiceOperator(task_id="preview_voice", **mine)
        body += _LISTEN.format(preview=preview.task_id)
        before = add >> preview
    approve = operator(
        **{
            "task_id": "approve",
            "subject": "Run the TingTing campaign?",
            "body": body,
            "defaults": "Reject",
            **approval,
        }
    )
    rejected = _REJECTED.format(run=runs.task_id, create=create.task_id)
    delete = TingTingDeleteCampaignOperator(
        task_id="delete_rejected",
        tingting_conn_id=mine["tingting_conn_id"],
        campaign_id=rejected,
        missing_ok=True,
        # The XCom of a run is gone once the run is cleared, and then a second decision may be another one.
        unless_run=True,
        # Not `all_skipped`: as the last task it would be skipped after a failure, and the DAG run be a success.
        trigger_rule="none_failed",
    )
    before >> approve >> runs >> delete


def _in_waves(
    split: dict[str, Any],
    campaign: Mapping[str, Any],
    run: Mapping[str, Any],
    report: str | Mapping[str, Any] | None,
    approval: bool | Mapping[str, Any],
    occasion: object,
    tingting_conn_id: str,
) -> None:
    """Split the contacts, and make a campaign for each part."""
    services = str(campaign.get("services", "PHONE"))
    texts: dict[str, Any] = {
        "message": campaign.get("message") if "PHONE" in services.upper() else None,
        "sms_message": campaign.get("sms_message") if "SMS" in services.upper() else None,
    }
    parts = {name: value for name, value in split.items() if name not in _ONLY_ADDING}
    timing = {name: value for name, value in run.items() if name in _FOR_THE_FORECAST}
    divided = TingTingSplitAudienceOperator(task_id="split_audience", services=services, **texts, **timing, **parts)
    # The other arguments are about the first source; each wave has a file of checked contacts.
    adding = {name: value for name, value in split.items() if name in _FOR_EACH_WAVE}
    # One after the other, and each within a window.
    running = {"fits_window": "wait", **run, "one_at_a_time": True}

    @task_group_decorator("wave")
    def wave(contacts: object, number: object) -> None:
        tingting_campaign(
            "campaign",
            campaign=campaign if occasion is None else {**campaign, "occasion": [occasion, "wave", number]},
            audience={**adding, "contacts": contacts},
            run=running,
            report=report,
            approval=approval,
            tingting_conn_id=tingting_conn_id,
        )

    wave.expand_kwargs(divided.output)


def _check_waves(
    waves: str | None,
    path: str | None,
    campaign: Mapping[str, Any],
    run: Mapping[str, Any] | None,
    report: str | Mapping[str, Any] | None,
) -> None:
    """Refuse arguments about waves that are wrong or contradict each other.

    :raises TingTingConfigError: naming the argument.
    """
    if waves != "fit_window":
        raise TingTingConfigError(f"waves must be fit_window, or None; it is {shown(waves)}. path is for waves only.")
    if not str(path or "").strip():
        raise TingTingConfigError("waves needs path, a folder for the contacts of each wave.")
    if not (run or {}).get("calling_window"):
        raise TingTingConfigError('waves="fit_window" needs a calling_window in run.')
    if (run or {}).get("wait_for_completion") is False:
        raise TingTingConfigError("waves run one after the other, so run must wait for the end of each campaign.")
    if campaign.get("occasion") is not None:
        raise TingTingConfigError(
            "With waves give occasion to tingting_campaign, not inside campaign: each wave has a campaign of its own."
        )
    if campaign.get("schedule") is not None:
        raise TingTingConfigError(
            "waves run one after the other, and a schedule in campaign would start all of them at one time. Leave it "
            "out, or give not_before in run."
        )
    where = report.get("path") if isinstance(report, Mapping) else report
    if where is not None and "map_index" not in str(where) and "campaign" not in str(where):
        raise TingTingConfigError(
            "report has one path for all waves, so they would overwrite each other. Put {{ ti.map_index }} into it."
        )


def _check_kinds(**arguments: Any) -> None:
    """Raise for an argument whose type no task group can be made of.

    :raises TingTingConfigError: naming the argument.
    """
    for name, value in arguments.items():
        if isinstance(value, Mapping) or (name == "approval" and isinstance(value, bool)):
            continue
        is_path = name == "report" and (isinstance(value, str) or hasattr(value, "__fspath__"))
        if is_path or (value is None and name in ("run", "report")):
            continue
        raise TingTingConfigError(f"{name} must be {_KINDS[name]}; it is {shown(value)}.")


def arguments_of(audience: object) -> dict[str, Any]:
    """Return the arguments of `TingTingAddContactsOperator` that an audience stands for.

    :param audience: these arguments, or only the source.
    """
    if isinstance(audience, Mapping) and bool({"contacts", "sql"} & set(audience)):
        return dict(audience)
    return {"contacts": audience}
