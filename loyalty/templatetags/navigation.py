"""The line above a page that says where one is."""

from collections.abc import Mapping, Sequence
from typing import Any

from django import template
from django.urls import resolve
from django.utils.text import capfirst

from loyalty.console import selectors

register = template.Library()


@register.filter
def way_here(parts: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """The theme's crumbs (app, list, row) as the navigation has them: titles, and where they lead.

    A row is called what it is called, its letters as they are; a row that is all there is of its kind is not named twice.
    """
    if len(parts) < 2 or "link" not in parts[1]:
        return [(capfirst(str(part["title"])), "") for part in parts[-1:]]
    way = selectors.way_to(resolve(str(parts[1]["link"])).func.model_admin.model)  # type: ignore[attr-defined]
    rows = [(str(part["title"]), str(part.get("link", ""))) for part in parts[2:]]
    return [*way, *(row for row in rows if row[0].lower() != way[-1][0].lower())]
