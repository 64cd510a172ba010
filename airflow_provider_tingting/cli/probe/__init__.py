"""`doctor --probe`: measures with a draft campaign what the provider relies on. It calls no contact and costs nothing.

`draft` creates, finds and deletes the draft campaign; `measurements` has the measurements; `findings` what they say.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence

from airflow_provider_tingting.api import TingTingClient
from airflow_provider_tingting.cli.probe.draft import delete_drafts, open_draft
from airflow_provider_tingting.cli.probe.findings import Finding, Verdict
from airflow_provider_tingting.cli.probe.measurements import MEASUREMENTS
from airflow_provider_tingting.errors import TingTingError
from airflow_provider_tingting.formatting import counted

__all__ = ["UNASSIGNED_NUMBERS", "Finding", "Verdict", "probe"]

#: Numbers in a range of Nepal's numbering plan that no carrier has.
UNASSIGNED_NUMBERS = ("9870000001", "9870000002", "9870000003")


def probe(client: TingTingClient, numbers: Sequence[str] = ()) -> Generator[Finding, None, None]:
    """Yield what the account does. The draft is deleted before the last finding, and after any exception.

    :param client: a client for the account.
    :param numbers: the user's own numbers for the draft's contacts; unassigned numbers fill up to three.
    :raises TingTingAPIError: the draft cannot be created, or the account refuses to list campaigns.
    """
    earlier = delete_drafts(client)
    if earlier:
        yield _not_deleted(earlier)
    used = [*numbers, *(number for number in UNASSIGNED_NUMBERS if number not in numbers)][:3]
    with open_draft(client, used) as (draft, left):
        for assumption, measure in MEASUREMENTS.items():
            try:
                yield measure(draft, assumption)
            except TingTingError as error:
                handling = "Run the probe again; if the error persists, ask TingTing."
                yield Finding(assumption, f"Not measured: {error}", handling, Verdict.WORKS_WITH_CARE)
    if left:
        yield _not_deleted(left)
    else:
        yield Finding("The draft is deleted", "TingTing no longer has it.", "Nothing is left behind.")


def _not_deleted(campaign_ids: Sequence[int]) -> Finding:
    listed = ", ".join(str(campaign_id) for campaign_id in campaign_ids)
    return Finding(
        "The draft is deleted",
        f"TingTing still has {counted(len(campaign_ids), 'draft')} of a probe: {listed}.",
        "It was never run. Delete it in TingTing, or run the probe again.",
        Verdict.WORKS_WITH_CARE,
    )
