from collections.abc import Callable
from datetime import datetime
from itertools import count
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from accounts.activity import services as activity
from accounts.members.models import Member
from points.ledger import services as ledger
from points.proofs import services as proofs
from points.proofs.models import Proof, ProofTask
from points.rulebook import services as rulebook
from points.rulebook.rules import Band, Definition, Effect

PICTURE = "https://pictures.example.com/post.jpg"
_ids = count(1)


@pytest.fixture
def task(db) -> ProofTask:
    return ProofTask.objects.create(
        code="share-post",
        name_zh="发帖分享",
        name_en="Shared post",
        description_en="The post with our name in it.",
        grades=[{"zh": "合格", "en": "Good"}, {"zh": "优秀", "en": "Excellent"}],
    )


@pytest.fixture
def upload(member, now) -> Callable[..., Proof]:
    """What becomes of an upload, as the storefront tells it."""

    def make(task: str = "share-post", url: str = PICTURE, *, whose: Member = member, occurred_at: datetime = now, **more: Any) -> Proof:
        ledger.lock(member_id=whose.id)
        told = {"member_id": whose.id, "kind": proofs.KIND, "external_id": f"U-{next(_ids)}", "data": {"task": task, "url": url}}
        fact = activity.record_behaviour(**{**told, **more}, occurred_at=occurred_at, ours=False, now=now).behaviour
        return proofs.receive(member_id=whose.id, external_id=fact.external_id, now=now)

    return make


@pytest.fixture
def grades_give_points(db, now) -> None:
    """100 points a grade."""
    bands = (Band(1, 2, points=100), Band(2, 3, points=200))
    effect = Effect("bands", measure="grade", bands=bands)
    names = {"code": "proofs", "fact": "proof_reviewed", "name_zh": "凭证", "name_en": "Proofs"}
    draft = rulebook.make(**names, definition=Definition(effect=effect), actor="tests", now=now)
    rulebook.publish(version_id=draft.id, ever=True, actor="tests", now=now)


@pytest.fixture
def browser(db) -> Callable[..., Client]:
    """A browser in which an operator with these permissions besides seeing is logged in, reading English."""

    def enter(*codenames: str, name: str = "sample") -> Client:
        user = User.objects.create_user(name, is_staff=True)
        user.user_permissions.set(Permission.objects.filter(codename__in=("view_proof", "view_prooftask", *codenames)))
        client = Client(headers={"accept-language": "en"})
        client.force_login(user)
        return client

    return enter
