"""Taking what names a member out of rows that stay. Figures never change; texts of rows that are for good change only in an erasure."""

import re
from collections.abc import Collection, Mapping
from functools import reduce
from operator import or_

import pgtrigger
from django.db import connection, models


def only_redacted(name: str, *fields: str) -> pgtrigger.Trigger:
    """A trigger that lets these fields change only in the transaction in which an erasure is under way, which is on record for good.

    The database asks `accounts_erasing()` (accounts, migration 0018): nobody else ever sees an erasure that is under way.
    """
    changed = reduce(or_, (pgtrigger.Q(**{f"old__{field}__df": pgtrigger.F(f"new__{field}")}) for field in fields))
    return pgtrigger.Trigger(
        name=name,
        when=pgtrigger.Before,
        operation=pgtrigger.Update,
        condition=changed,
        func="IF NOT accounts_erasing() THEN RAISE EXCEPTION 'Texts of % change only while a member is erased', TG_TABLE_NAME; END IF; RETURN NEW;",
    )


def replace(
    model: type[models.Model], *fields: str, names: Collection[str], token: str, where: str = "true", values: Mapping[str, object] | None = None
) -> int:
    """Put `token` in the place of each of the names wherever they stand in these fields of the rows; in how many rows.

    In JSON a name is a whole string, or a whole part between slashes of one: a number that reads the same is none. In a text it stands by
    itself; one of digits alone only after a slash, as what is counted is no name. Reads all rows that `where` leaves.
    """
    if not names:
        return 0
    sets, finds, given = [], [], {}
    for number, field in enumerate(model._meta.get_field(name) for name in fields):
        cast = "::jsonb" if isinstance(field, models.JSONField) else ""
        is_json = bool(cast) or getattr(field, "holds_json", False)
        column = f"{field.column}::text" if cast else field.column
        given[f"pattern{number}"] = json_pattern(names) if is_json else text_pattern(names)
        replaced = f"regexp_replace({column}, %(pattern{number})s, '\\1' || %(token)s, 'g')"
        sets.append(f"{field.column} = {replaced}{cast}")
        finds.append(f"{column} ~ %(pattern{number})s")
    sql = f"UPDATE {model._meta.db_table} SET {', '.join(sets)} WHERE ({where}) AND ({' OR '.join(finds)})"  # noqa: S608 (our own names)
    with connection.cursor() as cursor:
        cursor.execute(sql, {**given, "token": token, **(values or {})})
        return cursor.rowcount


def json_pattern(names: Collection[str]) -> str:
    return '(["/])(?:' + _any(names) + ')(?=["/])'


def text_pattern(names: Collection[str]) -> str:
    words, numbers = ([name for name in names if name.isdigit() is digits] for digits in (False, True))
    ways = [*([f"(?:{_any(words)})"] if words else []), *([f"(?<=/)(?:{_any(numbers)})"] if numbers else [])]
    return f"(^|[^[:alnum:]_])(?:{'|'.join(ways)})(?![[:alnum:]_])"


def _any(names: Collection[str]) -> str:
    return "|".join(re.sub(r"([^\w])", r"\\\1", name) for name in sorted(names, key=len, reverse=True))
