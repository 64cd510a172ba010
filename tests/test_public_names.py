"""What users rely on, as a table: a name that goes, or a default that changes, fails here and needs a decision."""

from __future__ import annotations

import importlib
import inspect
import json

import pytest

from airflow_provider_tingting import errors
from airflow_provider_tingting.campaigns.observation import EVENT_VERSION, Observation, Reason
from airflow_provider_tingting.polling.finished import Watermark
from airflow_provider_tingting.provider_info import get_provider_info
from airflow_provider_tingting.triggers.campaign import TingTingCampaignTrigger
from airflow_provider_tingting.triggers.finished import TingTingCampaignFinishedTrigger
from airflow_provider_tingting.triggers.start import TingTingStartTrigger

#: Module, class, and its arguments with their defaults; `…` marks one that must be given.
OPERATORS = """
operators.campaign  TingTingCreateCampaignOperator
    name=… services='PHONE' user_phone=… message=… sms_message=None description=None schedule=None
    on_past_schedule='fail' voice=None length_factor=None failover_target=None credit_limit=None draft=None
    occasion=None purpose=None on_clear='reattach' tingting_conn_id='tingting_default'
operators.campaign  TingTingRunCampaignOperator
    campaign_id=… wait_for_completion=True deferrable=False poll_interval=30.0 timeout=None stop_on_kill=False
    success_when=None tolerate_outage=600.0 stall_timeout=900.0 calling_window=None outside_window='wait'
    at_window_close='finish' on_stopped='fail' fits_window='warn' expected_pace=None not_before=None
    over_daily_limit='fail' one_at_a_time=False start_timeout=None max_age=None
    on_too_old='fail' keep_report=None partition_key=None on_clear='reattach' tingting_conn_id='tingting_default'
operators.contacts  TingTingAddContactsOperator
    campaign_id=… contacts=None sql=None sql_conn_id=None sql_parameters=None number_column=None variables=None
    constants=None where=None exclude=None frequency_cap=None on_invalid='fail' rejects_path=None
    on_invalid_exclude='fail' number_policy='nepal_mobile' several_numbers='refuse' batch_size=500 concurrency=4
    transport='json' sheet=None hidden_rows='ask' encoding=None delimiter=None on_clear='reattach'
    tingting_conn_id='tingting_default'
operators.contacts  TingTingCheckContactsOperator
    campaign_id=None message=None sms_message=None contacts=None sql=None sql_conn_id=None sql_parameters=None
    number_column=None variables=None constants=None where=None exclude=None frequency_cap=None on_invalid='fail'
    rejects_path=None on_invalid_exclude='fail' number_policy='nepal_mobile' several_numbers='refuse' sheet=None
    hidden_rows='ask' encoding=None delimiter=None calling_window=None expected_pace=None credits_per_call=1.0
    credits_per_sms_part=1.0 tingting_conn_id='tingting_default'
operators.report    TingTingDownloadReportOperator
    campaign_id=… path=… format=None numbers='plain' kept_report=None overwrite=True require_complete=True
    chart_path=None download_on_failure=False partition_key=None tingting_conn_id='tingting_default'
transfers.tingting_to_sql TingTingReportToSqlOperator
    campaign_id=… table=… sql_conn_id=… schema=None create_table=True numbers='plain' variables='json' columns=None
    batch_size=1000 sql_hook_params=None partition_key=None tingting_conn_id='tingting_default'
operators.report TingTingUnreachedContactsOperator
    path=… report=None campaign_id=None statuses=None max_tries=3 tries_column='tries' minimum_contacts=1
    on_too_few='skip' tingting_conn_id='tingting_default'
operators.waves     TingTingSplitAudienceOperator
    path=… calling_window=… services='PHONE' message=None sms_message=None expected_pace=None occasion=None
    contacts=None sql=None sql_conn_id=None sql_parameters=None number_column=None
    variables=None constants=None where=None exclude=None
    frequency_cap=None on_invalid='fail' rejects_path=None on_invalid_exclude='fail' number_policy='nepal_mobile'
    several_numbers='refuse' sheet=None hidden_rows='ask' encoding=None delimiter=None
    tingting_conn_id='tingting_default'
operators.ladder    TingTingNextStepOperator
    runs=() stop_when=None after=None path=… report=None campaign_id=None statuses=None max_tries=3
    tries_column='tries' minimum_contacts=1 on_too_few='skip' tingting_conn_id='tingting_default'
operators.ladder    TingTingCombineReportsOperator
    campaign_ids=… path=None success_when=None partition_key=None tingting_conn_id='tingting_default'
operators.report    TingTingDownloadSurveyReportOperator
    survey_id=… path=… format='csv' tidy=False overwrite=True tingting_conn_id='tingting_default'
operators.campaign  TingTingUpdateCampaignOperator
    campaign_id=… name=None services=None message=None sms_message=None schedule=None
    failover_target=None on_clear='reattach' tingting_conn_id='tingting_default'
operators.campaign  TingTingStopCampaignOperator
    campaign_id=… on_clear='reattach' tingting_conn_id='tingting_default'
operators.campaign  TingTingDeleteCampaignOperator
    campaign_id=… missing_ok=False unless_run=False on_clear='reattach' tingting_conn_id='tingting_default'
operators.preview   TingTingPreviewVoiceOperator
    campaign_id=… voice=None message=None tingting_conn_id='tingting_default'
operators.preview   TingTingDemoCallOperator
    contact_id=… campaign_id=None calling_window=None max_age=None on_too_old='fail'
    on_clear='reattach' tingting_conn_id='tingting_default'
sensors.campaign    TingTingCampaignSensor
    campaign_id=… target_statuses=('Completed',) failed_statuses=('Terminated',) deferrable=False
    tolerate_outage=600.0 tingting_conn_id='tingting_default'
triggers.campaign   TingTingCampaignTrigger
    campaign_id=… tingting_conn_id='tingting_default' until=None poll_interval=30.0 deadline=None
    tolerate_outage=600.0 stop_on_kill=False starts_by=None deferred_at=None
triggers.start      TingTingStartTrigger
    campaign_id=… tingting_conn_id='tingting_default' not_before=None poll_interval=30.0 deadline=None
    tolerate_outage=600.0 run_requested=False deferred_at=None
hooks.tingting      TingTingHook
    tingting_conn_id='tingting_default'
triggers.finished   TingTingCampaignFinishedTrigger
    tingting_conn_id='tingting_default' name_pattern='*' statuses=None poll_interval=60.0
notifications.tingting TingTingNotifier
    to=… message=None language='ne' services='PHONE' voice=None user_phone=None escalate_after=120.0 quiet_hours=None
    in_quiet_hours='sms' cooldown=1800.0 cooldown_key=None tingting_conn_id='tingting_default' context=None
"""

#: Arguments that a template may fill.
TEMPLATED = """
TingTingCreateCampaignOperator        tingting_conn_id name services user_phone message sms_message description schedule
                                      voice length_factor credit_limit occasion purpose
TingTingRunCampaignOperator           tingting_conn_id campaign_id not_before keep_report partition_key
TingTingAddContactsOperator           tingting_conn_id contacts sql sql_conn_id sql_parameters number_column variables
                                      constants where exclude rejects_path sheet campaign_id
TingTingCheckContactsOperator         tingting_conn_id contacts sql sql_conn_id sql_parameters number_column variables
                                      constants where exclude rejects_path sheet campaign_id message sms_message
                                      credits_per_call credits_per_sms_part
TingTingDownloadReportOperator        tingting_conn_id campaign_id path format numbers kept_report chart_path
                                      partition_key
TingTingDownloadSurveyReportOperator  tingting_conn_id survey_id path format
TingTingReportToSqlOperator           tingting_conn_id campaign_id table sql_conn_id schema numbers columns
                                      partition_key
TingTingUnreachedContactsOperator     tingting_conn_id path report campaign_id statuses max_tries tries_column
                                      minimum_contacts
TingTingSplitAudienceOperator         tingting_conn_id contacts sql sql_conn_id sql_parameters number_column variables
                                      constants where exclude rejects_path sheet path message sms_message occasion
TingTingNextStepOperator              tingting_conn_id path report campaign_id statuses max_tries tries_column
                                      minimum_contacts runs
TingTingCombineReportsOperator        tingting_conn_id campaign_ids path partition_key
TingTingUpdateCampaignOperator        tingting_conn_id campaign_id name services message sms_message schedule
TingTingStopCampaignOperator          tingting_conn_id campaign_id
TingTingDeleteCampaignOperator        tingting_conn_id campaign_id
TingTingPreviewVoiceOperator          tingting_conn_id campaign_id voice message
TingTingDemoCallOperator              tingting_conn_id contact_id campaign_id
TingTingCampaignSensor                tingting_conn_id campaign_id target_statuses failed_statuses
TingTingNotifier                      tingting_conn_id to message voice user_phone cooldown_key
"""

#: The hook's methods and their arguments; `*` stands before those that are given by name.
HOOK = """
list_voice_models()
find_voice(name_or_id)
list_caller_numbers()
iter_campaigns(* status=None search=None)
get_campaign(campaign_id)
create_campaign(* name services user_phone message sms_message=None description=None schedule=None credit_limit=None)
set_campaign_message(campaign_id * voice category='Text' message=None sms_message=None length_factor=None draft=None)
update_campaign(campaign_id **fields)
delete_campaign(campaign_id)
add_contact(campaign_id number other_variables=None)
add_contacts(campaign_id contacts)
upload_contacts(campaign_id path)
iter_contacts(campaign_id)
get_contact_attributes(contact_id)
update_contact_attributes(contact_id attributes)
update_contact_number(contact_id number)
delete_contact(contact_id)
preview_voice(campaign_id * voice message)
demo_call(contact_id)
run_campaign(campaign_id)
stop_campaign(campaign_id)
download_campaign_report(campaign_id path)
download_survey_report(survey_id path * format='csv')
get_user_profile()
get_dashboard()
test_connection()
get_conn()
get_async_conn()
"""

#: The error tree: each error and what it is a kind of.
ERRORS = """
TingTingError                 Exception
TingTingConfigError           TingTingError
TingTingContactsError         TingTingError
TingTingSourceError           TingTingError
TingTingReportError           TingTingError
TingTingCampaignError         TingTingError
TingTingCampaignFailedError   TingTingCampaignError
TingTingCampaignTimeoutError  TingTingCampaignError
TingTingAPIError              TingTingError
TingTingNeverSentError        TingTingAPIError
TingTingRefusedError          TingTingAPIError
TingTingAuthError             TingTingRefusedError
TingTingNotFoundError         TingTingRefusedError
TingTingValidationError       TingTingRefusedError
TingTingRateLimitedError      TingTingRefusedError
TingTingRedirectError         TingTingRefusedError
TingTingOutcomeUnknownError   TingTingAPIError
TingTingServerError           TingTingOutcomeUnknownError
TingTingUnreadableReplyError  TingTingOutcomeUnknownError
"""

#: The commands for a shell; their options are in the table of docs/command-line.md.
COMMANDS = """
contacts check
doctor
campaigns list
campaigns show
campaigns watch
campaigns stop
report
voices
sandbox
"""

#: Other modules that programs import, and the names in them.
MODULES = """
api         TingTingClient AsyncTingTingClient calls
api.driver  run_flow run_flow_async
assets      campaign_uri survey_uri sanitize_uri create_asset convert_asset_to_openlineage
campaigns.run CampaignJob CampaignSpec JobState Marker
campaigns.calling_window CallingWindow
retry_policy tingting_retry_policy
campaigns.outcome summarise judge
campaigns.observation Observation Reason
campaigns.watch WaitPlan Progress Wait watch read_status
polling Poller shared_poller
campaigns.fetch_report fetch_report check_fetched
reports.summary CampaignSummary
reports.writers write_report
reports.chart write_chart
links.campaign TingTingCampaignLink
operators.contacts TingTingAddContactsOperator TingTingCheckContactsOperator
decorators.audience tingting_audience_task
cli.contacts_check add_arguments run
sandbox     Sandbox
task_groups.campaign tingting_campaign
task_groups.ladder Step tingting_ladder
provider_info get_provider_info
"""


def read_table(text):
    """The lines of a table, each with the indented lines below it."""
    entries = []
    for line in text.strip().splitlines():
        if line.startswith(" "):
            entries[-1] += line.split()
        else:
            entries.append(line.split())
    return entries


CLASSES = {name: (module, arguments) for module, name, *arguments in read_table(OPERATORS)}


def named(path):
    return importlib.import_module(f"airflow_provider_tingting.{path}")


def arguments_of(cls):
    """The class's own arguments with their defaults, without those of Airflow's classes."""
    parameters = [
        parameter
        for owner in cls.__mro__
        if owner.__module__.startswith("airflow_provider_tingting.") and "__init__" in vars(owner)
        for parameter in inspect.signature(inspect.unwrap(vars(owner)["__init__"])).parameters.values()
        if parameter.name != "self" and parameter.kind is not inspect.Parameter.VAR_KEYWORD
    ]
    shown = {}
    for parameter in parameters:
        default = "…" if parameter.default is inspect.Parameter.empty else repr(parameter.default)
        shown.setdefault(parameter.name, default)
    return sorted(f"{name}={default}" for name, default in shown.items())


@pytest.mark.parametrize("name", CLASSES)
def test_the_arguments_of_a_class_and_their_defaults_are_kept(name):
    module, arguments = CLASSES[name]

    assert arguments_of(getattr(named(module), name)) == sorted(arguments)


def test_every_operator_sensor_trigger_hook_and_notifier_that_airflow_lists_is_in_the_table():
    info = get_provider_info()
    kinds = ("operators", "sensors", "triggers", "hooks")
    modules = [module for kind in kinds for entry in info[kind] for module in entry["python-modules"]]
    modules += [path.rpartition(".")[0] for path in info["notifications"]]
    modules += [entry["python-module"] for entry in info["transfers"]]
    found = {
        name
        for module in modules
        for name, value in vars(importlib.import_module(module)).items()
        if inspect.isclass(value) and f"{value.__module__}.".startswith(f"{module}.") and name.startswith("TingTing")
    }

    assert found - {"TingTingBaseOperator"} == set(CLASSES)


def test_what_a_template_may_fill_is_kept():
    kept = {name: fields for name, *fields in read_table(TEMPLATED)}

    assert {name: list(getattr(named(CLASSES[name][0]), name).template_fields) for name in kept} == kept


def test_the_methods_of_the_hook_are_kept():
    hook = named("hooks.tingting").TingTingHook

    def shown(method):
        parts, by_name = [], False
        for parameter in list(inspect.signature(method).parameters.values())[1:]:
            if parameter.kind is inspect.Parameter.KEYWORD_ONLY and not by_name:
                by_name = True
                parts.append("*")
            stars = "**" if parameter.kind is inspect.Parameter.VAR_KEYWORD else ""
            default = "" if parameter.default is inspect.Parameter.empty else f"={parameter.default!r}"
            parts.append(f"{stars}{parameter.name}{default}")
        return " ".join(parts)

    lines = HOOK.strip().splitlines()
    assert [f"{name}({shown(getattr(hook, name))})" for name in (line.partition("(")[0] for line in lines)] == lines


def test_the_error_tree_is_kept():
    lines = [line.split() for line in ERRORS.strip().splitlines()]

    assert [[name, getattr(errors, name).__base__.__name__] for name, _ in lines] == lines


def test_the_commands_and_what_their_exit_codes_mean_are_kept():
    from airflow_provider_tingting.cli.commands import COMMANDS as THERE
    from airflow_provider_tingting.cli.exit_codes import ExitCode

    kept = COMMANDS.strip().splitlines()
    assert [command.path for command in THERE if command.path in kept] == kept
    assert {code.name: code.value for code in ExitCode} == {
        "SUCCESS": 0,
        "PROBLEM": 1,
        "USAGE_ERROR": 2,
        "API_ERROR": 3,
        "TIMED_OUT": 4,
        "INTERRUPTED": 130,
    }


@pytest.mark.parametrize("line", MODULES.strip().splitlines())
def test_the_names_that_programs_import_are_kept(line):
    module, *names = line.split()

    assert [name for name in names if not hasattr(named(module), name)] == []


def test_what_waits_in_a_triggerer_today_is_understood_after_an_update():
    """The serialised arguments of a trigger and its event outlive the version that wrote them."""
    waiting = {
        "campaign_id": 79,
        "tingting_conn_id": "tingting_default",
        "until": ["Running"],
        "poll_interval": 30.0,
        "deadline": 1795400000.0,
        "tolerate_outage": 600.0,
        "stop_on_kill": False,
        "starts_by": 1795390000.0,
        "deferred_at": 1795380000.0,
    }
    event = {
        "version": 1,
        "reason": "reached",
        "campaign_id": 79,
        "status": "Completed",
        "progress_percent": 100.0,
        "contacts": 4,
        "detail": "",
        "status_code": None,
    }

    watching = {
        "tingting_conn_id": "tingting_default",
        "name_pattern": "Water*",
        "statuses": ["Completed"],
        "poll_interval": 60.0,
    }

    path = "airflow_provider_tingting.triggers.finished.TingTingCampaignFinishedTrigger"
    assert TingTingCampaignFinishedTrigger(**watching).serialize() == (path, watching)
    assert Watermark.from_json({"version": 1, "until": "2026-11-23T20:00:00+05:45", "ids": [79]}) is not None
    starting = {
        "campaign_id": 79,
        "tingting_conn_id": "tingting_default",
        "not_before": 1795400000.0,
        "poll_interval": 30.0,
        "deadline": None,
        "tolerate_outage": 600.0,
        "run_requested": False,
        "deferred_at": 1795380000.0,
    }

    path = "airflow_provider_tingting.triggers.campaign.TingTingCampaignTrigger"
    assert TingTingCampaignTrigger(**waiting).serialize() == (path, waiting)
    path = "airflow_provider_tingting.triggers.start.TingTingStartTrigger"
    assert TingTingStartTrigger(**starting).serialize() == (path, starting)
    assert Observation(Reason.REACHED, 79, "Completed", 100.0, 4).to_event() == event
    assert Observation.from_event(json.loads(json.dumps(event)), campaign_id=79).to_event() == event
    assert EVENT_VERSION == 1
    assert [reason.value for reason in Reason] == ["reached", "timed_out", "outage", "refused", "not_begun"]
