"""What the API reads, strictly: what is not exactly understood is refused, so that a storefront's bug is found on its first day."""

import json
import math
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import IO, Any, NoReturn

from babel.numbers import list_currencies
from django.utils.translation import get_supported_language_variant, gettext
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ParseError
from rest_framework.parsers import BaseParser

# Far above any real amount and far below what a sum of many could push out of a 64-bit column.
MOST = 10**12
DEPTH = 32


class StrictJSONParser(BaseParser):
    """JSON in UTF-8, no larger than DATA_UPLOAD_MAX_MEMORY_SIZE, no deeper than 32 levels.

    Refused: the same key twice in one object, NaN and infinities, numbers a float cannot hold, NUL characters and halves of
    surrogate pairs (PostgreSQL stores neither).
    """

    media_type = "application/json"

    def parse(self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> Any:
        # Not the stream: only `body` knows the limit, and it can be read again.
        body: bytes = (parser_context or {})["request"].body
        try:
            data = json.loads(body.decode("utf-8"), object_pairs_hook=_once, parse_constant=_no_constant, parse_float=_finite)
            _check(data, DEPTH)
        except (ValueError, RecursionError) as error:
            raise ParseError(_("The body is not JSON that we accept: %(reason)s") % {"reason": _reason(error)}) from error
        return data


def _reason(error: Exception) -> str:
    if isinstance(error, UnicodeError):
        return gettext("not UTF-8")
    if isinstance(error, json.JSONDecodeError):
        return gettext("it breaks off, or goes wrong, at line %(line)s, column %(column)s") % {"line": error.lineno, "column": error.colno}
    return gettext("nested too deeply") if isinstance(error, RecursionError) else str(error)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError(gettext("the same key twice in one object"))
    return found


def _no_constant(name: str) -> NoReturn:
    raise ValueError(gettext("%(name)s is not a JSON number") % {"name": name})


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError(gettext("a number out of range"))
    return number


def _check(value: Any, depth: int) -> None:
    if isinstance(value, str):
        if "\0" in value:
            raise ValueError(gettext("a NUL character"))
        if not value.isascii():
            value.encode()
    elif isinstance(value, dict | list):
        if not depth:
            raise RecursionError
        if isinstance(value, dict):
            for name, inner in value.items():
                _check(name, depth)
                _check(inner, depth - 1)
        else:
            for inner in value:
                _check(inner, depth - 1)


class StrictSerializer(serializers.Serializer[Any]):
    """A serializer that refuses fields it does not know. Serializers nested in it must be strict themselves."""

    default_error_messages = {"invalid": _("Give an object: fields and their values, in braces.")}

    def to_internal_value(self, data: Any) -> Any:
        errors: dict[str, Any] = {}
        if isinstance(data, Mapping):
            known = {field.field_name for field in self._writable_fields}
            errors = {str(name): [ErrorDetail(_("This field is not known."), code="unknown")] for name in data if name not in known}
        try:
            value = super().to_internal_value(data)
        except serializers.ValidationError as error:
            raise serializers.ValidationError({**errors, **error.detail} if errors else error.detail) from error
        if errors:
            raise serializers.ValidationError(errors)
        return value


class WholeNumberField(serializers.IntegerField):
    """A JSON integer: no string, no fraction, no truth value."""

    default_error_messages = {"invalid": _("Give a whole number.")}

    def __init__(self, *, min_value: int = 0, max_value: int = MOST, **kwargs: Any) -> None:
        super().__init__(min_value=min_value, max_value=max_value, **kwargs)

    def to_internal_value(self, data: Any) -> int:
        if type(data) is not int:
            self.fail("invalid")
        return data


class PointsField(WholeNumberField):
    """A number of points, one at least unless said otherwise."""

    def __init__(self, *, min_value: int = 1, **kwargs: Any) -> None:
        super().__init__(min_value=min_value, **kwargs)


class CentsField(WholeNumberField):
    """Money in the currency's minor unit; below zero only where `signed`."""

    def __init__(self, *, signed: bool = False, **kwargs: Any) -> None:
        super().__init__(min_value=-MOST if signed else 0, **kwargs)


class YesNoField(serializers.BooleanField):
    """A JSON truth value: no word, no number."""

    default_error_messages = {"invalid": _("Give true or false.")}

    def to_internal_value(self, data: Any) -> bool:
        if type(data) is not bool:
            self.fail("invalid")
        return data


class TextField(serializers.CharField):
    """A JSON string of one line."""

    default_error_messages = {"invalid": _("Give a text."), "control": _("Control characters and line breaks are not allowed.")}

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        text: str = super().to_internal_value(data)
        if re.search(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]", text):
            self.fail("control")
        return text


_VISIBLE = r"[^\s/\x00-\x1f\x7f-\x9f\xad\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufeff\ufff0-\uffff]"
ID_PATTERN = rf"{_VISIBLE}(?:(?:{_VISIBLE}| )*{_VISIBLE})?"


@extend_schema_field({"type": "string", "minLength": 1, "maxLength": 64, "pattern": f"^{ID_PATTERN}$"})
class IdField(serializers.CharField):
    """An id that the storefront made: 1 to 64 visible characters, blanks only inside, no slash (it stands in addresses)."""

    default_error_messages = {
        "invalid": _("Give an id of 1 to 64 visible characters, as a text: no slash, no control characters, no blanks at either end."),
    }

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(trim_whitespace=False, **kwargs)

    def run_validation(self, data: Any = serializers.empty) -> Any:
        if data == "":
            self.fail("invalid")
        return super().run_validation(data)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str) or len(data) > 64 or data in (".", "..") or not re.fullmatch(ID_PATTERN, data):
            self.fail("invalid")
        return data


def id_in_address(name: str, value: str) -> str:
    """An id of the storefront's that stood in an address, checked as it would be in a body. `name` is what the problem calls it."""
    try:
        return str(IdField().run_validation(value))
    except serializers.ValidationError as error:
        raise serializers.ValidationError({name: error.detail}) from error


class MomentField(serializers.DateTimeField):
    """An instant, ISO 8601 with its offset (2026-03-01T12:00:00+08:00), from 1970 through 9998. Given out in UTC."""

    default_error_messages = {
        "invalid": _("Give a date and time with its offset, like 2026-03-01T12:00:00+08:00."),
        "range": _("Give a time between the years 1970 and 9998."),
    }
    _written = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})")

    def to_internal_value(self, data: Any) -> datetime:
        if not isinstance(data, str) or not self._written.fullmatch(data):
            self.fail("invalid")
        try:
            moment = datetime.fromisoformat(data.upper())
        except ValueError:
            self.fail("invalid")
        try:
            moment = moment.astimezone(UTC)
        except OverflowError:
            self.fail("range")
        if not 1970 <= moment.year <= 9998:
            self.fail("range")
        return moment

    def to_representation(self, value: datetime) -> str:
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


class DayField(serializers.DateField):
    """A calendar day, YYYY-MM-DD, from 1900 through 9998."""

    default_error_messages = {"invalid": _("Give a day like 1990-05-17.")}

    def to_internal_value(self, data: Any) -> date:
        if not isinstance(data, str) or not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", data):
            self.fail("invalid")
        try:
            day = date.fromisoformat(data)
        except ValueError:
            self.fail("invalid")
        if not 1900 <= day.year <= 9998:
            self.fail("invalid")
        return day


class LanguageField(TextField):
    """A language tag, kept as the language of ours that serves it: zh-CN is kept as zh-hans."""

    default_error_messages = {"unsupported": _("“%(tag)s” is none of the languages we speak.")}

    def to_internal_value(self, data: Any) -> str:
        tag = super().to_internal_value(data)
        try:
            return get_supported_language_variant(tag.lower())
        except LookupError:
            raise serializers.ValidationError(self.error_messages["unsupported"] % {"tag": tag}, code="unsupported") from None


_CURRENCIES = frozenset(list_currencies())


@extend_schema_field({"type": "string", "pattern": "^[A-Z]{3}$", "example": "CNY", "description": "ISO 4217"})
class CurrencyField(serializers.CharField):
    """An ISO 4217 code in capitals."""

    default_error_messages = {"invalid": _("Give an ISO 4217 currency like CNY.")}

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str) or data not in _CURRENCIES:
            self.fail("invalid")
        return data


__all__ = [
    "CentsField", "CurrencyField", "DayField", "IdField", "LanguageField", "MomentField", "PointsField",
    "StrictJSONParser", "StrictSerializer", "TextField", "WholeNumberField", "YesNoField", "id_in_address",
]  # fmt: skip
