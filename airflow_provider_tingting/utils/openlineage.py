"""What OpenLineage hears of a task: the campaign that it read, the file or table that it wrote, and the figures.

Nothing here is imported or run unless OpenLineage's provider is installed and listens.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from airflow_provider_tingting.assets import openlineage_name


@dataclass(frozen=True)
class Written:
    """A file or table that a task has written.

    :param namespace: as OpenLineage names it.
    :param name: as OpenLineage names it.
    :param rows: its rows.
    :param size: its size in bytes, if known.
    """

    namespace: str
    name: str
    rows: int | None = None
    size: int | None = None


def campaign_lineage(campaign_uri: str, figures: Mapping[str, Any], written: Written | None = None) -> Any:
    """Return the lineage of a task that is about one campaign.

    :param campaign_uri: the campaign: the input of a task that has written something, the output of one that ran it.
    :param figures: ids and counts, for the facet `tingting_campaign` of the run.
    :param written: what was written.
    :returns: OpenLineage's `OperatorLineage`; None when it is not installed.
    """
    try:
        # They may be missing, and are untyped: this way neither troubles a type checker.
        extractors: Any = import_module("airflow.providers.openlineage.extractors")
        facets: Any = import_module("openlineage.client.facet_v2")
        events: Any = import_module("openlineage.client.event_v2")
    except ImportError:
        return None
    namespace, name = openlineage_name(campaign_uri)
    run_facets = {"tingting_campaign": _campaign_facet(facets.RunFacet, figures)}
    if written is None:
        campaign = events.OutputDataset(namespace=namespace, name=name)
        return extractors.OperatorLineage(outputs=[campaign], run_facets=run_facets)
    counted = facets.output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(
        rowCount=written.rows, size=written.size
    )
    return extractors.OperatorLineage(
        inputs=[events.InputDataset(namespace=namespace, name=name)],
        outputs=[
            events.OutputDataset(
                namespace=written.namespace, name=written.name, outputFacets={"outputStatistics": counted}
            )
        ],
        run_facets=run_facets,
    )


def _campaign_facet(base: Any, figures: Mapping[str, Any]) -> Any:
    # OpenLineage's facets are classes of attrs, which comes with it. The names of class and fields are in the event.
    attrs: Any = import_module("attrs")
    facet = attrs.make_class(
        "TingTingCampaignRunFacet",
        {
            "campaignId": attrs.field(type=int),
            "status": attrs.field(default=None),
            "summary": attrs.field(factory=dict),
        },
        bases=(base,),
        kw_only=True,
    )
    return facet(
        campaignId=figures["campaign_id"], status=figures.get("status"), summary=dict(figures.get("summary") or {})
    )
