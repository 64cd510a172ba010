"""A campaign as a page with charts: one HTML file that loads nothing else.

`figures` counts what the charts show, in flat memory; `drawing` draws it with matplotlib, which is imported when a
page is drawn; `page` puts it into HTML.

Source: Campaign API, "Download report".
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from airflow_provider_tingting.extras import import_extra
from airflow_provider_tingting.files.atomic import whole_file
from airflow_provider_tingting.masking import mask_text
from airflow_provider_tingting.reports.chart.figures import ChartFigures
from airflow_provider_tingting.reports.parser import Report

__all__ = ["ChartFigures", "chart_file", "need_chart", "write_chart"]


def need_chart() -> None:
    """Check that charts can be drawn.

    :raises TingTingConfigError: when matplotlib is not installed.
    """
    import_extra("matplotlib.figure", extra="chart", purpose="A page with charts", otherwise="leave chart_path off")


def write_chart(
    report: Report,
    target: object,
    *,
    title: str,
    subtitle: str = "",
    estimate: float | None = None,
    overwrite: bool = True,
) -> int:
    """Write a page with the charts of a campaign, whole or not at all; return its size in bytes.

    The page loads nothing from the network, follows the device's dark mode, fits a phone, and has every figure of a
    chart as a table too. It holds no phone number.

    :param report: the report, as `open_report` gives it.
    :param target: as for `writers.write_report`.
    :param title: the campaign's name.
    :param subtitle: a line below it.
    :param estimate: the credits that were estimated, to be shown beside those that were spent; None for none.
    :param overwrite: whether a file that is there is replaced.
    :raises TingTingReportError: the report is cut or damaged; a file that was there is unchanged.
    :raises TingTingStorageError: the target cannot be written; a file that was there is unchanged.
    :raises TingTingConfigError: when matplotlib is not installed.
    """
    with chart_file(report, target, title=title, subtitle=subtitle, estimate=estimate, overwrite=overwrite) as size:
        return size


@contextmanager
def chart_file(
    report: Report,
    target: object,
    *,
    title: str,
    subtitle: str = "",
    estimate: float | None = None,
    overwrite: bool = True,
) -> Iterator[int]:
    """Write the page of `write_chart`, which takes the target's place when the block ends well.

    The arguments and errors are those of `write_chart`.

    :param report: the report, as `open_report` gives it.
    :param target: as for `writers.write_report`.
    :param title: the campaign's name.
    :param subtitle: a line below it; default none.
    :param estimate: as for `write_chart`.
    :param overwrite: whether a file that is there is replaced; default True.
    :returns: the size of the page in bytes.
    """
    from airflow_provider_tingting.reports.chart.page import page_of

    need_chart()
    drawn = page_of(ChartFigures.of(report), title=mask_text(title), subtitle=subtitle, estimate=estimate)
    page = drawn.encode("utf-8", "replace")
    with whole_file(target, overwrite=overwrite, what="The page") as file:
        file.write(page)
        yield len(page)
