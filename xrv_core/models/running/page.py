"""The HTML page of a run: one file that loads nothing, in one style for every tool."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["render_page"]


def render_page(
    package: str, template: str, *, run: dict[str, Any], filters: Mapping[str, Callable[..., Any]], **values: Any
) -> str:
    """Render a page; every text of the data is escaped.

    The template extends ``run.html`` of this room, which has the head, the styles, the warnings and the record.
    The package that calls this must depend on jinja2.

    Args:
        package: The package whose folder ``templates`` holds the template.
        template: Its file name.
        run: The record of the run.
        filters: Filters that the template uses, by name.
        **values: Values that the template uses, and those of ``run.html``: ``model`` (its part of ``run``), ``title``,
            ``kicker`` (the line above it), ``summary`` (the footer), ``warnings`` and ``file`` (name of the record).
    """
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.ChoiceLoader([jinja2.PackageLoader(package), jinja2.PackageLoader("xrv_core.models.running")]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= filters
    record = json.dumps(run, indent=2, ensure_ascii=False)
    return environment.get_template(template).render(run=run, record=record, **values)
