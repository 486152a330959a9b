"""How an operator uploads, looks, submits, decides, watches and reverses."""

import re
from uuid import uuid4

import pytest
import time_machine
from django.contrib.auth.models import Permission, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from loyalty.audit.models import AuditEntry
from loyalty.audit.services import JOBS
from points.batches import rules, services
from points.batches.models import Batch
from points.ledger import services as ledger

from .conftest import NOON, worked

pytestmark = pytest.mark.django_db
LOOKS = ("view_batch", "view_batchline", "view_member")
MAKES = (*LOOKS, "add_batch")
DECIDES = (*LOOKS, "decide_batch")
FILE = "member,points\nA,5\nB,-7\nA,1\nnobody,3\n"


@pytest.fixture(autouse=True)
def at_noon():
    with time_machine.travel(NOON, tick=False):
        yield


@pytest.fixture(autouse=True)
def somebody(shop):
    shop.member("A", 100)
    shop.member("B", 10)


@pytest.fixture
def sent(monkeypatch):
    """The jobs that are sent to the workers."""
    found = []
    monkeypatch.setattr(JOBS["points.work_batches"].task, "apply_async", lambda **_options: found.append("points.work_batches"))
    return found


@pytest.fixture
def logged_in(sent):
    """An operator's browser, with these permissions, in English."""

    def enter(*codenames, name="maker", superuser=False) -> Client:
        user = User.objects.filter(username=name).first() or User.objects.create_user(name, is_staff=True, is_superuser=superuser)
        user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
        client = Client(headers={"Accept-Language": "en"})
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
        return client

    return enter


def url(name, *args, model="batch"):
    return reverse(f"admin:points_{model}_{name}", args=args)


def text(answer):
    """What the page says, without its tags."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def form(content=FILE, **changes):
    said = {"key": str(uuid4()), "kind": "correction", "shortfall": "refuse", "reason": "rule 12 was wrong", "cost_centre": ""}
    return {**said, "file": SimpleUploadedFile("points.csv", content.encode()), **changes}


def offered(page):
    return [one["url"].rstrip("/").rsplit("/", 1)[-1] for one in page.context["offered"]]


def test_a_file_goes_from_upload_to_reversal_between_two_persons(logged_in, sent, shop, django_capture_on_commit_callbacks, assert_books_balance):
    maker, checker = logged_in(*MAKES), logged_in(*DECIDES, name="checker")
    with django_capture_on_commit_callbacks(execute=True):
        answer = maker.post(url("add"), form())
    batch = Batch.objects.get()
    at = url("change", batch.id)
    assert (answer.url, sent) == (at, ["points.work_batches"])
    assert 'data-refresh="2"' in maker.get(at).content.decode()

    worked(batch)
    page = maker.get(at)
    assert offered(page) == ["submit", "withdraw"]
    assert "3 lines that can be applied" in text(page)
    assert "nobody has this id 1" in text(page)
    assert "1 member stands in several lines, 2 in all" in text(page)
    assert "lines 2, 4" in text(page)
    assert offered(checker.get(at)) == []

    assert "Faulty lines are left out" in text(maker.get(url("submit", batch.id)))
    assert maker.post(url("submit", batch.id)).url == at
    assert offered(maker.get(at)) == ["withdraw"]
    assert offered(checker.get(at)) == ["approve", "refuse"]

    assert "points taken 7 (CN¥0.07)" in text(checker.get(url("approve", batch.id)))
    with django_capture_on_commit_callbacks(execute=True):
        assert checker.post(url("approve", batch.id)).url == at
    assert len(sent) == 2
    page = checker.get(at)
    assert "0 of 3 lines applied" in text(page)
    assert 'aria-valuenow="0"' in page.content.decode()
    assert offered(page) == ["pause", "stop"]

    worked(batch)
    assert (shop.stands("A"), shop.stands("B")) == (106, 3)
    assert offered(checker.get(at)) == ["reverse"]
    assert "given back of what was taken 7" in text(checker.get(url("reverse", batch.id)))
    assert checker.post(url("reverse", batch.id), {"reason": "the wrong file"}).url == at
    assert offered(checker.get(at)) == ["drop_reversal"]
    assert offered(maker.get(at)) == []

    other = logged_in(*DECIDES, name="other")
    assert "checker asks for it: “the wrong file”" in text(other.get(url("approve_reversal", batch.id))).replace("&ldquo;", "“")
    other.post(url("approve_reversal", batch.id))
    worked(batch)
    page = other.get(at)
    assert "lines reversed 3" in text(page)
    assert (shop.stands("A"), shop.stands("B"), offered(page)) == (100, 10, [])
    assert_books_balance()


@pytest.mark.parametrize("superuser", [False, True])
def test_who_made_it_is_not_offered_to_decide_and_is_refused(logged_in, operator, checked, superuser):
    operator("maker", superuser=superuser)
    maker = logged_in(*MAKES, "decide_batch")
    batch = checked(FILE, kind="correction")
    maker.post(url("submit", batch.id))
    page = maker.get(url("change", batch.id))
    assert offered(page) == ["withdraw"]
    assert "a second person has to decide on it" in text(page)
    assert str(services.OwnBatch.title) in text(maker.post(url("approve", batch.id)))
    batch.refresh_from_db()
    assert batch.status == "submitted"


def test_what_is_wrong_with_a_file_is_said_at_the_field(logged_in):
    page = logged_in(*MAKES).post(url("add"), form("member,point\nA,5\n"))
    assert "“point” is not a column of such a file. It has these: member, points, expires_on, reason, cost_centre." in page.context["form"].errors["file"][0]
    assert not Batch.objects.exists()


def test_a_file_that_is_too_large_is_refused_before_it_is_read(logged_in, monkeypatch):
    monkeypatch.setattr(rules, "MOST_BYTES", 10)
    assert "at most 200,000 lines and 20 MB" in logged_in(*MAKES).post(url("add"), form()).context["form"].errors["file"][0]


def test_the_same_file_is_pointed_out_with_the_batch_it_was(logged_in, applied, checked):
    first, second = applied(FILE, kind="correction"), checked(FILE, kind="correction")
    page = logged_in(*MAKES).get(url("change", second.id))
    assert "A file with the very same content was taken before: 2026-06-15 12:00, by maker, applied." in text(page)
    assert url("change", first.id) in page.content.decode()


def test_the_lines_say_before_and_after_and_what_is_wrong(logged_in, checked):
    batch = checked(FILE, kind="correction")
    maker = logged_in(*MAKES)
    page = maker.get(url("changelist", model="batchline"), {"batch": str(batch.id)})
    assert "100 105" in text(page)
    assert "Nobody has the id “nobody”." in text(page)
    faulty = maker.get(url("changelist", model="batchline"), {"batch": str(batch.id), "status__exact": "faulty"})
    assert "nobody" in text(faulty)
    assert "100 105" not in text(faulty)
    of_b = maker.get(url("changelist", model="batchline"), {"batch": str(batch.id), "q": "B"})
    assert "10 3" in text(of_b)
    assert "105" not in text(of_b)
    assert maker.get(url("changelist", model="batchline")).url == url("changelist")


def test_downloads_are_files_that_open_safely_and_are_kept_in_the_trail(logged_in, checked, shop):
    shop.member("=1+1")
    batch = checked("member,points,reason\n=1+1,x,=cmd\nA,5,\n")
    maker = logged_in(*MAKES)
    faulty = b"".join(maker.get(url("download", batch.id, "faulty"))).decode("utf-8-sig").splitlines()
    assert faulty[0] == "member,points,expires_on,reason,cost_centre,line,fault"
    assert faulty[1].startswith("'=1+1,x,,'=cmd,,2,")
    everything = b"".join(maker.get(url("download", batch.id, "lines"))).decode("utf-8-sig").splitlines()
    assert everything[2] == "3,A,5,100,105,can be applied,"
    assert list(AuditEntry.objects.filter(verb__endswith="downloaded").values_list("verb", flat=True).order_by("id")) == [
        "batch.faulty_downloaded",
        "batch.lines_downloaded",
    ]
    assert maker.get(url("empty", "import")).getvalue().decode("utf-8-sig") == "member,points,earned_on,expires_on,reason,cost_centre\r\n"


def test_a_button_that_has_nothing_to_do_leads_back(logged_in, checked):
    batch = checked(FILE, kind="correction")
    checker = logged_in(*DECIDES, name="checker")
    assert checker.get(url("approve", batch.id)).url == url("change", batch.id)
    assert str(services.BatchMovedOn.title) in text(checker.post(url("approve", batch.id)))


def test_paused_stopped_and_resumed_by_buttons(logged_in, approved, monkeypatch):
    monkeypatch.setattr(services, "CHUNK", 1)
    batch = approved(FILE, kind="correction")
    checker = logged_in(*DECIDES, name="checker")
    services.work(now=NOON)
    checker.post(url("pause", batch.id))
    page = checker.get(url("change", batch.id))
    assert "paused at 33 %" in text(page)
    assert "data-refresh" not in page.content.decode()
    assert offered(page) == ["resume", "stop"]
    checker.post(url("resume", batch.id))
    assert "1 of 3 lines are applied" in text(checker.get(url("stop", batch.id)))
    checker.post(url("stop", batch.id), {"reason": "wrong"})
    batch.refresh_from_db()
    assert batch.status == "stopped"


def test_an_error_is_shown_and_can_be_gone_on_from(logged_in, approved, monkeypatch):
    batch = approved(FILE, kind="correction")
    with monkeypatch.context() as broken:
        broken.setattr(ledger, "adjust", lambda **_said: 1 / 0)
        worked(batch)
    page = logged_in(*DECIDES, name="checker").get(url("change", batch.id))
    assert "It could not go on: ZeroDivisionError: division by zero" in text(page)
    assert offered(page) == ["resume", "stop"]


@pytest.mark.parametrize("page", ["add", "victims"])
def test_who_may_not_make_batches_only_looks(logged_in, page):
    assert logged_in(*DECIDES).get(url(page)).status_code == 403
    assert logged_in(*MAKES).get(url(page)).status_code == 200


def test_who_may_not_see_batches_sees_none(logged_in, checked):
    batch, nobody = checked(FILE, kind="correction"), logged_in("view_member")
    for address in (url("changelist"), url("change", batch.id), url("download", batch.id, "lines"), f"{url('changelist', model='batchline')}?batch={batch.id}"):
        assert nobody.get(address).status_code == 403


@pytest.mark.parametrize("key", ["nonsense", "00000000-0000-7000-8000-000000000000"])
def test_there_is_nothing_at_a_wrong_address(logged_in, key):
    assert logged_in(*MAKES).get(url("change", key)).status_code == 404


def asked(**changes):
    said = {
        "key": str(uuid4()),
        "about": "entries",
        "fact": "purchase",
        "version": "",
        "entry": "earn",
        "granted": "any",
        "category": "",
        "tier": "",
        "segment": "",
    }
    said |= {"since_0": "2026-06-14", "since_1": "00:00", "until_0": "2026-06-15", "until_1": "00:00", "way": "percent", "number": "50", "shortfall": "refuse"}
    return {**said, "reason": "", "cost_centre": "", **changes}


def test_victims_are_looked_at_downloaded_and_made_a_batch(logged_in, sent):
    maker = logged_in(*MAKES)
    page = maker.post(url("victims"), asked(look="1"))
    assert (page.context["members"], page.context["got"], page.context["total"]) == (2, 110, 55)
    assert "A 1 100 +50" in text(page)
    assert b"".join(maker.post(url("victims"), asked(download="1"))).decode("utf-8-sig").splitlines() == ["member,times,points", "A,1,100", "B,1,10"]
    assert maker.post(url("victims"), asked(make="1")).context["form"].errors == {"reason": [services.ReasonMissing.title]}
    answer = maker.post(url("victims"), asked(make="1", reason="rule 12 was wrong"))
    batch = worked(Batch.objects.get())
    assert (answer.url, batch.kind, batch.result["given"]) == (url("change", batch.id), "grant", 55)
    assert "made of the victims of a fault" in text(maker.get(answer.url))


@pytest.mark.parametrize(
    ("changes", "field"),
    [({"about": "decisions"}, "version"), ({"until_0": "2026-06-14"}, "until"), ({"number": "0"}, "number"), ({"since_0": ""}, "since")],
)
def test_what_a_question_lacks_is_said_at_its_field(logged_in, changes, field):
    assert list(logged_in(*MAKES).post(url("victims"), asked(**changes)).context["form"].errors) == [field]


def test_the_overview_and_the_list_begin_with_what_waits_for_a_second_person(logged_in, checked, operator):
    first, second = checked(FILE, kind="correction"), checked(FILE, kind="correction")
    services.submit(batch_id=first.id, operator_id=operator().id, now=NOON)
    checker = logged_in(*DECIDES, name="checker")
    assert "1 Batches of points that wait for a second person" in text(checker.get(reverse("admin:index")))
    assert list(checker.get(url("changelist")).context["cl"].result_list) == [first, second]


def test_the_list_asks_as_often_for_twenty_batches_as_for_two(logged_in, checked, django_assert_max_num_queries):
    for _ in range(20):
        checked("member,points\nA,1\n")
    client = logged_in(*LOOKS)
    with django_assert_max_num_queries(15):
        client.get(url("changelist"))
