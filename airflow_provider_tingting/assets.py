"""Names of campaigns, surveys and files as assets: `tingting://app.tingting.io/campaigns/79`.

Airflow normalises a `tingting://` URI with `sanitize_uri`, makes an asset for hook lineage with `create_asset` and its
OpenLineage dataset with `convert_asset_to_openlineage`: all three are named in `provider_info`. A DAG file that
names such an asset loads this module, so it imports nothing of Airflow's.

`tingting://HOST/campaigns` stands for the campaigns of a TingTing, by the host of its base URL, with `/79` behind it
for one of them; `tingting://HOST/surveys/12` for a survey. Other paths are the user's own.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import SplitResult, quote, unquote, urlsplit

if TYPE_CHECKING:
    from airflow.providers.common.compat.openlineage.facet import Dataset as OpenLineageDataset
    from airflow.providers.common.compat.sdk import Asset

SCHEME: Final = "tingting"
_NUMBERED: Final = ("campaigns", "surveys")


def campaign_uri(base_url: str, campaign_id: int) -> str:
    """Return the URI of a campaign.

    :param base_url: where its TingTing is: the connection's base URL, or a host.
    :param campaign_id: the campaign.
    """
    return f"{SCHEME}://{_host_of(base_url)}/campaigns/{campaign_id}"


def survey_uri(base_url: str, survey_id: int) -> str:
    """Return the URI of a survey.

    :param base_url: where its TingTing is: the connection's base URL, or a host.
    :param survey_id: the survey.
    """
    return f"{SCHEME}://{_host_of(base_url)}/surveys/{survey_id}"


def file_uri(path: object) -> str:
    """Return the URI of a file, local or stored, without the connection that it was reached with.

    :param path: a local path, or a URI such as `s3://aws_default@bucket/report.csv`.
    """
    text = str(path)
    if "://" not in text:
        return f"file://{quote(str(PurePosixPath('/') / text))}"
    scheme, _, rest = text.partition("://")
    place, slash, name = rest.partition("/")
    return f"{scheme}://{place.rpartition('@')[2]}{slash}{quote(unquote(name))}"


def sanitize_uri(uri: SplitResult) -> SplitResult:
    """Normalise a `tingting://` URI: the host in lower case, without user or usual port, and the id as a number.

    :param uri: the URI, split.
    :raises ValueError: there is no host, or what should be the id of a campaign or survey is none.
    """
    host = (uri.hostname or "").rstrip(".")
    if not host:
        raise ValueError(
            f"URI format {SCHEME}:// must contain the host of TingTing, such as {SCHEME}://app.tingting.io/campaigns/79"
        )
    port = f":{uri.port}" if uri.port not in (None, 80, 443) else ""
    parts = [part for part in uri.path.split("/") if part]
    if len(parts) == 2 and parts[0] in _NUMBERED:
        number = parts[1]
        if not (number.isascii() and number.isdecimal() and int(number) > 0):
            raise ValueError(f"URI {SCHEME}://{host}{uri.path} must end in the id of one of the {parts[0]}, a number")
        parts[1] = str(int(number))
    shown = f"[{host}]" if ":" in host else host
    return uri._replace(netloc=f"{shown}{port}", path="/" + "/".join(parts))


def create_asset(
    *, host: str, campaign_id: int | None = None, survey_id: int | None = None, extra: dict[str, Any] | None = None
) -> Asset:
    """Make the asset of a campaign or a survey, or of all campaigns of a host (Airflow's factory of this scheme).

    :param host: the host of TingTing, or the base URL.
    :param campaign_id: the campaign.
    :param survey_id: the survey.
    :param extra: whatever the asset is to carry.
    """
    from airflow.providers.common.compat.sdk import Asset

    if campaign_id is not None:
        uri = campaign_uri(host, campaign_id)
    elif survey_id is not None:
        uri = survey_uri(host, survey_id)
    else:
        uri = f"{SCHEME}://{_host_of(host)}/campaigns"
    return Asset(uri=uri, extra=extra)


def convert_asset_to_openlineage(asset: Asset, lineage_context: object) -> OpenLineageDataset:
    """Return the OpenLineage dataset of a `tingting://` asset: the host is its namespace, the path its name.

    :param asset: the asset.
    :param lineage_context: the hook that has recorded it; not used.
    """
    from airflow.providers.common.compat.openlineage.facet import Dataset as OpenLineageDataset

    namespace, name = openlineage_name(str(asset.uri))
    return OpenLineageDataset(namespace=namespace, name=name)


def openlineage_name(uri: str) -> tuple[str, str]:
    """Return namespace and name of a campaign, survey or file as OpenLineage names datasets.

    The namespace is scheme and host, the name the rest of the path; for a local file `file` and its path.

    :param uri: the URI of the asset.
    """
    parts = urlsplit(uri)
    path = unquote(parts.path)
    return (f"{parts.scheme}://{parts.netloc}", path.strip("/") or "/") if parts.netloc else (parts.scheme, path)


def _host_of(base_url: str) -> str:
    parts = urlsplit(base_url if "://" in base_url else f"//{base_url}", scheme=SCHEME)
    return sanitize_uri(parts._replace(scheme=SCHEME, path="/")).netloc
