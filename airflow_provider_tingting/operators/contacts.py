"""The operators that add contacts to a campaign, or check them without sending."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_tingting import api
from airflow_provider_tingting.campaigns.calling_window import CallingWindow
from airflow_provider_tingting.clock import monotonic
from airflow_provider_tingting.errors import TingTingConfigError
from airflow_provider_tingting.formatting import amount, counted
from airflow_provider_tingting.links.campaign import push_link
from airflow_provider_tingting.operators.audience import TingTingBaseAudienceOperator
from airflow_provider_tingting.utils import argument_checks as check
from airflow_provider_tingting.utils.arguments import campaign_id_of, message_of
from airflow_provider_tingting.utils.clears import ON_CLEAR, ClearPolicy
from airflow_provider_tingting.utils.task_state import occasion_of

if TYPE_CHECKING:
    from airflow_provider_tingting._compat import Context
    from airflow_provider_tingting.api.models import Campaign
    from airflow_provider_tingting.campaigns.calling_window import WindowArgument

TRANSPORTS = ("json", "xlsx")
# The largest values that make sense: TingTing inserts a contact in 6 to 11 ms (the vendor's samples).
_MAX_IN_A_BATCH = 10_000
_MAX_AT_ONCE = 64


def services_of_messages(message: str | None, sms_message: str | None) -> str:
    """Return the services that send these messages, as TingTing writes them.

    :param message: what is spoken, or None.
    :param sms_message: what is sent, or None.
    """
    return " & ".join(name for name, text in (("SMS", sms_message), ("PHONE", message)) if text)


class TingTingAddContactsOperator(TingTingBaseAudienceOperator):
    """Add contacts to a campaign after all of them have been checked.

    The operator reads and checks all contacts first, including each tag of the campaign's message: with
    `on_invalid="fail"` one bad row means that nothing is sent. TingTing skips numbers that the campaign already has, so
    sending a batch again adds no contact twice; a skipped contact keeps the variables that were sent first. At the end
    the operator compares the campaign's own count with the audience.

    A retry continues near the point that the last try reached on Airflow 3.3 and later, and sends all contacts again on
    earlier versions. A cleared task does the same. A killed task leaves the batches that have arrived; the retry adds
    the rest. Once the campaign has begun, the operator sends nothing and only checks that all contacts are in it.

    XCom: `return_value` is `{campaign_id, begun, total, created, skipped, in_campaign, invalid, duplicates,
    conflicting, excluded, do_not_call, over_cap, filtered_out, rejects_path}`; `campaign_id` is a key of its own too.
    `begun` is true when the campaign had been run before this task. `in_campaign` is the campaign's own count at the
    end: more than `total` when it has other contacts, which are called too. Never the contacts.

    Source: API page, Add multiple contacts and Upload bulk contacts.

    The parameters of the audience, `contacts` to `delimiter`, are those of `TingTingBaseAudienceOperator`.

    :param campaign_id: the campaign.
    :param batch_size: contacts in one request.
    :param concurrency: requests at the same time.
    :param transport: `json` sends batches, `xlsx` uploads workbooks.
    :param on_clear: what a cleared task does: `reattach` and `send_again` add the contacts that are missing, `fail`
        refuses.
    :param tingting_conn_id: the Airflow connection.
    :raises AirflowFailException: TingTing or the provider refuses the contacts, an argument, the token or the campaign,
        or an upload has removed other contacts from the campaign; no retry would help.
    :raises TingTingSourceError: the database or the storage fails, or the file changed; nothing was sent.
    :raises TingTingCampaignError: at the end the campaign lacks a contact, has one more than once, or has one that
        `exclude` names, added by an earlier try or another task; the error masks the numbers.
    :raises TingTingAPIError: TingTing cannot be reached; a retry continues.
    """

    template_fields: Sequence[str] = (*TingTingBaseAudienceOperator.template_fields, "campaign_id")
    writes: ClassVar[bool] = True
    argument_checks: ClassVar[Mapping[str, check.Check]] = {
        **TingTingBaseAudienceOperator.argument_checks,
        "campaign_id": check.an_id,
        "batch_size": check.whole_number(1, _MAX_IN_A_BATCH),
        "concurrency": check.whole_number(1, _MAX_AT_ONCE),
        "transport": check.choice(*TRANSPORTS),
        "on_clear": check.choice(*ON_CLEAR),
    }

    def __init__(
        self,
        *,
        campaign_id: int | str,
        batch_size: int = 500,
        concurrency: int = 4,
        transport: str = "json",
        on_clear: str = "reattach",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.campaign_id = campaign_id
        self.batch_size = batch_size
        self.concurrency = concurrency
        self.transport = transport
        self.on_clear = on_clear
        self.check_literals()

    def execute(self, context: Context) -> dict[str, Any]:
        """Check all contacts, send them, and compare the campaign with the audience."""
        from airflow_provider_tingting.contacts.add import AddResult
        from airflow_provider_tingting.utils.audience_reader import campaign_in_errors, send_audience

        with self.fail_without_retry():
            self.check_templates()
            clear_policy = ClearPolicy(self.on_clear)
            clear_policy.apply(context, "add contacts", self.log)
            campaign_id = campaign_id_of(self.campaign_id)
            campaign, read_at = self.read_campaign(context, campaign_id), monotonic()
            self.push_campaign(context, campaign_id)
            with self.validated(campaign, campaign.message, campaign.sms_message) as (reader, audience):
                with campaign_in_errors(campaign):
                    audience.raise_if_refused()
                    rejects_path = reader.write_rejects(audience)
                occasion = occasion_of(context, campaign_id)
                if campaign.status.has_begun and occasion is not None and not occasion.get("is_own"):
                    self.log.warning(
                        "Campaign %s is the campaign of the occasion %r and is %s: another run has run it, with the "
                        "contacts of that run. This task adds no contact to it",
                        campaign_id,
                        occasion.get("occasion"),
                        campaign.status,
                    )
                    added = AddResult(created=0, skipped=0, in_campaign=campaign.campaign_action_count)
                else:
                    added = send_audience(
                        self.hook.get_conn(),
                        campaign,
                        audience,
                        clear_policy.task_state(context),
                        transport=self.transport,
                        batch_size=int(self.batch_size),
                        concurrency=int(self.concurrency),
                        # Another run of the occasion may have run the campaign since.
                        read_at=read_at if occasion is None else None,
                    )
                self.record_lineage(campaign_id, rejects_path)
                return {
                    "campaign_id": campaign_id,
                    "begun": campaign.status.has_begun,
                    "total": audience.valid,
                    "created": added.created,
                    "skipped": added.skipped,
                    "in_campaign": added.in_campaign,
                    "invalid": audience.invalid,
                    "duplicates": audience.duplicates,
                    "conflicting": audience.conflicting,
                    "excluded": audience.excluded,
                    "do_not_call": audience.do_not_call,
                    "over_cap": audience.over_cap,
                    "filtered_out": audience.filtered_out,
                    "rejects_path": rejects_path,
                }


class TingTingCheckContactsOperator(TingTingBaseAudienceOperator):
    """Check contacts as `TingTingAddContactsOperator` does, and send nothing.

    The operator only reads, so a retry, a clear and a kill have no effect at TingTing. With `on_invalid="fail"` the
    task fails when a row is bad, so that no downstream task runs; the summary is an XCom all the same.

    XCom: `return_value` and the key `summary` are `{campaign_id, total, valid, invalid, duplicates, conflicting,
    excluded, do_not_call, over_cap, filtered_out, reasons, carriers, tags, calls, sms, credits, forecast,
    rejects_path}`. `tags` has for each tag how many rows fill it and how many leave it blank; `sms` has `messages`,
    `parts`, `most_parts` and `unicode`, or is None; `credits` has `remaining` (None when TingTing does not say),
    `limit` (the campaign's own), `estimate`, `enough` (None when the balance is unknown) and `drift` (how past
    campaigns differ from the estimate, or None); `forecast` has `calls_per_minute`, `starts_at`, `ends_at`,
    `closes_at`, `fits` and `text`, or is None. Never the contacts.

    TingTing publishes no prices: `estimate` multiplies calls and SMS parts by the prices in the arguments. A call's
    real price depends on its duration.

    Source: API page, Get campaign details; the balance comes from the vendor's own client.

    The parameters of the audience, `contacts` to `delimiter`, are those of `TingTingBaseAudienceOperator`.

    :param campaign_id: the campaign whose message and sms_message the contacts must fill.
    :param message: instead of a campaign, the message of a call.
    :param sms_message: instead of a campaign, the text of an SMS.
    :param calling_window: the hours in which the campaign may be started, to forecast whether it ends before they do;
        None for no forecast.
    :param expected_pace: how many contacts TingTing calls in a minute; None for the pace of the account's last
        campaigns with the same services, which is read for 100 contacts or more.
    :param credits_per_call: the price of a call in credits, for the estimate.
    :param credits_per_sms_part: the price of a part of an SMS in credits, for the estimate.
    :param tingting_conn_id: the Airflow connection.
    :raises AirflowFailException: TingTing or the provider refuses the contacts, an argument, the token or the campaign;
        no retry would help.
    :raises TingTingSourceError: the database or the storage fails, or the file changed.
    :raises TingTingAPIError: TingTing does not return the campaign; a balance that it does not return is not an error.
    """

    template_fields: Sequence[str] = (
        *TingTingBaseAudienceOperator.template_fields,
        "campaign_id",
        "message",
        "sms_message",
        "credits_per_call",
        "credits_per_sms_part",
    )
    argument_checks: ClassVar[Mapping[str, check.Check]] = {
        **TingTingBaseAudienceOperator.argument_checks,
        "campaign_id": check.optional(check.an_id),
        "message": check.optional(check.text),
        "sms_message": check.optional(check.text),
        "calling_window": lambda value, _: CallingWindow.read(value),
        "expected_pace": check.optional(check.pace, may_be_empty=False),
        "credits_per_call": check.amount,
        "credits_per_sms_part": check.amount,
    }

    def __init__(
        self,
        *,
        campaign_id: int | str | None = None,
        message: str | None = None,
        sms_message: str | None = None,
        calling_window: WindowArgument = None,
        expected_pace: float | None = None,
        credits_per_call: float = 1.0,
        credits_per_sms_part: float = 1.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.calling_window = calling_window
        self.expected_pace = expected_pace
        self.campaign_id = campaign_id
        self.message = message
        self.sms_message = sms_message
        self.credits_per_call = credits_per_call
        self.credits_per_sms_part = credits_per_sms_part
        self.check_literals()

    def execute(self, context: Context) -> dict[str, Any]:
        """Check all contacts and estimate what sending them takes."""
        from airflow_provider_tingting.utils.audience_reader import Prices, sent_messages, summary_of

        with self.fail_without_retry():
            self.check_templates()
            campaign = self._campaign(context)
            prices = Prices.of(self.credits_per_call, self.credits_per_sms_part)
            messages = (campaign.message, campaign.sms_message) if campaign else self._own_messages()
            with self.validated(campaign, *messages) as (reader, audience):
                message, sms_message = sent_messages(campaign) if campaign else messages
                summary: dict[str, Any] = {
                    "campaign_id": campaign.id if campaign else None,
                    **summary_of(
                        audience,
                        message=message,
                        sms_message=sms_message,
                        prices=prices,
                        remaining=self._remaining(message, sms_message),
                        limit=campaign.credit_limit if campaign else None,
                    ),
                }
                self._add_forecast(summary, services_of_messages(message, sms_message), campaign)
                summary["rejects_path"] = reader.write_rejects(audience)
                self.record_lineage(None, summary["rejects_path"])
                context["ti"].xcom_push(key="summary", value=summary)
                self._log_estimate(summary)
                audience.raise_if_refused()
                return summary

    def _campaign(self, context: Context) -> Campaign | None:
        if self.campaign_id in (None, ""):
            push_link(context, "")
            return None
        if self.message or self.sms_message:
            raise TingTingConfigError("campaign_id and a message are both given; the campaign has its own messages.")
        campaign_id = campaign_id_of(self.campaign_id)
        campaign = self.read_campaign(context, campaign_id)
        self.push_campaign(context, campaign_id)
        return campaign

    def _own_messages(self) -> tuple[str | None, str | None]:
        return message_of(self.message), message_of(self.sms_message)

    def _remaining(self, message: str | None, sms_message: str | None) -> float | None:
        from airflow_provider_tingting.api.lookups import read_balance

        dashboard = api.run_flow(self.hook.get_conn(), read_balance())
        return dashboard.credits_for(services_of_messages(message, sms_message)) if dashboard else None

    def _add_forecast(self, summary: dict[str, Any], services: str, campaign: Campaign | None) -> None:
        """Add to the summary when the campaign would end, and how its estimate differs from past campaigns."""
        from airflow_provider_tingting.campaigns import forecast, history

        valid, past = summary["valid"], []
        if valid >= forecast.MIN_FORECAST:
            flow = history.recent_campaigns(services, exclude=campaign.id if campaign else None)
            past = api.run_flow(self.hook.get_conn(), flow)
        summary["credits"]["drift"] = drift = forecast.drift_of(past, summary["credits"]["estimate"], valid)
        if warning := forecast.drift_text(drift):
            self.log.warning("%s", warning)
        window = CallingWindow.read(self.calling_window)
        pace = history.pace_of(past) if self.expected_pace is None else float(self.expected_pace)
        summary["forecast"] = None
        if window is None or pace is None or not valid:
            return
        expected = forecast.forecast(window, valid, pace)
        summary["forecast"] = expected.to_json()
        log = self.log.info if expected.fits else self.log.warning
        log("If it starts at %s: %s", f"{expected.starts_at:%F %H:%M}", expected)

    def _log_estimate(self, summary: dict[str, Any]) -> None:
        sms, credits = summary["sms"], summary["credits"]
        if sms:
            self.log.info("%s SMS take %s parts, at most %s each", sms["messages"], sms["parts"], sms["most_parts"])
        sent = [counted(summary["calls"], "call")] if summary["calls"] else []
        if sms:
            sent.append(f"{sms['messages']:,} SMS")
        self.log.info(
            "Credits for %s: about %s; the account's balance is %s",
            " and ".join(sent) or "no contacts",
            amount(credits["estimate"]),
            "unknown" if credits["remaining"] is None else amount(credits["remaining"]),
        )
        if credits["enough"] is False:
            self.log.warning("The credits do not cover all contacts: TingTing stops a campaign without credits")
