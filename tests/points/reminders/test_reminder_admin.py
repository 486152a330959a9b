import pytest
from django.urls import reverse
from django.utils import timezone

from loyalty.audit import services as audit
from loyalty.audit.models import AuditEntry
from points.reminders import selectors
from points.reminders.models import ReminderPass, ReminderTerms

FORM = {"days": "30,7", "after_expiry": "on", "minimum_points": "1", "hour": "9", "announce_days": "7"}


@pytest.fixture
def settings_page(client, operator):
    operator("view_reminderterms", "change_reminderterms")
    return reverse("admin:points_reminderterms_change", args=[ReminderTerms.objects.create().pk])


def test_the_page_says_how_many_members_and_points_would_be_told_today(client, world, settings_page):
    world.now = timezone.now()
    world.earn(1234, 7)
    world.earn(5, 200)
    text = client.get(settings_page).content.decode()

    assert "1 member has to be told today, and was not yet: 1,234 points in 1 lots." in text


def test_the_page_shows_what_the_last_passes_did(client, world, settings_page, now):
    ReminderPass.objects.create(day=now.date(), started_at=now, expired_from=now, expired_until=now, members=4321)
    assert "4,321" in client.get(settings_page).content.decode()


def test_a_count_that_takes_too_long_is_given_up(client, world, settings_page, monkeypatch):
    def slow(**_asked):
        raise audit.DatabaseError

    monkeypatch.setattr(selectors, "how_many", slow)
    assert "too much to be counted" in client.get(settings_page).content.decode()


def test_what_is_set_is_saved_and_kept_in_the_audit_trail(client, world, settings_page):
    assert client.post(settings_page, {**FORM, "must_announce": "on"}).status_code == 302

    terms = ReminderTerms.objects.get()
    assert (terms.days, terms.hour, terms.must_announce) == ([30, 7], 9, True)
    assert terms.steps == [30, 7]
    assert terms.must_announce_since is not None
    assert AuditEntry.objects.get().figures["must_announce"] == "True"
    assert ReminderTerms.history.count() == 2


@pytest.mark.parametrize(
    ("days", "said"), [("7,30", "Write them descending"), ("7,7", "Write them descending"), ("400,7", "1 to 365 days ahead"), ("0", "1 to 365 days ahead")]
)
def test_days_that_make_no_sense_are_refused_with_a_sentence(client, world, settings_page, days, said):
    answer = client.post(settings_page, {**FORM, "days": days})
    assert answer.status_code == 200
    assert said in answer.content.decode()


def test_what_a_member_was_told_is_found_by_their_id(client, world, operator):
    operator("view_expirynotice")
    world.now = timezone.now()
    world.earn(55, 7, "A")
    world.earn(66, 7, "B")
    ReminderTerms.objects.create(hour=0)
    ReminderTerms._held.clear()
    world.remind()
    text = client.get(reverse("admin:points_expirynotice_changelist"), {"q": "A"}).content.decode()

    assert "55" in text
    assert "at the step of 7 days ahead" in text
    assert ">66<" not in text
