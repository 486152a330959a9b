"""Whatever is kept of members: each text, JSON and date says what becomes of it in an erasure, and each table is part of the copy."""

import pytest
from django.apps import apps
from django.contrib.postgres.fields import ArrayField
from django.db import models

from accounts.leaving import services as leaving
from accounts.members import services as members
from accounts.members.models import Member

TOLD = (models.CharField, models.TextField, models.JSONField, models.DateField, models.BinaryField, models.GenericIPAddressField, ArrayField)
# When something happened says nothing about anybody by itself: a column of this type with one of these names stays.
MOMENTS = {
    "active_at", "added_at", "answered_at", "asked_at", "at", "available_at", "blocked_at", "changed_at", "claim_until", "claimed_at", "closed_at",
    "completed_at", "counts_since", "counts_until", "created_at", "decided_at", "delivered_at", "done_at", "due", "due_at", "earned_at", "ended_at",
    "ends_at", "expires_at", "floor_until", "found_at", "given_back_at", "gone_at", "granted_at", "handed_at", "handed_over_at", "issued_at", "lifted_at",
    "made_at", "matures_at", "occurred_at", "pay_until", "read_at", "recorded_at", "registered_at", "requested_at", "said_at", "seen_at",
    "settled_at", "since", "slept_at", "sprint_from", "started_at", "starts_at", "told_at", "turned_at", "until", "uploaded_at", "used_at",
    "voided_at", "withdrawn_at", "woke_at", "won_at",
}  # fmt: skip
# Below the apps: their verbs are called by name in an erasure.
BY_VERBS = {"loyalty.AnsweredRequest", "loyalty.OutboxRow"}
# What nobody needs a copy of: what only counts or guards, files of copies themselves, operators' trials.
NOT_IN_THE_COPY = {
    "accounts.Attempt", "accounts.Copy", "accounts.Erasure", "accounts.MarketingDay", "accounts.PurchaseNumber", "points.Allocation",
    "mall.VoucherAttempt",
    "loyalty.WebhookAttempt", "points.Finding", "points.SimulatedMember",
}  # fmt: skip


def whose(model):
    """The columns that name a member."""
    return [field.name for field in model._meta.concrete_fields if field.related_model is Member or field.name == "member_id"]


OWNED = [model for model in apps.get_models() if not model._meta.proxy and model is not Member and whose(model) and model._meta.label not in BY_VERBS]


def told(model):
    """What a row of it says in words, JSON or dates: not what is one of our choices, nor when something happened."""
    for field in model._meta.concrete_fields:
        is_moment = isinstance(field, models.DateTimeField) and field.name in MOMENTS
        if isinstance(field, TOLD) and not field.choices and not field.is_relation and not is_moment:
            yield field.name


def test_there_is_something_to_look_at():
    assert len(OWNED) >= 30
    assert len(leaving.PORTABLE) >= 25


@pytest.mark.parametrize("model", OWNED, ids=lambda model: model._meta.label)
def test_every_text_of_what_a_member_owns_says_what_becomes_of_it_in_an_erasure(model):
    kept = leaving.KEPT.get(model._meta.label)
    if kept is not None and kept.deleted:
        return
    missing = set(told(model)) - (kept.named if kept else set())
    assert not missing, f"say in {model._meta.app_label}/personal.py what becomes of {sorted(missing)} of {model._meta.label}"


@pytest.mark.parametrize("label", sorted(leaving.KEPT))
def test_what_is_declared_is_there(label):
    kept, model = leaving.KEPT[label], apps.get_model(label)
    fields = {field.name for field in model._meta.concrete_fields}
    assert kept.named <= fields
    assert set(kept.members) <= fields


@pytest.mark.parametrize("model", OWNED, ids=lambda model: model._meta.label)
def test_everything_a_member_owns_is_in_the_copy(model):
    assert model._meta.label in NOT_IN_THE_COPY | {part.model for part in leaving.PORTABLE.values()}


def test_everything_of_a_members_own_row_is_cleared_or_a_moment():
    cleared = {"external_id", *members.PROFILE}
    assert set(told(Member)) - cleared == set()


def test_no_member_owned_table_keeps_a_history_beside_it():
    """A history would keep what was cleared: where one is added, it must be declared as well."""
    assert [model._meta.label for model in OWNED if model.__name__.startswith("Historical") and model._meta.label not in leaving.KEPT] == []
