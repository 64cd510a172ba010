"""The lineage that operators report to OpenLineage: what a task read, what it wrote, and its figures.

Operators collect it as plain values. OpenLineage's classes are imported only when its provider asks for them.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

from airflow_provider_tingting._compat import BaseHook
from airflow_provider_tingting.assets import file_uri, openlineage_name

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Dataset:
    """A file, table or campaign that a task has read or written.

    :param namespace: as OpenLineage names it.
    :param name: as OpenLineage names it.
    :param rows: its rows, if known.
    :param size: its size in bytes, if known.
    """

    namespace: str
    name: str
    rows: int | None = None
    size: int | None = None


@dataclass(frozen=True)
class TaskLineage:
    """What a task read and wrote.

    :param inputs: what it read.
    :param outputs: what it wrote.
    :param figures: ids and counts, for the run facet `tingting_campaign`: `campaign_id`, `status`, `summary`. None for
        no facet.
    """

    inputs: tuple[Dataset, ...] = ()
    outputs: tuple[Dataset, ...] = ()
    figures: Mapping[str, Any] | None = field(default=None)

    def to_openlineage(self) -> Any:
        """Return OpenLineage's `OperatorLineage`, or None when its provider is not installed."""
        try:
            # They may be missing and are untyped; with these imports a type checker reports neither.
            extractors: Any = import_module("airflow.providers.openlineage.extractors")
            facets: Any = import_module("openlineage.client.facet_v2")
            events: Any = import_module("openlineage.client.event_v2")
        except ImportError:
            return None
        run_facets = {}
        if self.figures is not None:
            run_facets["tingting_campaign"] = _campaign_facet(facets.RunFacet, self.figures)
        outputs = []
        for one in self.outputs:
            statistics: dict[str, Any] = {}
            if one.rows is not None or one.size is not None:
                kind = facets.output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet
                statistics["outputStatistics"] = kind(rowCount=one.rows, size=one.size)
            outputs.append(events.OutputDataset(namespace=one.namespace, name=one.name, outputFacets=statistics))
        inputs = [events.InputDataset(namespace=one.namespace, name=one.name) for one in self.inputs]
        return extractors.OperatorLineage(inputs=inputs, outputs=outputs, run_facets=run_facets)


def asset_dataset(uri: str) -> Dataset:
    """Return the dataset of a campaign, a survey or a file.

    :param uri: the URI of its asset.
    """
    return Dataset(*openlineage_name(uri))


def file_dataset(path: object, *, rows: int | None = None, size: int | None = None) -> Dataset:
    """Return the dataset of a file: the same for every task that names the file, whatever connection it uses.

    :param path: a local path, or a URI.
    :param rows: its rows, if known.
    :param size: its size in bytes, if known.
    """
    return Dataset(*openlineage_name(file_uri(path)), rows=rows, size=size)


def query_datasets(sql: str, conn_id: str) -> tuple[Dataset, ...]:
    """Return the tables that a query reads, as OpenLineage's own parser finds them; it asks the database nothing.

    None without OpenLineage's provider, for a database that it does not know, and for a query that it cannot read: a
    task does not fail because of its lineage.

    :param sql: one SELECT.
    :param conn_id: the Airflow connection of the database.
    """
    try:
        parsing: Any = import_module("airflow.providers.openlineage.sqlparser")
        connection: Any = BaseHook.get_connection(conn_id)
        hook = connection.get_hook()
        database = hook.get_openlineage_database_info(connection)
        if database is None:
            return ()
        parser = parsing.SQLParser(
            dialect=hook.get_openlineage_database_dialect(connection),
            default_schema=hook.get_openlineage_default_schema(),
        )
        found = parser.generate_openlineage_metadata_from_sql(
            sql=sql, hook=hook, database_info=database, use_connection=False
        )
        return tuple(Dataset(table.namespace, table.name) for table in found.inputs)
    except Exception as error:
        log.debug("OpenLineage gets no tables of the query (%s)", type(error).__name__)
        return ()


def _campaign_facet(base: object, figures: Mapping[str, Any]) -> Any:
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
