"""Lists: `{results, next}`, newest first, a page at a time. `next` is the address of the next page, or null on the last."""

import base64
import json
import re
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from django.core.exceptions import ValidationError as NotThatType
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _
from rest_framework.exceptions import ValidationError
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

Row = TypeVar("Row")


class NotOurs(ValidationError):
    def __init__(self) -> None:
        super().__init__({"cursor": [_("This is no cursor that we gave out.")]})


def _remembered(cursor: str) -> Any:
    return json.loads(base64.urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4)))


class NewestFirst(BasePagination):
    """Pages by what was last seen, not by counting: rows added meanwhile neither repeat nor hide others.

    The view names the order in `newest_by`: one unique field, like the default `("id",)`, or any field and then `id`.
    """

    page_size, most = 20, 100

    def paginate_queryset(self, queryset: QuerySet[Any], request: Request, view: Any = None) -> list[Any]:
        self._request, self._fields = request, tuple(getattr(view, "newest_by", ("id",)))
        limit = self._limit(request)
        if (cursor := request.query_params.get("cursor")) is not None:
            queryset = queryset.filter(self._after(queryset, cursor))
        rows = list(queryset.order_by(*(f"-{name}" for name in self._fields))[: limit + 1])
        self._last = rows[limit - 1] if len(rows) > limit else None
        return rows[:limit]

    def get_paginated_response(self, data: Any) -> Response:
        return Response({"results": data, "next": self._next()})

    def _limit(self, request: Request) -> int:
        given = request.query_params.get("limit", str(self.page_size))
        if not re.fullmatch(r"[0-9]{1,3}", given) or not 1 <= int(given) <= self.most:
            raise ValidationError({"limit": [_("Give a number from 1 to 100.")]})
        return int(given)

    def _next(self) -> str | None:
        if self._last is None:
            return None
        meta = self._last._meta
        return self._address([meta.get_field(name).value_to_string(self._last) for name in self._fields])

    def _address(self, seen: list[Any]) -> str:
        said = json.dumps(seen, separators=(",", ":"))
        cursor = base64.urlsafe_b64encode(said.encode()).decode().rstrip("=")
        return replace_query_param(self._request.build_absolute_uri(), "cursor", cursor)

    def _after(self, queryset: QuerySet[Any], cursor: str) -> Q:
        """What comes after the row the cursor remembers."""
        meta = queryset.model._meta
        try:
            pairs = zip(self._fields, _remembered(cursor), strict=True)
            seen = {name: meta.get_field(name).to_python(str(text)) for name, text in pairs}
            if None in seen.values():
                raise ValueError
        except (ValueError, TypeError, RecursionError, OverflowError, NotThatType):
            raise NotOurs from None
        first, *rest = self._fields
        if not rest:
            return Q(**{f"{first}__lt": seen[first]})
        # The first half bounds the index, the second drops what the last page showed already.
        return Q(**{f"{first}__lte": seen[first]}) & (Q(**{f"{first}__lt": seen[first]}) | Q(**{f"{rest[0]}__lt": seen[rest[0]]}))

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        limits = {"type": "integer", "minimum": 1, "maximum": self.most, "default": self.page_size}
        return [
            {"name": "cursor", "in": "query", "required": False, "schema": {"type": "string"}, "description": "From `next` of the page before; opaque."},
            {"name": "limit", "in": "query", "required": False, "schema": limits, "description": "Rows a page."},
        ]

    def get_paginated_response_schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        about, example = "The next page's address; null on the last.", "https://loyalty.example/api/v1/me/entries?cursor=WyIxMiJd"
        following = {"type": "string", "format": "uri", "nullable": True, "description": about, "example": example}
        return {"type": "object", "required": ["results", "next"], "properties": {"results": schema, "next": following}}


class AtHand(NewestFirst):
    """Pages of rows that are held in the process, in their own order."""

    def page(self, rows: Sequence[Row], *, place: Callable[[Row], tuple[Any, ...]], request: Request) -> Response:
        """`place` gives a row's place in the order: a tuple of whole numbers and texts that no other row has."""
        self._request, limit = request, self._limit(request)
        if (cursor := request.query_params.get("cursor")) is not None:
            try:
                seen = tuple(_remembered(cursor))
                rows = [row for row in rows if place(row) > seen]
            except (ValueError, TypeError, RecursionError):
                raise NotOurs from None
        self._last = list(place(rows[limit - 1])) if len(rows) > limit else None
        return self.get_paginated_response(list(rows[:limit]))

    def _next(self) -> str | None:
        return self._address(self._last) if self._last else None
