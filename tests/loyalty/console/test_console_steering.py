"""Pages on which operators decide: adjustments, rules, policies, settings, refunds without a purchase."""

from uuid import uuid4

import pytest
from django.contrib.auth.models import Group

from accounts.activity import rules as facts
from accounts.activity.models import Purchase, UnmatchedRefund
from loyalty.programme.models import Programme
from mall.checkout.models import BurnPolicy
from points.adjustments import services as adjustments
from points.adjustments.models import Adjustment, AdjustmentLimit
from points.ledger import selectors as books
from points.terms.models import Terms

pytestmark = pytest.mark.django_db


def text(answer) -> str:
    assert answer.status_code == 200, answer.status_code
    return answer.content.decode()


class TestAdjusting:
    ADD = "/admin/points/adjustment/add/"

    def form(self, points: int, **more) -> dict[str, str]:
        return {"key": str(uuid4()), "member": "M-1", "points": str(points), "reason": "ticket 4711", "cost_centre": "", **more}

    @pytest.fixture
    def limited(self, operator):
        operator("service")
        return AdjustmentLimit.objects.create(group=Group.objects.get(name="service"), per_adjustment=100, per_day=150)

    def test_the_page_first_shows_what_it_would_do_and_does_nothing(self, browser, member, limited):
        page = browser("service").post(self.ADD, self.form(100))
        assert [row[1:] for row in page.context["effect"]] == [("0", "100")]
        assert "booked at once" in text(page)
        assert not Adjustment.objects.exists()

    def test_confirmed_within_the_limit_it_is_booked(self, browser, member, limited, now):
        assert browser("service").post(self.ADD, self.form(100, confirmed="1")).status_code == 302
        assert books.balance(member_id=member.id, now=now).available == 100

    def test_above_the_limit_the_page_says_that_it_waits_and_it_waits(self, browser, member, limited, now):
        client, form = browser("service"), self.form(101)
        assert "waits until a second person approves it" in text(client.post(self.ADD, form))
        client.post(self.ADD, {**form, "confirmed": "1"})
        assert Adjustment.objects.get().status == "waiting"
        assert books.balance(member_id=member.id, now=now).available == 0

    def test_sent_twice_it_is_booked_once(self, browser, member, limited, now):
        client, form = browser("service"), self.form(60, confirmed="1")
        client.post(self.ADD, form)
        client.post(self.ADD, form)
        assert books.balance(member_id=member.id, now=now).available == 60

    @pytest.mark.parametrize(
        ("more", "sentence"),
        [
            ({"points": "0"}, "changes nothing"),
            ({"member": "nobody"}, "There is no member of that id."),
            ({"reason": ""}, "required"),
            ({"points": "-1", "confirmed": "1"}, "There are not enough points available."),
        ],
    )
    def test_what_cannot_be_is_refused_with_a_sentence_on_the_page(self, browser, member, more, sentence):
        assert sentence in text(browser("service").post(self.ADD, {**self.form(1), **more}))
        assert not Adjustment.objects.exists()

    def test_the_form_from_a_members_page_names_the_member(self, browser, member):
        assert 'value="M-1"' in text(browser("service").get(f"{self.ADD}?member=M-1"))

    def test_what_waits_stands_first_in_the_list(self, browser, member, operator, limited, now):
        maker = operator("service").pk
        for points in (500, 10, 20):
            adjustments.request(member_id=member.id, points=points, reason="sample", operator_id=maker, key=uuid4(), now=now)
        found = browser("viewer").get("/admin/points/adjustment/").context["cl"].result_list
        assert found[0].points == 500

    @pytest.fixture
    def waiting(self, member, operator, now) -> Adjustment:
        return adjustments.request(member_id=member.id, points=900, reason="sample", operator_id=operator("service").pk, key=uuid4(), now=now)

    def page(self, adjustment, what: str) -> str:
        return f"/admin/points/adjustment/{adjustment.id}/{what}/"

    def test_a_second_person_sees_the_effect_and_approves(self, browser, waiting, now):
        client = browser("finance")
        asked = client.get(self.page(waiting, "approve"))
        assert [row[1:] for row in asked.context["effect"]] == [("0", "900")]
        assert books.balance(member_id=waiting.member_id, now=now).available == 0
        assert client.post(self.page(waiting, "approve")).status_code == 302
        assert books.balance(member_id=waiting.member_id, now=now).available == 900

    def test_a_second_person_refuses_with_a_reason(self, browser, waiting):
        client = browser("finance")
        assert "required" in text(client.post(self.page(waiting, "refuse"), {"reason": ""}))
        client.post(self.page(waiting, "refuse"), {"reason": "no proof"})
        waiting.refresh_from_db()
        assert (waiting.status, waiting.decision_reason) == ("refused", "no proof")

    def test_a_superuser_who_asked_is_told_that_nobody_decides_on_their_own(self, browser, member, operator, now):
        root = operator(name="root", superuser=True)
        own = adjustments.request(member_id=member.id, points=9, reason="sample", operator_id=root.pk, key=uuid4(), now=now)
        client = browser(name="root", superuser=True)
        assert "Nobody decides on their own adjustment" in text(client.post(self.page(own, "approve")))
        own.refresh_from_db()
        assert own.status == "waiting"

    def test_the_buttons_offered_are_those_that_can_do_something(self, browser, waiting):
        def offered(client) -> set[str]:
            return {button["path"].rstrip("/").rsplit("/", 1)[1] for button in client.get(self.page(waiting, "change")).context["actions_detail"]}

        assert offered(browser("service")) == {"withdraw"}
        assert offered(browser("finance")) == {"approve", "refuse"}
        assert offered(browser("viewer")) == set()
        browser("finance").post(self.page(waiting, "approve"))
        assert offered(browser("finance")) == set()

    @pytest.mark.parametrize("role", ["viewer", "service", "marketer", "risk"])
    def test_other_roles_do_not_decide(self, browser, waiting, role):
        assert browser(role).post(self.page(waiting, "approve")).status_code == 403

    def test_the_maker_withdraws(self, browser, waiting):
        browser("service").post(self.page(waiting, "withdraw"))
        waiting.refresh_from_db()
        assert waiting.status == "withdrawn"


class TestPublishingABurnPolicy:
    ADD = "/admin/mall/burnpolicy/add/"
    FORM = {"points_per_unit": "50", "threshold": "100", "step": "100", "max_share": "50", "order": "100", "available": "5000"}

    def test_a_preview_shows_the_points_an_order_may_use_and_what_they_pay(self, browser):
        Programme.objects.create(id=1, currency="USD")
        page = browser("marketer").post(self.ADD, self.FORM)
        assert [row[1:] for row in page.context["rows"]] == [("5,000", "2,500"), ("$50.00", "$50.00")]
        assert not BurnPolicy.objects.exists()

    def test_what_was_previewed_is_published(self, browser):
        client = browser("marketer")
        mark = client.post(self.ADD, self.FORM).context["mark"]
        client.post(self.ADD, {**self.FORM, "mark": mark, "publish": "1"})
        policy = BurnPolicy.objects.get()
        assert (policy.number, policy.points_per_unit, policy.threshold, policy.step, policy.max_share_bps) == (1, 50, 100, 100, 5000)

    def test_the_form_begins_with_the_policy_in_force(self, browser, history):
        form = browser("marketer").get(self.ADD).context["form"]
        assert (form["points_per_unit"].value(), form["max_share"].value()) == (100, "100")


class TestSettings:
    PROGRAMME = {
        "points_name_zh": "金币",
        "points_name_en": "coins",
        "points_unit_zh": "枚",
        "points_unit_en": "c",
        "currency": "CNY",
        "zone": "Asia/Shanghai",
        "fact_window_days": "400",
    }
    TERMS = {"expiry": "months", "length": "6", "first_month": "1", "restore_grace_days": "0", "pending": "none", "pending_days": "7"}

    def save(self, browser, page: str, form: dict[str, str]):
        client = browser("administrator")
        return client.post(client.get(f"/admin/{page}/")["Location"], form)

    def test_the_list_is_the_form_and_saving_comes_back_to_it(self, browser):
        assert self.save(browser, "loyalty/programme", self.PROGRAMME)["Location"] == "/admin/loyalty/programme/1/change/"
        assert (Programme.objects.get().points_name_en, Programme.objects.get().currency) == ("coins", "CNY")

    def test_a_currency_once_set_stays(self, browser):
        self.save(browser, "loyalty/programme", self.PROGRAMME)
        self.save(browser, "loyalty/programme", {**self.PROGRAMME, "currency": "USD", "points_name_en": "stars"})
        programme = Programme.objects.get()
        assert (programme.currency, programme.points_name_en) == ("CNY", "stars")

    def test_another_zone_takes_effect_at_its_next_midnight(self, browser, now):
        self.save(browser, "loyalty/programme", self.PROGRAMME)
        self.save(browser, "loyalty/programme", {**self.PROGRAMME, "zone": "America/New_York"})
        programme = Programme.objects.get()
        assert (programme.zone, programme.zone_at(now).key) == ("America/New_York", "Asia/Shanghai")
        assert programme.zone_from > now

    @pytest.mark.parametrize(
        ("page", "form", "sentence"),
        [
            ("loyalty/programme", {**PROGRAMME, "zone": "Moon/Crater"}, "is not an IANA time zone"),
            ("loyalty/programme", {**PROGRAMME, "currency": "XQQ"}, "is not an ISO 4217 currency"),
            ("points/terms", {**TERMS, "length": "0"}, "Give at least 1."),
            ("points/terms", {**TERMS, "expiry": "fiscal_year", "first_month": "13"}, "less than or equal to 12"),
        ],
    )
    def test_what_cannot_be_is_refused_with_a_sentence(self, browser, page, form, sentence):
        assert sentence in text(self.save(browser, page, form))

    def test_the_terms_are_in_force_once_saved(self, browser):
        self.save(browser, "points/terms", self.TERMS)
        assert str(Terms.current().policy) == "months:6"

    def test_what_was_set_before_can_be_read_with_who_changed_it(self, browser):
        self.save(browser, "points/terms", self.TERMS)
        self.save(browser, "points/terms", {**self.TERMS, "length": "24"})
        page = text(browser("administrator").get("/admin/points/terms/1/history/"))
        assert "administrator" in page
        assert page.count("24") >= 1

    def test_what_was_set_before_is_not_brought_back_past_the_form(self, browser):
        self.save(browser, "loyalty/programme", self.PROGRAMME)
        first = Programme.history.first()
        self.save(browser, "loyalty/programme", {**self.PROGRAMME, "zone": "America/New_York"})
        client = browser("administrator")
        assert "Revert" not in text(client.get(f"/admin/loyalty/programme/1/history/{first.pk}/"))
        assert client.post(f"/admin/loyalty/programme/1/history/{first.pk}/", self.PROGRAMME).status_code == 403
        programme = Programme.objects.get()
        assert (programme.zone, programme.currency) == ("America/New_York", "CNY")

    def test_a_viewer_reads_settings_and_cannot_save_them(self, browser):
        self.save(browser, "points/terms", self.TERMS)
        client = browser("viewer")
        text(client.get("/admin/points/terms/1/change/"))
        assert client.post("/admin/points/terms/1/change/", {**self.TERMS, "length": "1"}).status_code == 403


class TestRefundsWithoutPurchase:
    def page(self, refund, what: str) -> str:
        return f"/admin/accounts/unmatchedrefund/{refund.id}/{what}/"

    def test_a_parked_refund_is_applied_to_the_purchase_that_an_operator_names(self, browser, history, member):
        parked = UnmatchedRefund.objects.get(external_id="R-3")
        answer = browser("service").post(self.page(parked, "link"), {"purchase": "P-0", "reason": "receipt seen"})
        assert answer.status_code == 302
        parked.refresh_from_db()
        assert (parked.status, parked.decided_by, parked.reason) == ("applied", "service", "receipt seen")
        assert Purchase.objects.get(external_id="P-0").refunds.count() == 1

    def test_an_unknown_purchase_is_refused_with_a_sentence_and_the_refund_stays(self, browser, history):
        parked = UnmatchedRefund.objects.get(external_id="R-3")
        assert "There is no such purchase." in text(browser("service").post(self.page(parked, "link"), {"purchase": "nowhere", "reason": "sample"}))
        parked.refresh_from_db()
        assert parked.status == "parked"

    def test_closing_one_moves_nothing_and_keeps_the_reason(self, browser, history):
        waiting = UnmatchedRefund.objects.get(external_id="R-2")
        browser("service").post(self.page(waiting, "close"), {"reason": "order never came"})
        waiting.refresh_from_db()
        assert (waiting.status, waiting.reason) == ("closed", "order never came")

    def test_a_viewer_may_neither_apply_nor_close(self, browser, history):
        parked = UnmatchedRefund.objects.get(external_id="R-3")
        assert [browser("viewer").post(self.page(parked, what), {"reason": "sample"}).status_code for what in ("link", "close")] == [403, 403]

    def test_a_guests_purchase_is_given_to_a_member_once(self, browser, history, member, now):
        from accounts.activity import services as recording

        bought = facts.Purchase("G-1", now, "CNY", 1000, (facts.Line("1", "SKU", "", "", 1, 1000),))
        recording.keep_guest_purchase(facts=bought, now=now)
        client = browser("service")
        assert "There is no member of that id." in text(client.post("/admin/accounts/guestpurchase/G-1/claim/", {"member": "nobody", "reason": "x"}))
        assert client.post("/admin/accounts/guestpurchase/G-1/claim/", {"member": "M-1", "reason": "receipt seen"}).status_code == 302
        assert Purchase.objects.get(external_id="G-1").member_id == member.id
        assert client.post("/admin/accounts/guestpurchase/G-1/claim/", {"member": "M-2", "reason": "again"}).status_code == 200


def test_a_superuser_may_do_what_the_limits_allow_and_no_more(browser, member, now):
    form = {"key": str(uuid4()), "member": "M-1", "points": "1", "reason": "sample", "confirmed": "1"}
    browser(name="root", superuser=True).post("/admin/points/adjustment/add/", form)
    assert Adjustment.objects.get().status == "waiting"
