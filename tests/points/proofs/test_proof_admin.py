"""The queue as operators work through it, and the tasks as they set them."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from loyalty.audit.models import AuditEntry
from points.proofs import services
from points.proofs.models import Proof, ProofTask

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("task", "grades_give_points")]
QUEUE, TASKS = "/admin/points/proof/", "/admin/points/prooftask/"
Status = Proof.Status


def page(proof, what="change"):
    return f"{QUEUE}{proof.id}/{what}/"


def text(answer):
    assert answer.status_code == 200, answer.status_code
    return answer.content.decode()


def refusal(**more):
    return {"refuse": "1", "refusal": "not_shown", "reason": "", **more}


def queries(client, url):
    with CaptureQueriesContext(connection) as captured:
        text(client.get(url))
    return len(captured)


class TestTheList:
    def test_it_begins_with_what_waits_the_oldest_first(self, browser, upload, now):
        newer, older = upload(occurred_at=now - timedelta(hours=1)), upload(occurred_at=now - timedelta(hours=2))
        done = upload(url="javascript:alert(1)")
        shown = text(browser().get(QUEUE))
        assert shown.index(str(older.id)) < shown.index(str(newer.id))
        assert str(done.id) not in shown

    @pytest.mark.parametrize(("state", "shown"), [("refused", {"refused"}), ("all", {"refused", "waiting"}), ("approved", set())])
    def test_the_others_are_a_filter_away(self, browser, upload, state, shown):
        proofs = {proof.status: str(proof.id) for proof in (upload(), upload(url="data:x"))}
        answer = text(browser().get(QUEUE, {"state": state}))
        assert {status for status, proof_id in proofs.items() if proof_id in answer} == shown

    def test_a_member_is_found_by_the_storefronts_id(self, browser, upload, other_member):
        mine, other = upload(), upload(whose=other_member)
        shown = text(browser().get(QUEUE, {"q": "M-2"}))
        assert str(other.id) in shown
        assert str(mine.id) not in shown

    def test_more_rows_are_no_more_queries(self, browser, upload):
        client = browser()
        upload()
        before = queries(client, QUEUE)
        for _n in range(5):
            upload()
        assert queries(client, QUEUE) == before


class TestWhatIsShown:
    def test_an_address_is_a_link_that_tells_its_page_nothing_of_us(self, browser, upload):
        shown = text(browser().get(page(upload(url="https://example.com/post?a=1&b=2"))))
        assert 'href="https://example.com/post?a=1&amp;b=2" target="_blank" rel="noopener noreferrer"' in shown
        assert "<img" not in shown.split("What was handed in")[1].split("</section>")[0]

    def test_a_strangers_picture_is_loaded_only_when_asked_for(self, browser, upload):
        client, proof = browser(), upload()
        assert 'src="https://pictures.example.com' not in text(client.get(page(proof)))
        shown = text(client.get(page(proof), {"picture": "1"}))
        tag = re.search(r'<img [^>]*src="https://pictures\.example\.com/post\.jpg"[^>]*>', shown)[0]
        assert 'referrerpolicy="no-referrer"' in tag
        assert 'loading="lazy"' in tag

    def test_a_picture_of_a_host_that_the_installation_names_is_shown_at_once(self, browser, upload, settings):
        settings.PROOF_IMAGE_HOSTS = ["pictures.example.com"]
        client = browser()
        assert 'src="https://pictures.example.com/post.jpg"' in text(client.get(page(upload())))
        assert 'src="https://other.example.com' not in text(client.get(page(upload(url="https://other.example.com/a.jpg"))))

    @pytest.mark.parametrize("url", ["javascript:alert(1)", 'data:text/html,<script>alert("x")</script>', "http://example.com/a.jpg"])
    def test_what_is_no_address_of_ours_to_open_is_text_and_nothing_more(self, browser, upload, url):
        proof = upload(url=url)
        for asked in ({}, {"picture": "1"}):
            shown = text(browser(name=f"sample {len(asked)}").get(page(proof), asked))
            assert "This address is not opened from here." in shown
            for attribute in ("href", "src"):
                assert f'{attribute}="{url[:8]}' not in shown
            assert "<script>alert" not in shown

    def test_the_members_other_proofs_stand_beside_it_with_what_became_of_them(self, browser, upload, other_member, now):
        approved, refused, theirs = upload(), upload(), upload(whose=other_member, url="https://theirs.example.com/")
        services.approve(proof_id=approved.id, grade=2, operator="first operator", now=now)
        services.refuse(proof_id=refused.id, refusal=Proof.Refusal.REPEATED, operator="first operator", now=now)
        shown = text(browser().get(page(upload()))).split("Their other proofs")[1]
        for found in (str(approved.id), str(refused.id), "first operator", "It was handed in before.", ">200<"):
            assert found in shown
        assert theirs.url not in shown

    def test_how_many_wait_and_the_task_stand_on_the_page(self, browser, upload):
        upload()
        shown = text(browser().get(page(upload())))
        assert "2 waiting" in shown
        assert "The post with our name in it." in shown

    def test_more_than_a_hundred_are_not_counted(self, browser, upload):
        proof = upload()
        for _n in range(100):
            upload()
        assert "100+ waiting" in text(browser().get(page(proof)))

    def test_the_page_asks_as_much_with_more_history(self, browser, upload):
        client, proof = browser("change_proof"), upload()
        upload()
        text(client.get(page(proof)))
        before = queries(client, page(proof))
        for _n in range(15):
            upload()
        assert queries(client, page(proof)) == before <= 25

    def test_an_unknown_proof_leads_back_to_the_overview(self, browser):
        answer = browser().get(f"{QUEUE}01980a5c-7f3e-7c1a-9b1e-2f6c7d8e9f02/change/")
        assert (answer.status_code, answer["Location"]) == (302, "/admin/")


class TestDeciding:
    def test_each_grade_is_a_button_with_its_key(self, browser, upload):
        shown = text(browser("change_proof").get(page(upload())))
        assert re.findall(r'name="grade" value="(\d)" data-key="(\d)"', shown) == [("1", "1"), ("2", "2")]
        assert "Excellent" in shown

    def test_approving_leads_on_to_the_next_that_waits(self, browser, upload):
        first, second = upload(), upload()
        answer = browser("change_proof").post(page(first), {"grade": "2"}, follow=True)
        assert answer.redirect_chain == [(page(second), 302)]
        assert "Approved: 200 points." in text(answer)
        first.refresh_from_db()
        assert (first.status, first.grade, first.decided_by) == (Status.APPROVED, 2, "sample")

    def test_after_the_last_one_the_queue_says_so(self, browser, upload):
        answer = browser("change_proof").post(page(upload()), {"grade": "1"}, follow=True)
        assert answer.redirect_chain == [(QUEUE, 302)]
        assert "No further proof waits for you." in text(answer)

    @pytest.mark.parametrize("grade", ["3", "0", "-1", "x", "", "1" * 50, "１"])
    def test_a_grade_that_is_none_changes_nothing_and_says_so(self, browser, upload, grade):
        proof = upload()
        assert "The task has no such grade." in text(browser("change_proof").post(page(proof), {"grade": grade}))
        proof.refresh_from_db()
        assert proof.status == Status.WAITING

    def test_refusing_keeps_the_sentence_and_the_words(self, browser, upload):
        proof = upload()
        assert browser("change_proof").post(page(proof), refusal(reason="No name in it.")).status_code == 302
        proof.refresh_from_db()
        assert (proof.status, proof.refusal, proof.reason) == (Status.REFUSED, "not_shown", "No name in it.")

    @pytest.mark.parametrize(
        ("wrong", "sentence"),
        [
            ({"refusal": ""}, "This field is required."),
            ({"refusal": "too_many"}, "Select a valid choice"),
            ({"refusal": "other"}, "Give a reason."),
            ({"reason": "x" * 301}, "at most 300 characters"),
        ],
    )
    def test_what_is_wrong_with_a_refusal_stands_at_its_field(self, browser, upload, wrong, sentence):
        proof = upload()
        assert sentence in text(browser("change_proof").post(page(proof), refusal(**wrong)))
        proof.refresh_from_db()
        assert proof.status == Status.WAITING

    def test_whoever_comes_second_is_told_who_was_first(self, browser, upload, now):
        proof = upload()
        services.approve(proof_id=proof.id, grade=1, operator="first operator", now=now)
        client = browser("change_proof")
        for asked in ({"grade": "2"}, refusal()):
            assert "first operator has decided on this proof" in text(client.post(page(proof), asked))
        proof.refresh_from_db()
        assert (proof.grade, proof.decided_by) == (1, "first operator")

    def test_a_colleague_who_has_it_open_is_named(self, browser, upload):
        proof = upload()
        services.look(proof_id=proof.id, operator="first operator", now=timezone.now())
        assert "first operator opened this proof at" in text(browser("change_proof").get(page(proof)))

    def test_seeing_it_without_the_right_to_decide_leaves_no_note(self, browser, upload):
        proof = upload()
        assert "Refuse" not in text(browser().get(page(proof)))
        proof.refresh_from_db()
        assert proof.seen_at is None

    def test_who_may_only_see_decides_nothing(self, browser, upload, now):
        proof, client = upload(), browser()
        assert [client.post(page(proof), asked).status_code for asked in ({"grade": "1"}, refusal())] == [403, 403]
        services.approve(proof_id=proof.id, grade=1, operator="first operator", now=now)
        assert client.post(page(proof, "withdraw"), {"reason": "sample"}).status_code == 403

    def test_many_at_once_is_not_offered(self, browser, upload):
        proof = upload()
        asked = {"action": "delete_selected", "_selected_action": str(proof.id), "grade": "1"}
        browser("change_proof").post(QUEUE, asked)
        proof.refresh_from_db()
        assert proof.status == Status.WAITING


class TestWithdrawing:
    def test_it_asks_for_a_reason_and_says_what_it_took_back(self, browser, upload, now):
        proof, client = upload(), browser("change_proof")
        services.approve(proof_id=proof.id, grade=2, operator="first operator", now=now)
        assert page(proof, "withdraw") in text(client.get(page(proof)))
        assert "This field is required." in text(client.post(page(proof, "withdraw"), {"reason": ""}))
        answer = client.post(page(proof, "withdraw"), {"reason": "Wrong member."}, follow=True)
        assert "200 points were taken back" in text(answer)
        proof.refresh_from_db()
        assert (proof.status, proof.reason) == (Status.WITHDRAWN, "Wrong member.")

    def test_what_is_no_approval_is_refused_with_a_sentence(self, browser, upload):
        assert "Only an approval can be withdrawn, once." in text(browser("change_proof").post(page(upload(), "withdraw"), {"reason": "sample"}))


class TestTasks:
    FORM = {"code": "video", "active": "on", "name_zh": "视频", "name_en": "Video", "grades": "合格 | Good\n优秀 | Excellent", "most_per_month": "3"}

    def test_a_task_is_made_with_its_grades_one_a_line(self, browser):
        assert browser("add_prooftask").post(f"{TASKS}add/", self.FORM).status_code == 302
        task = ProofTask.objects.get(code="video")
        assert task.grades == [{"zh": "合格", "en": "Good"}, {"zh": "优秀", "en": "Excellent"}]
        assert task.most_per_month == 3
        assert AuditEntry.objects.get(subject="proof_task/video").verb == "proof_task.added"

    def test_what_was_set_is_shown_as_it_is_written(self, browser):
        assert "合格 | Good\n优秀 | Excellent" in text(browser("change_prooftask").get(f"{TASKS}share-post/change/"))

    @pytest.mark.parametrize(
        ("wrong", "sentence"),
        [
            ({"grades": ""}, "Give one to nine grades"),
            ({"grades": "\n".join("abcdefghij")}, "Give one to nine grades"),
            ({"grades": "Good\n|"}, "Give one to nine grades"),
            ({"most_per_month": "0"}, "greater than or equal to 1"),
            ({"code": "share post"}, "valid “slug”"),
            ({"code": "share-post"}, "already exists"),
        ],
    )
    def test_what_cannot_be_is_refused_with_a_sentence(self, browser, wrong, sentence):
        assert sentence in text(browser("add_prooftask").post(f"{TASKS}add/", {**self.FORM, **wrong}))

    def test_its_code_stays_and_who_changed_it_is_in_its_history(self, browser):
        client = browser("change_prooftask")
        client.post(f"{TASKS}share-post/change/", {**self.FORM, "code": "renamed", "name_en": "Renamed"})
        assert list(ProofTask.objects.values_list("code", "name_en")) == [("share-post", "Renamed")]
        change = ProofTask.history.first()
        assert (change.name_en, change.history_user.username) == ("Renamed", "sample")

    def test_it_is_closed_and_never_deleted(self, browser):
        client = browser("change_prooftask", "delete_prooftask")
        assert client.post(f"{TASKS}share-post/delete/", {"post": "yes"}).status_code == 403
