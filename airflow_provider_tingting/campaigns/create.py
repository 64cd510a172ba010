"""Creates a campaign once: a later try finds it by the marker in its description."""

from __future__ import annotations

import logging
from datetime import datetime

from airflow_provider_tingting.api import calls, idempotent_writes
from airflow_provider_tingting.api.models import Campaign
from airflow_provider_tingting.api.stale_reads import read_existing, read_existing_until
from airflow_provider_tingting.campaigns.marker import CampaignSpec, Marker, MarksCampaigns
from airflow_provider_tingting.campaigns.reconcile import find_after_unknown, find_campaign, reconcile
from airflow_provider_tingting.campaigns.reschedule import apply_schedule
from airflow_provider_tingting.campaigns.run import CampaignJob
from airflow_provider_tingting.campaigns.schedule import is_past, read_schedule
from airflow_provider_tingting.campaigns.state import RunRequest
from airflow_provider_tingting.clock import wall_time
from airflow_provider_tingting.errors import (
    TingTingCampaignError,
    TingTingConfigError,
    TingTingNotFoundError,
    TingTingOutcomeUnknownError,
    TingTingValidationError,
)

log = logging.getLogger(__name__)

#: After this many seconds a create request of an earlier try has been carried out, or never will be.
CREATE_SETTLES_WITHIN = 20.0


async def attach_or_create(
    job: CampaignJob,
    spec: CampaignSpec,
    marker: Marker,
    *,
    thorough: bool = False,
    exact: bool = True,
    since: datetime | None = None,
) -> Campaign:
    """Return the one campaign with a marker, and create it if there is none.

    After an unknown outcome the campaign is created again only when it is proven absent. Of the campaigns of two tries
    that have raced, both use the one that has begun, otherwise the lowest id. A campaign of an earlier try that has not
    begun gets the voice and the schedule of the spec; another credit limit is only logged.

    Source: API page, Create a campaign, Set voice and category.

    :param job: holds what earlier tries have saved, and becomes the job of the campaign.
    :param spec: the campaign.
    :param marker: the marker of the campaign.
    :param thorough: search beyond its name first, because an earlier try may have created it and a person may have
        renamed it since.
    :param exact: whether only a campaign of the marker's generation counts; otherwise the newest generation does.
    :param since: a time before which no campaign with the marker can have been created; None when there is none.
    :raises TingTingCampaignError: the job's campaign has other content, was deleted, or keeps another schedule.
    :raises TingTingConfigError: there is none yet, and the schedule has passed.
    :raises TingTingAPIError: TingTing refuses, or it stays unknown whether there is a campaign.
    """
    wanted = marker if exact else marker.any_generation()
    earlier = await _attached(job, spec, marker, wanted, thorough=thorough, since=since)
    campaign = earlier or await _create(job, spec, marker, wanted, since)
    job.update(campaign_id=campaign.id, fingerprint=marker.fingerprint, create_requested_at=None)
    if campaign.status.has_begun:
        return campaign
    if earlier is not None and job.state.run is RunRequest.NEVER:
        campaign = await apply_schedule(campaign, spec)
    if spec.voice is not None:
        await idempotent_writes.retry_idempotent(
            calls.set_campaign_message(
                campaign.id,
                voice=spec.voice,
                message=spec.message,
                sms_message=spec.sms_message,
                length_factor=spec.length_factor,
                draft=spec.draft,
            )
        )
    if spec.failover_target is not None:
        await set_failover_target(campaign.id, spec.failover_target)
    return campaign


async def set_failover_target(campaign_id: int, target: tuple[str, ...]) -> None:
    """Set after which outcomes of a call a contact gets the campaign's SMS, and check that TingTing has kept it.

    Source: the vendor's client; `failover_target` is not among the fields of the API page.

    :param campaign_id: the campaign.
    :param target: the outcomes; none to send no SMS.
    :raises TingTingConfigError: TingTing refuses or ignores the field.
    """
    remedy = "The field is not on TingTing's API page: leave failover_target off, or ask TingTing for it."
    try:
        await idempotent_writes.retry_idempotent(calls.update_campaign(campaign_id, failover_target=list(target)))
    except TingTingValidationError as error:
        raise TingTingConfigError(
            f"TingTing refuses failover_target for campaign {campaign_id}: {error} {remedy}"
        ) from error

    def has_it(campaign: Campaign) -> bool:
        return sorted(map(str, campaign.failover_target)) == sorted(target)

    if not has_it(await read_existing_until(campaign_id, has_it)):
        raise TingTingConfigError(
            f"TingTing has accepted failover_target for campaign {campaign_id} and has not kept it, so no SMS would be "
            f"sent. The campaign was not run. {remedy}"
        )


async def _attached(
    job: CampaignJob,
    spec: CampaignSpec,
    marker: Marker,
    wanted: MarksCampaigns,
    *,
    thorough: bool,
    since: datetime | None,
) -> Campaign | None:
    """Return the campaign that an earlier try has created, or None."""
    if job.state.campaign_id is not None:
        if job.state.fingerprint != marker.fingerprint:
            raise _other_content(job.state.campaign_id)
        try:
            campaign: Campaign | None = await read_existing(job.state.campaign_id)
        except TingTingNotFoundError:
            raise TingTingCampaignError(
                "an earlier attempt of this task created it, and it does not exist any more. Whether it was run is "
                'not known, so no other takes its place. Clear the task with on_clear="send_again" for a new one.',
                campaign_id=job.state.campaign_id,
            ) from None
    else:
        requested_at = job.state.create_requested_at
        if requested_at is not None and wall_time() - requested_at < CREATE_SETTLES_WITHIN:
            campaign = await find_after_unknown(spec.name, wanted, since)
        else:
            thorough = thorough or requested_at is not None or bool(spec.draft)
            campaign = await find_campaign(spec.name, wanted, thorough=thorough, since=since)
        # A saved id is sufficient proof; a person may have edited the campaign's description.
        if campaign is not None and str(marker.as_found(campaign.description)) not in campaign.description:
            raise _other_content(campaign.id, campaign.status.value)
    if campaign is not None:
        log.info("Campaign %s was created by an earlier attempt and is used again", campaign.id)
    return campaign


async def _create(
    job: CampaignJob, spec: CampaignSpec, marker: Marker, wanted: MarksCampaigns, since: datetime | None
) -> Campaign:
    created_here: set[int] = set()

    async def send() -> Campaign:
        call = calls.create_campaign(
            name=spec.name,
            services=spec.services,
            user_phone=spec.user_phone,
            message=spec.message,
            sms_message=spec.sms_message,
            description=spec.description_with(marker),
            schedule=_schedule_to_send(spec),
            credit_limit=spec.credit_limit,
        )
        job.update(create_requested_at=wall_time())
        campaign = await call
        created_here.add(campaign.id)
        log.info("Campaign %s was created", campaign.id)
        if campaign.description and not marker.is_in(campaign.description):
            log.warning(
                "TingTing has not kept the marker in the description of campaign %s: without a task state store a "
                "later attempt cannot find the campaign again. Shorten the description.",
                campaign.id,
            )
        return campaign

    async def check(error: TingTingOutcomeUnknownError) -> Campaign | None:
        log.warning("Whether the campaign was created is unknown; looking for it. %s", error)
        found = await find_after_unknown(spec.name, wanted, since)
        if found is not None:
            log.info("The request was carried out: campaign %s exists", found.id)
        return found

    campaign = await reconcile(
        send,
        check=check,
        not_done=lambda: job.update(create_requested_at=None),
        pause=idempotent_writes.RETRY_PAUSES[-1],
    )
    # Another try, or another run of the occasion, may have created one at the same time, or before if the list that was
    # read first was an old one; all use the same one. The search by name hides drafts.
    created = None if spec.draft else campaign.id
    chosen = await find_campaign(spec.name, wanted, since=since, created=created) or campaign
    # The response to this try's own create may show no description, or a shortened one.
    if chosen.id not in created_here and str(marker.as_found(chosen.description)) not in chosen.description:
        raise _other_content(chosen.id, chosen.status.value)
    return chosen


def _schedule_to_send(spec: CampaignSpec) -> str | None:
    """Return the schedule, or None for one that has passed and may be left out."""
    moment: datetime | None = read_schedule(spec.schedule)
    if moment is None or not is_past(moment):
        return spec.schedule
    if not spec.run_if_late:
        raise TingTingConfigError(
            f"The schedule {spec.schedule} has passed, and TingTing does not schedule into the past. Nothing was "
            'created. Give a later time, or on_past_schedule="run_now" to start when the campaign is run.'
        )
    log.warning("The schedule %s has passed: the campaign will start when it is run", spec.schedule)
    return None


def _other_content(campaign_id: int, status: str | None = None) -> TingTingCampaignError:
    return TingTingCampaignError(
        "an earlier attempt of this task created it with another name, message or caller number. It is not used for "
        'this one, and nothing was created. Clear the task with on_clear="send_again" for a new campaign; if the task '
        "is mapped, its list has changed its order.",
        campaign_id=campaign_id,
        status=status,
    )
