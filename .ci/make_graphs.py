"""Draw the task graphs of the example DAGs and of the task group: docs/images/graphs/*.svg.

python .ci/make_graphs.py        (`make reference`; needs Airflow 3.1 or later)
"""

from __future__ import annotations

import html
import os
import sys
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parent.parent
FOLDER = CHECKOUT / "docs" / "images" / "graphs"
HEIGHT, GAP, CHARACTER, MARGIN = 34, 26, 7.6, 24


def main() -> None:
    sys.path.insert(0, str(CHECKOUT))
    os.environ.setdefault("AIRFLOW__CORE__LOAD_EXAMPLES", "False")
    from airflow.dag_processing.dagbag import DagBag

    FOLDER.mkdir(parents=True, exist_ok=True)
    for dag in DagBag(CHECKOUT / "example_dags").dags.values():
        (FOLDER / f"{dag.dag_id.removeprefix('tingting_')}.svg").write_text(draw(dag), encoding="utf-8")
    (FOLDER / "task_group.svg").write_text(draw(group_dag()), encoding="utf-8")


def group_dag() -> Any:
    from airflow.sdk import DAG

    from airflow_provider_tingting.task_groups.campaign import tingting_campaign

    with DAG("task_group", schedule=None) as dag:
        tingting_campaign(
            campaign={"name": "-", "user_phone": [3], "message": "-"}, audience=["9841234567"], report="report.csv"
        )
    return dag


def layers_of(dag: Any) -> list[list[str]]:
    """Return the task ids by their longest distance from a first task."""
    depth: dict[str, int] = {}
    for task in dag.topological_sort():
        depth[task.task_id] = max((depth[one] + 1 for one in task.upstream_task_ids), default=0)
    return [[one for one, at in depth.items() if at == layer] for layer in range(max(depth.values()) + 1)]


def draw(dag: Any) -> str:
    """Draw a DAG as SVG: from left to right when it is short, otherwise from top to bottom."""
    layers = layers_of(dag)
    width = {one: len(one) * CHARACTER + MARGIN for layer in layers for one in layer}
    place: dict[str, tuple[float, float]] = {}
    down = sum(max(width[one] for one in layer) + GAP * 2 for layer in layers) > 700
    if down:
        total = max(sum(width[one] + GAP for one in layer) - GAP for layer in layers)
        for row, layer in enumerate(layers):
            x = (total - (sum(width[one] + GAP for one in layer) - GAP)) / 2
            for one in layer:
                place[one] = (x, row * (HEIGHT + GAP))
                x += width[one] + GAP
        size = (total, len(layers) * (HEIGHT + GAP) - GAP)
    else:
        x, tallest = 0.0, max(len(layer) for layer in layers)
        for layer in layers:
            column = max(width[one] for one in layer)
            for row, one in enumerate(layer):
                place[one] = (x + (column - width[one]) / 2, (row + (tallest - len(layer)) / 2) * (HEIGHT + GAP))
            x += column + GAP * 2
        size = (x - GAP * 2, tallest * (HEIGHT + GAP) - GAP)
    lines = [edge(place[a], width[a], place[b], width[b], down=down) for a, b in edges(dag)]
    boxes = [box(one, *at, width[one], mapped=is_mapped(dag.get_task(one))) for one, at in place.items()]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="-2 -2 {size[0] + 4:.0f} {size[1] + 4:.0f}" '
        f'width="{size[0] + 4:.0f}" role="img" font-family="system-ui, sans-serif" font-size="13">\n'
        f"<title>Tasks of {html.escape(dag.dag_id)}</title>\n"
        '<defs><marker id="end" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
        '<path d="M0 0L8 4L0 8z" fill="#7a8a99"/></marker></defs>\n' + "\n".join([*lines, *boxes]) + "\n</svg>\n"
    )


def is_mapped(task: Any) -> bool:
    return task.is_mapped or task.get_closest_mapped_task_group() is not None


def edges(dag: Any) -> list[tuple[str, str]]:
    return [(task.task_id, after) for task in dag.tasks for after in sorted(task.downstream_task_ids)]


def edge(a: tuple[float, float], width_a: float, b: tuple[float, float], width_b: float, *, down: bool) -> str:
    if down:
        start, end = (a[0] + width_a / 2, a[1] + HEIGHT), (b[0] + width_b / 2, b[1])
        middle = (start[1] + end[1]) / 2
        curve = f"{start[0]:.0f} {middle:.0f} {end[0]:.0f} {middle:.0f}"
    else:
        start, end = (a[0] + width_a, a[1] + HEIGHT / 2), (b[0], b[1] + HEIGHT / 2)
        middle = (start[0] + end[0]) / 2
        curve = f"{middle:.0f} {start[1]:.0f} {middle:.0f} {end[1]:.0f}"
    path = f"M{start[0]:.0f} {start[1]:.0f}C{curve} {end[0]:.0f} {end[1]:.0f}"
    return f'<path d="{path}" fill="none" stroke="#7a8a99" stroke-width="1.5" marker-end="url(#end)"/>'


def box(name: str, x: float, y: float, width: float, *, mapped: bool) -> str:
    back = (
        f'<rect x="{x + 3:.0f}" y="{y + 3:.0f}" width="{width:.0f}" height="{HEIGHT}" rx="6" fill="#9db4c8"/>\n'
        if mapped
        else ""
    )
    return (
        f'{back}<rect x="{x:.0f}" y="{y:.0f}" width="{width:.0f}" height="{HEIGHT}" rx="6" fill="#1f5f8b"/>\n'
        f'<text x="{x + width / 2:.0f}" y="{y + HEIGHT / 2 + 4.5:.1f}" fill="#fff" text-anchor="middle">'
        f"{html.escape(name)}</text>"
    )


if __name__ == "__main__":
    main()
