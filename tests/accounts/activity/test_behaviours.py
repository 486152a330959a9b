"""Recording what members do besides buying: once where it counts once, and never under another content."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection
from django.utils import translation

from accounts.activity import rules, selectors, services
from accounts.activity.models import Behaviour, FactKind
from loyalty.lib.configuration import forget
from loyalty.programme.models import Programme

WHEN = datetime(2026, 3, 1, 4, tzinfo=UTC)
pytestmark = pytest.mark.django_db


@pytest.fixture
def record(member, now):
    def make(kind="liked", external_id="E1", data=None, occurred_at=WHEN, *, ours=False, member_id=member.id, **more):
        return services.record_behaviour(
            member_id=member_id, kind=kind, external_id=external_id, data={"subject": "P1"} if data is None else data,
            occurred_at=occurred_at, ours=ours, now=now, **more,
        )  # fmt: skip

    return make


def test_a_behaviour_is_kept_as_it_was_told(record, member, now):
    made, repeated = record("product_viewed", data={"sku": "MUG", "seconds": 200.0})
    kept = Behaviour.objects.get(id=made.id)
    assert not repeated
    assert (kept.member_id, kept.kind_id, kept.external_id, kept.occurred_at, kept.recorded_at) == (member.id, "product_viewed", "E1", WHEN, now)
    assert kept.data == kept.said == made.data == {"sku": "MUG", "seconds": 200}
    assert (kept.once_key, kept.digest, kept.withdrawn_at, kept.amended) == ("2026-03-01|MUG", made.digest, None, None)


def test_the_business_day_is_the_programmes_or_the_one_given(record):
    Programme.objects.create(zone="Asia/Shanghai")
    late = datetime(2026, 3, 1, 16, tzinfo=UTC)
    assert record(external_id="1", data={"subject": "1"}, occurred_at=late - timedelta(seconds=1))[0].local_date == date(2026, 3, 1)
    assert record(external_id="2", data={"subject": "2"}, occurred_at=late)[0].local_date == date(2026, 3, 2)
    assert record(external_id="3", data={"subject": "3"}, occurred_at=late, local_date=date(2026, 1, 1))[0].local_date == date(2026, 1, 1)


def test_the_same_message_again_is_answered_with_the_first(record):
    first, _repeated = record()
    again, repeated = record()
    assert repeated
    assert again == first
    assert Behaviour.objects.count() == 1


@pytest.mark.parametrize("other", [{"data": {"subject": "P2"}}, {"occurred_at": WHEN + timedelta(seconds=1)}])
def test_the_same_id_with_other_content_is_refused(record, refuses, other):
    record()
    with refuses(services.FactConflict):
        record(**other)
    assert Behaviour.objects.count() == 1


def test_ids_are_the_kinds_and_the_members_own(record, other_member):
    record()
    record("commented")
    record(member_id=other_member.id)
    assert Behaviour.objects.count() == 3


@pytest.mark.parametrize(
    ("kind", "first", "second", "passes"),
    [
        ("registered", {}, {}, False),
        ("liked", {"subject": "A"}, {"subject": "A"}, False),
        ("liked", {"subject": "A"}, {"subject": "B"}, True),
        ("share_clicked", {"subject": "A", "by": "x"}, {"subject": "A", "by": "y"}, True),
        ("share_clicked", {"subject": "A", "by": "x"}, {"subject": "A", "by": "x"}, False),
        ("reviewed", {"purchase": "1", "line": "1", "pictures": 0}, {"purchase": "1", "line": "1", "pictures": 3}, False),
        ("proof_uploaded", {"task": "A", "url": "u"}, {"task": "A", "url": "u"}, True),
        ("shared", {"subject": "A"}, {"subject": "A"}, False),
    ],
)
def test_what_counts_once_is_refused_the_second_time(record, refuses, kind, first, second, passes):
    record(kind, "1", first)
    if passes:
        record(kind, "2", second)
        return
    with refuses(services.FactRepeated) as refused:
        record(kind, "2", second, WHEN + timedelta(minutes=1))
    assert refused.value.figures == {"of": "1", "since": WHEN.isoformat()}


def test_what_counts_once_a_day_can_be_done_on_the_next(record, refuses):
    Programme.objects.create(zone="Asia/Shanghai")
    midnight = datetime(2026, 3, 1, 16, tzinfo=UTC)
    record("shared", "1", {"subject": "A"}, midnight - timedelta(seconds=1))
    record("shared", "2", {"subject": "A"}, midnight)
    with refuses(services.FactRepeated):
        record("shared", "3", {"subject": "A"}, midnight + timedelta(hours=23))


def test_an_unknown_kind_and_one_switched_off_are_refused(record, refuses):
    with refuses(services.FactKindUnknown) as refused:
        record("danced")
    assert refused.value.figures == {"kind": "danced"}
    FactKind.objects.filter(code="liked").update(active=False)
    forget(FactKind)
    with refuses(services.FactKindUnknown):
        record()


def test_what_is_ours_is_told_by_nobody_else(record, refuses):
    with refuses(services.FactKindOurs):
        record("checked_in", data={"streak": 1})
    assert not record("checked_in", data={"streak": 1}, ours=True).repeated


def test_data_that_does_not_fit_is_refused_with_a_sentence_for_each_field(record, refuses):
    with translation.override("en"), refuses(selectors.FactDataInvalid) as refused:
        record("review_featured", data={"grade": 4, "colour": "red"})
    fields = {"review": "This is missing.", "grade": "Give at most 3.", "colour": "This field is not known."}
    assert refused.value.figures == {"fields": fields}
    assert "grade: Give at most 3." in refused.value.message


def test_each_fault_has_its_sentence():
    words = {"least": 1, "most": 2, "choices": "a"}
    assert all(str(sentence) % words for sentence in selectors.DATA_SENTENCES.values())


def test_a_withdrawn_fact_keeps_its_id_and_what_it_counted_for(record, refuses, now):
    made, _repeated = record()
    services.withdraw_behaviour(behaviour=made, free_key=False, now=now)
    services.withdraw_behaviour(behaviour=made, free_key=False, now=now + timedelta(days=1))
    assert record().behaviour.withdrawn_at == now
    with refuses(services.FactRepeated):
        record(external_id="E2")


def test_a_withdrawn_fact_whose_key_is_freed_can_happen_again(record, now):
    made, _repeated = record()
    services.withdraw_behaviour(behaviour=made, free_key=True, now=now)
    again, repeated = record(external_id="E2")
    services.withdraw_behaviour(behaviour=again, free_key=True, now=now)
    assert not repeated
    assert record().behaviour == made


def test_an_amended_fact_says_both_and_its_first_message_is_still_a_replay(record, refuses, now):
    data = {"friend": "M-2", "amount_cents": 10_000, "purchase": "1"}
    made, _repeated = record("referral_completed", data=data, ours=True)
    services.amend_behaviour(behaviour=made, data={**data, "amount_cents": 5_000}, now=now)
    kept = Behaviour.objects.get(id=made.id)
    assert (kept.data, kept.said) == (data, {**data, "amount_cents": 5_000})
    assert record("referral_completed", data=data, ours=True).repeated
    with refuses(selectors.FactDataInvalid):
        services.amend_behaviour(behaviour=made, data={}, now=now)


def test_behaviours_are_listed_newest_first_and_counted_within_their_span(record, member, other_member, now):
    for minute in range(4):
        record(external_id=str(minute), data={"subject": str(minute)}, occurred_at=WHEN + timedelta(minutes=minute))
    record("commented", "x")
    record(member_id=other_member.id)
    assert [one.external_id for one in selectors.behaviours(member_id=member.id, kind="liked")] == ["3", "2", "1", "0"]
    assert selectors.behaviours(member_id=member.id).count() == 5
    span = {"member_id": member.id, "kind": "liked", "since": WHEN, "until": WHEN + timedelta(minutes=3)}
    assert selectors.count_behaviours(**span) == 3
    services.withdraw_behaviour(behaviour=selectors.behaviour(member_id=member.id, kind="liked", external_id="0"), free_key=False, now=now)
    assert selectors.count_behaviours(**span) == 2


def test_recording_takes_one_statement(record, django_assert_num_queries):
    selectors.fact_kinds()
    Programme.current()
    with django_assert_num_queries(1):
        record()


def test_the_database_itself_holds_a_fact_to_its_key(record):
    with connection.cursor() as cursor:
        cursor.execute("SELECT indexdef FROM pg_indexes WHERE tablename = 'accounts_behaviour' AND indexdef LIKE '%%UNIQUE%%'")
        unique = [row[0].partition("(")[2] for row in cursor.fetchall()]
    assert {"member_id, kind_id, external_id)", "member_id, kind_id, once_key)"} <= set(unique)


def test_every_built_in_kind_can_work():
    kinds = FactKind.objects.filter(built_in=True)
    assert {kind.code for kind in kinds if kind.ours} == {
        "checked_in", "streak_reached", "birthday", "referred", "referral_completed", "mission_completed", "proof_reviewed", "board_placed",
        "tier_reached", "allowance",
    }  # fmt: skip
    assert kinds.count() == 25
    for kind in kinds:
        assert rules.faults_of_kind(once=kind.once, subject=kind.subject, fields=kind.shape) == [], kind.code
        kind.full_clean(validate_unique=False)
