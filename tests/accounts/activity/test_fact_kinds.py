"""Kinds of facts: what operators may make of them, and what those that came with the programme keep."""

import pytest
from django.utils import translation

from accounts.activity import selectors, services
from accounts.activity.models import FactKind
from loyalty.audit.models import AuditEntry

pytestmark = pytest.mark.django_db
PHOTO = {"name": "photo", "type": "text", "required": True}


@pytest.fixture
def kind():
    return FactKind(code="photo_shared", name_zh="晒图", name_en="Photo shared", once="subject", subject=["photo"], fields=[PHOTO])


@pytest.fixture
def keep(now):
    return lambda kind: services.keep_kind(kind=kind, actor="sample", now=now)


@pytest.fixture
def tell(member, now):
    return lambda **data: services.record_behaviour(
        member_id=member.id, kind="photo_shared", external_id="E", data=data, occurred_at=now, ours=False, now=now
    )  # fmt: skip


def test_a_new_kind_is_accepted_from_the_moment_it_is_kept(kind, keep, tell):
    assert "photo_shared" not in selectors.fact_kinds()
    keep(kind)
    assert tell(photo="P1").behaviour.once_key == "P1"
    told = AuditEntry.objects.get()
    assert (told.verb, told.subject, told.actor, told.figures["fields"]) == ("fact_kind.kept", "fact_kind/photo_shared", "sample", [PHOTO])


def test_a_kind_that_cannot_work_is_refused_with_a_sentence_for_each_fault(kind, keep, refuses):
    kind.fields = [PHOTO, {"name": "In", "type": "text", "required": False}]
    kind.subject = []
    with translation.override("en"), refuses(services.FactKindInvalid) as refused:
        keep(kind)
    assert [name for name, _sentence in refused.value.figures["faults"]] == ["In", ""]
    assert "In: Small letters" in refused.value.message
    assert not FactKind.objects.filter(code="photo_shared").exists()


def test_every_fault_of_a_kind_has_its_sentence():
    assert all(str(sentence) % {"name": "x"} for sentence in selectors.KIND_SENTENCES.values())


def test_a_code_is_taken_once(kind, keep, refuses):
    keep(kind)
    with refuses(services.FactKindTaken):
        keep(FactKind(code="photo_shared", name_zh="另", name_en="Another"))
    with refuses(services.FactKindTaken):
        keep(FactKind(code="liked", name_zh="另", name_en="Another"))


@pytest.mark.parametrize("word", ["purchase", "purchases", "behaviours", "everything"])
def test_no_kind_is_called_like_what_means_something_else(word, keep, refuses):
    with refuses(services.FactKindTaken):
        keep(FactKind(code=word, name_zh="另", name_en="Another"))


def test_a_kind_of_which_nothing_was_told_may_become_another(kind, keep):
    keep(kind)
    kind.fields, kind.subject, kind.once = [], [], "day"
    keep(kind)
    assert FactKind.objects.get(code="photo_shared").once == "day"


@pytest.mark.parametrize(
    ("change", "passes"),
    [
        ({"fields": [PHOTO, {"name": "likes", "type": "number", "required": False}]}, True),
        ({"fields": [{**PHOTO, "help": "Its id.", "choices": ["a", "b"]}]}, True),
        ({"name_en": "Picture shared", "active": False}, True),
        ({"fields": [], "once": "each", "subject": []}, False),
        ({"fields": [{"name": "photo", "type": "number", "required": True}]}, False),
        ({"once": "subject_day"}, False),
        ({"fields": [PHOTO, {"name": "by", "type": "text", "required": True}], "subject": ["photo", "by"]}, False),
    ],
)
def test_once_facts_were_told_fields_may_come_but_none_goes(kind, keep, tell, refuses, change, passes):
    keep(kind)
    tell(photo="P1")
    changed = FactKind.objects.get(code="photo_shared")
    for name, value in change.items():
        setattr(changed, name, value)
    if passes:
        keep(changed)
        return
    with refuses(services.FactKindInvalid):
        keep(changed)


@pytest.mark.parametrize(
    ("code", "change", "passes"),
    [
        ("liked", {"name_en": "Thumbs up"}, True),
        ("liked", {"active": False}, True),
        ("liked", {"once": "each", "subject": []}, False),
        ("liked", {"fields": []}, False),
        ("registered", {"active": False}, False),
        ("checked_in", {"active": False}, False),
        ("checked_in", {"name_zh": "打卡"}, True),
    ],
)
def test_a_built_in_kind_keeps_what_the_programme_relies_on(keep, refuses, code, change, passes):
    kind = FactKind.objects.get(code=code)
    for name, value in change.items():
        setattr(kind, name, value)
    if passes:
        keep(kind)
        return
    with refuses(services.FactKindFixed):
        keep(kind)


def test_names_are_in_the_readers_language(kind):
    with translation.override("zh-hans"):
        assert str(kind) == "晒图 (photo_shared)"
    with translation.override("en"):
        assert str(kind) == "Photo shared (photo_shared)"


@pytest.mark.parametrize("kind", ["registered", "reviewed", "board_placed"])
def test_built_in_kinds_explain_themselves_in_both_languages(kind):
    row = FactKind.objects.get(code=kind)
    with translation.override("en"):
        assert row.explained == row.description
    with translation.override("zh-hans"):
        assert row.explained != row.description
        assert not row.explained.isascii()


def test_a_kind_without_a_description_says_nothing_of_itself(kind):
    assert kind.explained == ""
