"""Numbers as people and as SVG read them."""

from typing import Any

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from loyalty.lib.callers import named
from points.terms.selectors import in_words

register = template.Library()
register.filter("in_words", in_words)
register.filter("named", named)


@register.filter
def points(value: Any) -> str:
    """1234567 as 1,234,567; nothing for None."""
    return "" if value is None else f"{value:,}"


@register.filter
def change(value: int) -> str | SafeString:
    """A change with its sign and colour; nothing for zero."""
    return format_html('<span class="console-{}">{}</span>', "plus" if value > 0 else "minus", f"{value:+,}") if value else ""


@register.filter
def unlocalized(value: float) -> str:
    """A coordinate, with a point whatever the language."""
    return f"{value:g}"
