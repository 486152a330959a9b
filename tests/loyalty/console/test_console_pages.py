"""The overview, a member's page, the books: what they show, to whom, and with how many queries."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.members import services as members
from loyalty.audit.models import AuditEntry, JobRun
from loyalty.lib.localtime import local_date
from loyalty.outbox.models import OutboxRow
from loyalty.programme.models import Programme
from points.adjustments import services as adjustments
from points.cards import services as cards
from points.cards.models import CardKind
from points.checkin import services as checkin
from points.earning import services as earning
from points.ledger import selectors as books
from points.ledger import services as ledger
from points.ledger.models import Account, Entry, Hold, Lot
from points.missions import services as missions
from points.missions.rules import Step
from points.rulebook import services as rulebook
from points.rulebook.rules import Definition, Effect
from points.terms.rules import NEVER
from points.totals import services as totals
from points.totals.models import DayTotals

pytestmark = pytest.mark.django_db


def text(answer) -> str:
    assert answer.status_code == 200, answer.status_code
    return answer.content.decode()


def page_of(member, what: str = "change") -> str:
    return reverse(f"admin:accounts_member_{what}", args=[member.id])


def queries(client, url: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        text(client.get(url))
    return len(captured)


def more_entries(member, count: int, now) -> None:
    for _n in range(count):
        ledger.earn(member_id=member.id, points=10, source="campaign", policy=NEVER, occurred_at=now, actor="tests", key=str(uuid4()), now=now)


class TestOverview:
    def test_what_waits_and_what_is_broken_stands_first(self, browser, history, member, operator, now):
        adjustments.request(member_id=member.id, points=5, reason="sample", operator_id=operator(name="maker").pk, key=uuid4(), now=now)
        JobRun.objects.create(job="points.totals", status="failed", started_at=now, heartbeat_at=now, finished_at=now)
        OutboxRow.objects.create(subscriber="s", topic="t", payload={}, status="failed", created_at=now, due_at=now)
        found = {item.title: item.count for item in browser("administrator").get("/admin/").context["attention"] if item.count != "!"}
        assert found == {
            "Adjustments that wait for a second person": "1",
            "Refunds parked for an operator": "1",
            "Refunds that wait for their purchase": "1",
            "Events that could not be delivered": "1",
            "Jobs whose last run failed": "1",
        }

    def test_a_role_is_told_only_of_what_it_may_see(self, browser, now):
        OutboxRow.objects.create(subscriber="s", topic="t", payload={}, status="failed", created_at=now, due_at=now)
        assert not browser("viewer").get("/admin/").context["attention"]

    def test_more_than_a_hundred_are_not_counted(self, browser, member, operator, now):
        maker = operator(name="maker").pk
        for _n in range(101):
            adjustments.request(member_id=member.id, points=1, reason="sample", operator_id=maker, key=uuid4(), now=now)
        assert browser("viewer").get("/admin/").context["attention"][0].count == "100+"

    def test_figures_come_from_the_totals_and_not_from_the_books(self, browser, history, now):
        totals.refresh(now=now)
        with CaptureQueriesContext(connection) as captured:
            page = text(browser("viewer").get("/admin/"))
        assert "<rect" in page
        assert not [one["sql"] for one in captured if "points_entry" in one["sql"] or "points_account" in one["sql"]]

    def test_without_totals_the_page_says_that_they_are_being_put_together(self, browser):
        assert "being put together" in text(browser("viewer").get("/admin/"))

    def test_it_takes_as_many_queries_with_more_history(self, browser, history, member, now):
        totals.refresh(now=now)
        client = browser("administrator")
        text(client.get("/admin/"))
        before = queries(client, "/admin/")
        more_entries(member, 30, now)
        assert queries(client, "/admin/") == before <= 50


class TestTotals:
    def test_the_rows_say_what_the_entries_say(self, history, now):
        totals.refresh(now=now)
        today = DayTotals.objects.get(day=local_date(now, Programme().zone_at(now)))
        sums = {name: sum(Account.objects.values_list(name, flat=True)) for name in ("available", "held", "pending", "debt")}
        assert {name: getattr(today, name) for name in sums} == sums
        earned = sum(Entry.objects.filter(kind="earn").values_list("points", flat=True))
        assert sum(DayTotals.objects.values_list("earned", flat=True)) == earned

    def test_a_day_that_is_complete_is_not_read_again(self, history, now):
        assert totals.refresh(now=now) == 14
        assert totals.refresh(now=now) == 1

    def test_what_is_booked_into_a_day_gone_by_is_in_its_row_after_the_night(self, member, now):
        totals.refresh(now=now)
        earlier = now - timedelta(days=3)
        more_entries(member, 1, earlier)
        assert not sum(DayTotals.objects.values_list("earned", flat=True))
        assert totals.refresh(again=True, now=now) == 14
        assert sum(DayTotals.objects.values_list("earned", flat=True)) == 10

    def test_yesterday_is_finished_by_the_first_run_of_today(self, history, now):
        totals.refresh(now=now)
        assert totals.refresh(now=now + timedelta(days=1)) == 2


@pytest.fixture
def busy(member, now):
    """The sample member checks in, shares and comments, which begins a mission and brings something to claim; `busy(2, 3)`: more of it."""
    CardKind.objects.create(code="double", name_zh="翻倍卡", name_en="Double points", use="multiplier", factor_percent=200)
    names = {"kind": "achievement", "name_zh": "任务", "name_en": "Sample mission", "points": 5}
    missions.publish(mission_id=missions.create(code="m", steps=[Step("commented", 5)], **names, actor="tests", now=now).id, actor="tests", now=now)
    said = Definition(effect=Effect("fixed", points=5), claim_days=7)
    version = rulebook.make(code="c", fact="commented", name_zh="规则", name_en="Rule commented", definition=said, actor="tests", now=now)
    rulebook.publish(version_id=version.id, ever=True, actor="tests", now=now)
    checkin.check_in(member_id=member.id, actor="tests", now=now)

    def do(*numbers):
        for number in numbers:
            cards.grant(member_id=member.id, kind="double", actor="tests", key=str(number), now=now)
            about = {"member_id": member.id, "kind": "commented", "external_id": str(number), "occurred_at": now, "actor": "tests", "now": now}
            earning.take(**about, data={"subject": str(number)})

    do(0)
    cards.grant(member_id=member.id, kind="double", actor="tests", key="another", now=now)
    return do


class TestMemberPage:
    def test_it_shows_balance_expiries_entries_lots_holds_and_purchases(self, browser, history, member, now):
        page = text(browser("viewer").get(page_of(member)))
        balance = books.balance(member_id=member.id, now=now)
        for shown in (f"{balance.available:,}", "checkout/1", "redemption/1", "P-0", "R-3", "campaign", "Open holds"):
            assert shown in page

    def test_an_operator_sees_only_the_sections_of_what_they_may_view(self, browser, history, member, operator):
        from django.contrib.auth.models import Permission

        user = operator(name="curious")
        user.user_permissions.add(Permission.objects.get(codename="view_member"))
        page = text(browser(name="curious").get(page_of(member)))
        assert "M-1" in page
        for hidden in ("redemption/1", "P-0", "Available", "Freeze points", "Adjust points"):
            assert hidden not in page

    def test_it_takes_as_many_queries_with_more_history(self, browser, history, member, now):
        client = browser("service")
        text(client.get(page_of(member)))
        before = queries(client, page_of(member))
        more_entries(member, 40, now)
        assert queries(client, page_of(member)) == before <= 40

    def test_it_shows_what_they_are_at_in_as_many_queries_however_much_it_is(self, browser, busy, member, now):
        client = browser("service")
        page = text(client.get(page_of(member)))
        for shown in ("1 day in a row", "Sample mission", "1/5", "Double points", "× 2", "Rule commented: 5 pts"):
            assert shown in page
        before = queries(client, page_of(member))
        busy(*range(2, 12))
        assert queries(client, page_of(member)) == before <= 40
        assert "× 12" in text(client.get(page_of(member)))

    def test_whoever_is_at_nothing_is_said_to_have_checked_in_neither_today_nor_yesterday(self, browser, member):
        page = text(browser("viewer").get(page_of(member)))
        assert "neither today nor yesterday" in page
        assert "missions begun" not in page

    def test_each_entry_leads_to_why_it_is_what_it_is(self, browser, history, member):
        page = text(browser("viewer").get(page_of(member)))
        for entry in Entry.objects.filter(member=member):
            assert reverse("admin:points_decision_explain", args=[entry.id]) in page

    @pytest.mark.parametrize("term", ["M-1", "M-", "13800001234", "Sample@Example.com"])
    def test_a_member_is_found_by_id_its_beginning_phone_and_mail(self, browser, member, now, term):
        members.register(external_id="M-1", phone="13800001234", email="sample@example.com", now=now)
        found = browser("viewer").get(reverse("admin:accounts_member_changelist"), {"q": term}).context["cl"].result_list
        assert member.id in [row.id for row in found]

    def test_a_part_of_a_phone_number_finds_nobody(self, browser, member, now):
        members.register(external_id="M-1", phone="13800001234", now=now)
        assert not browser("viewer").get(reverse("admin:accounts_member_changelist"), {"q": "1380000"}).context["cl"].result_list

    def test_an_unknown_member_leads_back(self, browser):
        assert browser("viewer").get(reverse("admin:accounts_member_change", args=[uuid4()])).status_code == 302

    def test_the_page_speaks_chinese(self, browser, history, member):
        page = text(browser("viewer", language="zh-hans").get(page_of(member)))
        for word in ("可用", "冻结", "待入账", "欠分", "批次", "流水"):
            assert word in page


class TestSteeringAMember:
    def test_freezing_asks_first_then_freezes_with_the_reason(self, browser, member):
        client = browser("service")
        assert "can no longer use points" in text(client.get(page_of(member, "freeze")))
        assert not Account.objects.filter(frozen=True).exists()
        assert client.post(page_of(member, "freeze"), {"reason": "card stolen"}).status_code == 302
        assert Account.objects.get(member=member).frozen
        assert Entry.objects.get(kind="freeze").reason == "card stolen"

    def test_without_a_reason_nothing_happens(self, browser, member):
        assert "required" in text(browser("service").post(page_of(member, "freeze"), {"reason": ""}))
        assert not Account.objects.filter(frozen=True).exists()

    def test_freezing_twice_is_refused_with_a_sentence_on_the_page(self, browser, member):
        client = browser("service")
        client.post(page_of(member, "freeze"), {"reason": "sample"})
        assert "This account is frozen" in text(client.post(page_of(member, "freeze"), {"reason": "sample"}))

    def test_unfreezing_lets_the_member_use_points_again(self, browser, member):
        client = browser("service")
        client.post(page_of(member, "freeze"), {"reason": "sample"})
        client.post(page_of(member, "unfreeze"), {"reason": "found again"})
        assert not Account.objects.get(member=member).frozen

    def test_ending_tokens_ends_them_and_is_on_record(self, browser, member, member_client):
        assert member_client.get("/api/v1/me/account").status_code == 200
        browser("service").post(page_of(member, "end_tokens"), {"reason": "phone lost"})
        assert member_client.get("/api/v1/me/account").status_code == 401
        assert AuditEntry.objects.get(verb="member.tokens_ended").reason == "phone lost"

    @pytest.mark.parametrize("what", ["freeze", "unfreeze", "end_tokens"])
    def test_a_viewer_may_not(self, browser, member, what):
        assert browser("viewer").post(page_of(member, what), {"reason": "sample"}).status_code == 403

    def test_a_post_without_the_csrf_token_is_refused(self, member, operator):
        from django.test import Client

        client = Client(enforce_csrf_checks=True)
        client.force_login(operator("service"))
        assert client.post(page_of(member, "freeze"), {"reason": "sample"}).status_code == 403


class TestBooks:
    @pytest.mark.parametrize("model", [Account, Entry, Lot, Hold])
    def test_a_list_never_counts_and_takes_as_many_queries_with_more_rows(self, browser, history, member, now, model):
        client, url = browser("viewer"), reverse(f"admin:points_{model._meta.model_name}_changelist")
        before = queries(client, url)
        more_entries(member, 20, now)
        with CaptureQueriesContext(connection) as captured:
            text(client.get(url))
        assert len(captured) == before <= 10
        assert not [one["sql"] for one in captured if "COUNT(" in one["sql"].upper()]

    @pytest.mark.parametrize(("term", "subjects"), [("M-1 redemption/", {"redemption/1"}), ("purchase/P-3", {"purchase/P-3"}), ("nobody", set())])
    def test_entries_are_found_by_member_and_subject_and_by_purchase(self, browser, history, term, subjects):
        found = browser("viewer").get(reverse("admin:points_entry_changelist"), {"q": term}).context["cl"].result_list
        assert {entry.subject for entry in found} == subjects

    def test_entries_are_found_by_their_key(self, browser, history):
        found = browser("viewer").get(reverse("admin:points_entry_changelist"), {"q": "M-1 campaign/1"}).context["cl"].result_list
        assert [entry.key for entry in found] == ["campaign/1"]

    def test_a_members_storefront_id_finds_all_of_theirs_and_nobody_elses(self, browser, history, other_member):
        found = browser("viewer").get(reverse("admin:points_entry_changelist"), {"q": "M-2"}).context["cl"].result_list
        assert {entry.member_id for entry in found} == {other_member.id}

    def test_an_entrys_page_shows_the_lots_it_took_from_and_what_refers_to_it(self, browser, history, member):
        client = browser("viewer")
        spend = Entry.objects.get(kind="spend")
        page = text(client.get(reverse("admin:points_entry_change", args=[spend.id])))
        for part in spend.allocations.all():
            assert reverse("admin:points_lot_change", args=[part.lot_id]) in page
        clawback = Entry.objects.filter(kind="clawback").first()
        earned = text(client.get(reverse("admin:points_entry_change", args=[clawback.refers_to_id])))
        assert reverse("admin:points_entry_change", args=[clawback.id]) in earned

    def test_times_are_shown_in_the_programmes_zone(self, browser, history):
        Programme.objects.update_or_create(id=1, defaults={"zone": "America/New_York"})
        entry = Entry.objects.get(kind="spend")
        local = entry.recorded_at.astimezone(Programme.objects.get().zone_at(entry.recorded_at))
        assert f"{local:%Y-%m-%d %H:%M}" in text(browser("viewer").get(reverse("admin:points_entry_change", args=[entry.id])))

    def test_nothing_is_written_by_post_either(self, browser, history):
        entry = Entry.objects.get(kind="spend")
        client = browser(name="root", superuser=True)
        assert client.post(reverse("admin:points_entry_change", args=[entry.id]), {"points": 1}).status_code == 403
        assert client.post(reverse("admin:points_entry_delete", args=[entry.id]), {"post": "yes"}).status_code == 403
