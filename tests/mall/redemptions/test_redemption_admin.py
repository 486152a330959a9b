"""The queue of those who fulfil, as they see it: tabs, buttons with their questions, files out and in."""

import csv
import io
import re
from datetime import datetime, timedelta
from uuid import uuid4

import pytest
from django.contrib.auth.models import Permission, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone, translation

from loyalty.audit.models import AuditEntry
from loyalty.programme import services as programme
from mall.redemptions import services
from mall.redemptions.models import Redemption
from mall.redemptions.services import Recipient
from tiers.ladder import services as ladder

LIST = "/admin/mall/redemption/"
QUEUE, PARCELS = f"{LIST}queue/", f"{LIST}parcels/"
BOTH = ("fulfil_redemption", "return_redemption")


@pytest.fixture
def operator(db):
    """A browser in which an operator with these permissions is logged in, reading English."""

    def enter(*codenames):
        user = User.objects.create_user("sample", is_staff=True)
        user.user_permissions.set(Permission.objects.filter(codename__in=("view_redemption", *codenames)))
        client = Client(headers={"accept-language": "en"})
        client.force_login(user)
        return client

    return enter


@pytest.fixture
def sold(mall, member):
    """Three mugs of which one is held, one is being made ready, one waits."""
    mall.give(member, 1_000)
    mall.reward()
    mall.reward("set", cents=500)
    held, begun, waits = mall.redeem(member, "set"), mall.redeem(member), mall.redeem(member, quantity=2)
    mall.step("begin", begun)
    return held, begun, waits


def text(answer):
    assert answer.status_code == 200, answer.status_code
    return answer.content.decode()


def page(row):
    return f"{LIST}{row.id}/change/"


def now_at(row):
    row.refresh_from_db()
    return row.status


def test_the_tabs_count_what_waits_at_each_step(operator, sold):
    listed = text(operator().get(LIST))
    assert "To be made ready · 1" in listed
    assert "Being made ready · 1" in listed
    assert "On their way · 0" in listed
    queue = text(operator_of(sold).get(LIST, {"status__exact": "confirmed"}))
    assert str(sold[2].id) in queue
    assert str(sold[1].id) not in queue


def operator_of(_sold):
    client = Client(headers={"accept-language": "en"})
    client.force_login(User.objects.get(username="sample"))
    return client


@pytest.mark.parametrize(
    ("found", "by"),
    [(2, "M-1"), (2, "reward/mug"), (0, "reward/nothing"), (0, "M-9"), (1, "T-1"), (1, "id"), (1, "redemption/id")],
)
def test_a_redemption_is_found_by_member_number_reward_and_tracking_number(operator, mall, member, found, by):
    mall.give(member, 1_000)
    mall.reward()
    first, second = mall.redeem(member), mall.redeem(member)
    mall.step("ship", first, carrier="Sample Post", tracking="T-1")
    listed = text(operator().get(LIST, {"q": by.replace("id", str(second.id))}))
    assert sum(str(row.id) in listed for row in (first, second)) == found


def test_a_page_offers_what_can_be_done_now_to_who_may(operator, sold):
    held, begun, waits = sold
    client = operator(*BOTH)
    offered = {
        row: {verb for verb in ("begin", "ship", "deliver", "take-back", "cancel") if f"{LIST}{row.id}/{verb}/" in text(client.get(page(row)))} for row in sold
    }
    assert offered == {held: {"cancel"}, begun: {"ship", "deliver", "cancel"}, waits: {"begin", "ship", "deliver", "cancel"}}


def test_who_only_looks_is_offered_nothing_and_can_do_nothing(operator, sold):
    client = operator()
    assert f"{LIST}{sold[2].id}/ship/" not in text(client.get(page(sold[2])))
    assert client.post(f"{LIST}{sold[2].id}/ship/", {"carrier": "P", "tracking": "T"}).status_code == 403
    assert client.get(QUEUE).status_code == client.post(PARCELS).status_code == 403
    assert now_at(sold[2]) == "confirmed"


def test_goods_go_from_the_shelf_to_the_door_and_back(operator, sold, mall, member):
    client, row = operator(*BOTH), sold[2]
    at = f"{LIST}{row.id}"
    assert client.post(f"{at}/begin/").status_code == 302
    assert now_at(row) == "fulfilling"
    assert "This field is required." in text(client.post(f"{at}/ship/", {"carrier": "Sample Post", "tracking": ""}))
    client.post(f"{at}/ship/", {"carrier": "Sample Post", "tracking": "T-1"})
    assert now_at(row) == "shipped"
    assert "Only the number is corrected" in text(client.get(f"{at}/ship/"))
    client.post(f"{at}/deliver/")
    assert now_at(row) == "delivered"
    asked = {"key": str(uuid4()), "quantity": "3", "restock": "on", "reason": "broken"}
    assert "less than or equal to 2" in text(client.post(f"{at}/take-back/", asked))
    for _ in range(2):
        assert client.post(f"{at}/take-back/", {**asked, "quantity": "1"}).status_code == 302
    row.refresh_from_db()
    assert (row.returned, mall.left(), AuditEntry.objects.get(verb="redemption.returned").reason) == (1, 3, "broken")
    shown = text(client.get(page(row)))
    for said in ("Sample Post", "T-1", "1 returned", "back on the shelf", "sample"):
        assert said in shown


def test_what_is_cancelled_by_hand_says_how_much_money_goes_back(operator, sold, mall):
    held, *_others = sold
    client = operator(*BOTH)
    mall.step("confirm", held, paid_cents=500)
    assert "100 points + CN¥5.00 go back" in text(client.get(f"{LIST}{held.id}/cancel/"))
    answer = client.post(f"{LIST}{held.id}/cancel/", {"reason": "out of it"}, follow=True)
    assert "Give back CN¥5.00 in the storefront." in text(answer)
    assert now_at(held) == "cancelled"


def test_shipping_is_given_back_where_who_takes_it_back_says_so(operator, mall, member):
    mall.give(member, 1_000)
    mall.reward("lamp", points=100, cents=500, shipping_cents=800)
    row = mall.redeem(member, "lamp", quantity=2)
    client, at = operator(*BOTH), f"{LIST}{row.id}"
    assert "200 points + CN¥10.00 + shipping CN¥8.00" in text(client.get(page(row)))
    mall.step("confirm", row, paid_cents=1_800)
    assert "200 points + CN¥10.00 + shipping CN¥8.00 go back" in text(client.get(f"{at}/cancel/"))
    mall.step("ship", row, carrier="Sample Post", tracking="T-1")
    assert "Give back shipping" in text(client.get(f"{at}/take-back/"))
    asked = {"key": str(uuid4()), "quantity": "1", "shipping": "on", "reason": "broken"}
    for _again in range(2):
        assert "Give back CN¥13.00 in the storefront." in text(client.post(f"{at}/take-back/", asked, follow=True))
    rest = client.post(f"{at}/take-back/", {**asked, "key": str(uuid4())}, follow=True)
    assert "Give back CN¥5.00 in the storefront." in text(rest)
    assert "CN¥18.00 in all" in text(client.get(page(row)))


def test_without_shipping_nothing_asks_for_it_and_what_a_tier_saved_is_said(operator, mall, member, tier):
    tier("gold", 1)
    ladder.keep_benefit(tier="gold", kind="free_shipping", actor="tests", now=mall.now)
    mall.give(member, 1_000)
    mall.reward("lamp", points=100, shipping_cents=800)
    row = mall.redeem(member, "lamp")
    client = operator(*BOTH)
    assert "shipping of CN¥8.00 not charged: the tier ships free" in text(client.get(page(row)))
    mall.step("ship", row, carrier="Sample Post", tracking="T-1")
    assert "Give back shipping" not in text(client.get(f"{LIST}{row.id}/take-back/"))


def test_what_the_verb_refuses_is_said_on_the_page(operator, sold):
    client, row = operator(*BOTH), sold[2]
    client.post(f"{LIST}{row.id}/cancel/", {"reason": "out of it"})
    assert "It was cancelled: nothing more can be done with it." in text(client.post(f"{LIST}{row.id}/ship/", {"carrier": "P", "tracking": "T"}))


@pytest.mark.parametrize(("points", "cents", "said"), [(1, 0, "1 point goes back"), (150, 0, "150 points go back"), (1, 500, "1 point + CN¥5.00 go back")])
def test_what_goes_back_is_told_in_the_number_that_it_has(operator, mall, member, points, cents, said):
    mall.give(member, 1_000)
    mall.reward("set", points=points, cents=cents)
    row = mall.redeem(member, "set")
    if cents:
        mall.step("confirm", row, paid_cents=cents)
    client = operator(*BOTH)
    assert said in text(client.get(f"{LIST}{row.id}/cancel/"))
    mall.step("ship", row, carrier="Sample Post", tracking="T-1")
    assert f"For each, {said}" in text(client.get(f"{LIST}{row.id}/take-back/"))


@pytest.mark.parametrize(
    ("steps", "impossible", "possible"),
    [
        ((), {"take-back"}, {"begin", "ship", "deliver", "cancel"}),
        (("begin",), {"begin", "take-back"}, {"ship", "deliver", "cancel"}),
        (("ship",), {"begin", "cancel"}, {"ship", "deliver", "take-back"}),
        (("ship", "deliver"), {"begin", "ship", "deliver", "cancel"}, {"take-back"}),
        (("cancel",), {"begin", "ship", "deliver", "take-back", "cancel"}, set()),
    ],
)
def test_who_comes_by_its_address_to_what_cannot_be_done_any_more_is_told_at_once(operator, mall, member, steps, impossible, possible):
    mall.give(member, 1_000)
    mall.reward()
    row = mall.redeem(member)
    for step in steps:
        mall.step(step, row, **({"carrier": "Sample Post", "tracking": "T-1"} if step == "ship" else {}))
    client = operator(*BOTH)
    for verb in impossible:
        answer = client.get(f"{LIST}{row.id}/{verb}/")
        assert (answer.status_code, answer["Location"]) == (302, page(row)), verb
    for verb in possible:
        assert client.get(f"{LIST}{row.id}/{verb}/").status_code == 200, verb


def test_the_sentence_about_what_cannot_be_done_stands_on_the_redemptions_page(operator, mall, member):
    mall.give(member, 1_000)
    mall.reward()
    row = mall.redeem(member)
    mall.step("ship", row, carrier="Sample Post", tracking="T-1")
    answer = operator(*BOTH).get(f"{LIST}{row.id}/cancel/", follow=True)
    [told] = answer.context["messages"]
    with translation.override("en"):
        why = services.why_not(Redemption.objects.select_related("reward").get(id=row.id), Redemption.Status.CANCELLED, now=mall.now)
    assert (told.level_tag, str(told)) == ("error", why.message)
    assert "goes back" not in text(answer)


def downloaded(answer):
    assert answer["Content-Type"].startswith("text/csv")
    return list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode("utf-8-sig"))))


def test_the_queue_is_downloaded_and_is_being_made_ready_from_then_on(operator, sold):
    client = operator(*BOTH)
    rows = downloaded(client.post(QUEUE, {"which": "confirmed", "begin": "on"}))
    assert [(row["redemption"], row["reward"], row["quantity"], row["address"]) for row in rows] == [(str(sold[2].id), "mug", "2", "1 Sample Street")]
    assert now_at(sold[2]) == "fulfilling"
    assert AuditEntry.objects.get(verb="redemptions.exported").figures == {"rows": 1, "which": "confirmed"}
    assert len(downloaded(client.post(QUEUE, {"which": "both"}))) == 2


def test_moments_in_the_file_are_by_the_programmes_clock_and_say_so(operator, sold):
    programme.change_zone(zone="America/New_York", now=timezone.now() - timedelta(days=3))
    client = operator(*BOTH)
    answer = client.post(QUEUE, {"which": "both"})
    assert re.search(r'filename="redemptions_\d{4}-\d\d-\d\dT\d{4}-0[45]00\.csv"', answer["Content-Disposition"])
    rows = downloaded(answer)
    made = {row["redemption"]: row["made"] for row in rows}
    assert made[str(sold[2].id)].endswith(("-05:00", "-04:00"))
    assert datetime.fromisoformat(made[str(sold[2].id)]) == sold[2].created_at.replace(microsecond=0)
    filled = io.StringIO()
    table = csv.DictWriter(filled, rows[0].keys())
    table.writeheader()
    table.writerows({**row, "carrier": "Sample Post", "tracking number": f"T-{n}"} for n, row in enumerate(rows))
    assert "2 parcels would be booked." in text(upload(client, filled.getvalue()))


@pytest.mark.parametrize(
    ("which", "begin", "said"),
    [
        ("both", "on", "2 redemptions are in the file redemptions_"),
        ("confirmed", "on", "It is being made ready from now on."),
        ("confirmed", "", "1 redemption is in the file redemptions_"),
    ],
)
def test_the_queue_says_what_was_downloaded_and_marked(operator, sold, which, begin, said):
    client = operator(*BOTH)
    answer = client.post(QUEUE, {"which": which, **({"begin": begin} if begin else {}), "asked_by": "1795354736000"})
    assert answer.cookies["downloaded"].value == "1795354736000"
    [told] = client.get(LIST).context["messages"]
    assert said in str(told)
    assert ("made ready" in str(told)) == bool(begin)


def test_a_queue_in_which_nothing_waits_is_said_to_be_empty(operator):
    client = operator(*BOTH)
    client.post(QUEUE, {"which": "both", "begin": "on"})
    [told] = client.get(LIST).context["messages"]
    assert "Nothing waits" in str(told)


def test_a_line_says_next_to_its_parcel_why_it_changes_nothing_however_long_the_carrier(operator, sold):
    shown = text(upload(operator(*BOTH), f"redemption,carrier,tracking\n{sold[2].id},{'x' * 200},T-1\n"))
    assert "x" * 59 + "…" in shown
    assert "x" * 60 not in shown
    cell = shown.split("x…")[1].split("</td>")[0]
    assert "Carriers have 60 characters at most" in cell


def test_no_name_of_a_member_becomes_a_formula(operator, mall, member):
    mall.give(member, 1_000)
    mall.reward()
    mall.redeem(member, recipient=Recipient("=cmd|' /C calc'!A0", "", "+1 Sample Street"))
    (row,) = downloaded(operator(*BOTH).post(QUEUE, {"which": "confirmed"}))
    assert (row["recipient"], row["address"]) == ("'=cmd|' /C calc'!A0", "'+1 Sample Street")


def upload(client, content):
    return client.post(PARCELS, {"file": SimpleUploadedFile("parcels.csv", content.encode(), "text/csv")})


def sealed(shown):
    return shown.split('name="checked" value="')[1].split('"')[0]


def test_the_file_that_was_downloaded_comes_back_filled_in_and_nothing_is_booked_before_it_was_seen(operator, sold, mall):
    held, begun, waits = sold
    mall.step("ship", begun, carrier="Sample Post", tracking="T-0")
    lines = [f"{begun.id},Sample Post,T-1", f"{waits.id},Other Post,T-2", f"{held.id},Sample Post,T-3", f"{uuid4()},Sample Post,T-4", "4711,Sample Post,T-5"]
    client = operator(*BOTH)
    shown = text(upload(client, "redemption,carrier,tracking number\n" + "\n".join(lines)))
    assert "2 parcels would be booked." in shown
    for said in ("Sample Post T-0", "its number is corrected", "is shipped", "was not paid", "There is no such redemption.", "This is no redemption"):
        assert said in shown
    assert now_at(waits) == "confirmed"
    mall.step("cancel", waits)
    booked = text(client.post(PARCELS, {"checked": sealed(shown)}))
    assert "These lines were not booked." in booked
    begun.refresh_from_db()
    assert (begun.tracking, now_at(waits), now_at(held)) == ("T-1", "cancelled", "held")


def test_where_every_line_is_booked_the_queue_comes_back_and_the_same_file_changes_nothing(operator, sold):
    client, table = operator(*BOTH), f"redemption,carrier,tracking\n{sold[2].id},Sample Post,T-1\n"
    shown = text(upload(client, table))
    assert client.post(PARCELS, {"checked": sealed(shown)}).status_code == 302
    assert now_at(sold[2]) == "shipped"
    again = text(upload(client, table))
    assert "0 parcels would be booked." in again
    assert "stands so already" in again


def test_a_table_downloaded_in_chinese_comes_back_as_well(operator, sold):
    client = operator(*BOTH)
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "zh-hans"
    content = b"".join(client.post(QUEUE, {"which": "confirmed"}).streaming_content).decode("utf-8-sig")
    assert content.startswith("兑换单,快递公司,运单号")
    assert str(sold[2].id) in text(upload(client, content.replace(f"{sold[2].id},,", f"{sold[2].id},示例快递,T-1")))


def test_a_file_that_is_none_says_so_and_what_was_shown_cannot_be_altered(operator, sold):
    client = operator(*BOTH)
    assert "has to name the columns" in text(upload(client, "a,b\n1,2\n"))
    assert client.post(PARCELS, {"checked": "made-up:by:hand"}).status_code == 403
    assert Redemption.objects.filter(status="shipped").count() == 0
