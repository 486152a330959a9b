"""What the storefront and the member see of their proofs."""

from datetime import timedelta

import pytest

from points.proofs import services
from points.proofs.models import Proof

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("task", "grades_give_points")]
OF_MEMBER, OWN = "/api/v1/members/M-1/proofs", "/api/v1/me/proofs"


def rows(client, path=OF_MEMBER):
    answer = client.get(path)
    assert answer.status_code == 200
    return answer.json()["results"]


def test_a_proof_that_waits_says_so_and_nothing_else(storefront, upload, now):
    proof = upload()
    assert rows(storefront) == [
        {
            "id": str(proof.id),
            "task": "share-post",
            "task_name": "Shared post",
            "url": "https://pictures.example.com/post.jpg",
            "uploaded_at": now.isoformat().replace("+00:00", "Z"),
            "status": "waiting",
            "grade": None,
            "grade_name": "",
            "points": None,
            "reason": "",
            "decided_at": None,
        }
    ]


def test_an_approved_one_tells_grade_and_points_and_a_refused_one_why(storefront, upload, now):
    approved, refused = upload(occurred_at=now - timedelta(hours=1)), upload()
    services.approve(proof_id=approved.id, grade=2, operator="sample operator", now=now)
    services.refuse(proof_id=refused.id, refusal=Proof.Refusal.UNREADABLE, reason="Please try a JPEG.", operator="sample operator", now=now)
    first, second = rows(storefront)
    assert (first["status"], first["reason"], first["points"]) == ("refused", "The picture or page cannot be seen. Please try a JPEG.", None)
    assert (second["status"], second["grade"], second["grade_name"], second["points"]) == ("approved", 2, "Excellent", 200)


def test_who_decided_is_nobodys_business_outside(storefront, upload, now):
    services.approve(proof_id=upload().id, grade=1, operator="sample operator", now=now)
    assert "sample operator" not in storefront.get(OF_MEMBER).content.decode()


def test_names_are_in_the_language_asked_for(storefront, upload):
    upload()
    storefront.credentials(**{**storefront._credentials, "HTTP_ACCEPT_LANGUAGE": "zh-CN"})
    assert rows(storefront)[0]["task_name"] == "发帖分享"


def test_a_proof_of_no_task_is_shown_with_the_reason(storefront, upload):
    upload("nothing")
    assert [(row["task"], row["task_name"], row["status"], row["reason"]) for row in rows(storefront)] == [("nothing", "", "refused", "There is no such task.")]


def test_a_member_sees_their_own_and_the_storefront_the_same(storefront, member_client, other_member_client, upload):
    upload()
    assert rows(member_client, OWN) == rows(storefront)
    assert rows(other_member_client, OWN) == []


def test_they_come_a_page_at_a_time_the_newest_first(storefront, upload, now):
    made = [str(upload(occurred_at=now - timedelta(hours=hours)).id) for hours in (2, 1, 0)]
    first = storefront.get(f"{OF_MEMBER}?limit=2").json()
    second = storefront.get(first["next"]).json()
    assert [row["id"] for row in (*first["results"], *second["results"])] == made[::-1]
    assert second["next"] is None
