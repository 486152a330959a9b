"""Texts of rows that are for good. Figures never change; a text changes while its member is being erased, and at no other time."""

from functools import reduce
from operator import or_

import pgtrigger


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
