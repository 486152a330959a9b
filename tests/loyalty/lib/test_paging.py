"""Lists are walked page by page, newest first, without a gap or a repeat."""

import base64
from datetime import timedelta

import pytest
from django.urls import path
from rest_framework import serializers
from rest_framework.generics import ListAPIView

from accounts.members.models import Member


class Shown(serializers.ModelSerializer):
    class Meta:
        model = Member
        fields = ["external_id"]


class ById(ListAPIView):
    scopes = None
    queryset = Member.objects.all()
    serializer_class = Shown


class ByTime(ById):
    newest_by = ("created_at", "id")


class ByVersion(ById):
    newest_by = ("token_version",)


urlpatterns = [path("api/v1/id", ById.as_view()), path("api/v1/time", ByTime.as_view()), path("api/v1/version", ByVersion.as_view())]
pytestmark = [pytest.mark.urls(__name__), pytest.mark.django_db]


@pytest.fixture
def seven(db, now):
    """Seven members, three of them at the same instant."""
    for number in range(7):
        at = now + timedelta(seconds=3 if number in (3, 4, 5) else number)
        Member.objects.create(external_id=f"M-{number}", created_at=at, token_version=number)


def walk(client, address):
    pages = []
    while address:
        answer = client.get(address).json()
        pages.append([row["external_id"][2:] for row in answer["results"]])
        address = answer["next"]
        assert len(pages) < 20
    return pages


@pytest.mark.parametrize("by", ["id", "time", "version"])
@pytest.mark.parametrize(("limit", "pages"), [(1, 7), (2, 4), (3, 3), (6, 2), (7, 1), (100, 1)])
def test_every_row_comes_once_newest_first(anonymous, seven, by, limit, pages):
    walked = walk(anonymous, f"/api/v1/{by}?limit={limit}")
    assert [row for page in walked for row in page] == list("6543210")
    assert len(walked) == pages


@pytest.mark.parametrize("by", ["id", "time", "version"])
def test_what_is_added_meanwhile_shifts_nothing(anonymous, seven, now, by):
    first = anonymous.get(f"/api/v1/{by}?limit=3").json()
    Member.objects.create(external_id="M-9", created_at=now + timedelta(seconds=60), token_version=9)
    assert walk(anonymous, first["next"])[0] == ["3", "2", "1"]


def test_an_empty_list_is_a_page(anonymous):
    assert anonymous.get("/api/v1/id").json() == {"results": [], "next": None}


def test_next_is_a_whole_address_that_keeps_the_question(anonymous, seven):
    following = anonymous.get("/api/v1/time?limit=2&kind=x").json()["next"]
    assert following.startswith("http://testserver/api/v1/time?")
    assert "kind=x" in following
    assert "limit=2" in following


@pytest.mark.parametrize("limit", ["0", "101", "-1", "x", "", "１", "1.0", "1_0", "9" * 50, "%00"])
def test_a_limit_outside_1_to_100_is_refused(anonymous, limit):
    response = anonymous.get(f"/api/v1/id?limit={limit}")
    assert response.status_code == 400
    assert response.json()["errors"][0]["field"] == "limit"


def encoded(text):
    return base64.urlsafe_b64encode(text.encode()).decode()


@pytest.mark.parametrize("by", ["id", "time", "version"])
@pytest.mark.parametrize(
    "cursor",
    ["", "x", "é", "%00", "====", encoded("[]"), encoded("{}"), encoded("1"), encoded("null"), encoded('["x"]'), encoded("[null]"), encoded('["\\u0000"]'),
     encoded('["x","y"]'), encoded("[[1],2]"), encoded("[" * 5000), encoded('["9999-99-99T00:00:00+00:00","x"]'), encoded("[1,2,3]")],
)  # fmt: skip
def test_a_cursor_that_is_not_ours_is_refused(anonymous, seven, by, cursor):
    response = anonymous.get(f"/api/v1/{by}?cursor={cursor}")
    assert response.status_code == 400
    assert response.json()["errors"][0]["field"] == "cursor"


@pytest.mark.parametrize(("version", "left"), [("-1", 0), ("0", 0), ("1", 1), ("7", 7), ("1" + "0" * 30, 7)])
def test_a_cursor_needs_no_row_that_is_still_there(anonymous, seven, version, left):
    cursor = encoded(f'["{version}"]')
    assert len(anonymous.get(f"/api/v1/version?cursor={cursor}").json()["results"]) == left
