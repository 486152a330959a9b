from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client

from points.rulebook import services
from points.rulebook.models import RuleVersion
from points.rulebook.rules import ONE, Definition, Effect

DOUBLE = Definition(effect=Effect("multiplier", factor=2 * ONE))


@pytest.fixture
def draft(db, now) -> Callable[..., RuleVersion]:
    """A further version of a rule, made by anna; the rule with it where there is none of that code."""

    def make(definition: Definition = DOUBLE, *, code: str = "double", fact: str = "purchase", actor: str = "anna", **more: Any) -> RuleVersion:
        if RuleVersion.objects.filter(rule__code=code).exists():
            return services.draft(code=code, definition=definition, actor=actor, now=now, **more)
        return services.make(code=code, fact=fact, name_zh=f"规则{code}", name_en=f"Rule {code}", definition=definition, actor=actor, now=now, **more)

    return make


@pytest.fixture
def published(draft, now) -> Callable[..., RuleVersion]:
    """A version in force, from `at` on or for facts of any age."""

    def make(definition: Definition = DOUBLE, *, at: datetime | None = None, **more: Any) -> RuleVersion:
        version = draft(definition, **more)
        first = not version.rule.versions.exclude(id=version.id).exists()
        return services.publish(version_id=version.id, effective_from=at, ever=first and at is None, actor="anna", now=now)

    return make


@pytest.fixture
def browser(db) -> Callable[..., Client]:
    """A browser in which an operator of that role is logged in."""

    def enter(role: str = "marketer", *, name: str = "", language: str = "en") -> Client:
        user, made = User.objects.get_or_create(username=name or role, defaults={"is_staff": True})
        if made:
            user.groups.add(Group.objects.get(name=role))
        client = Client(headers={"accept-language": language})
        client.force_login(user)
        return client

    return enter
