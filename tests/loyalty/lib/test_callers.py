"""Who may call what: one view, every kind of caller."""

import pytest
from django.urls import include, path
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.members.api import MemberView, member_paths


class Points(APIView):
    scopes = {"GET": "points:read", "POST": "points:spend"}
    members_may = {"GET"}

    def get(self, request):
        return Response({"kind": request.auth.kind})

    def post(self, request):
        return Response({})


class Public(APIView):
    scopes = None

    def get(self, request):
        return Response({"who": request.auth and request.auth.kind})


class PostOnly(APIView):
    scopes = {"POST": "points:spend"}

    def post(self, request):
        return Response({})


class Name(MemberView):
    scopes = {"GET": "members:read", "POST": "members:write"}
    members_may = {"GET"}

    def get(self, request):
        return Response({"member": self.member.external_id})

    def post(self, request):
        return Response({"member": self.member.external_id})


class Secret(MemberView):
    scopes = {"GET": "members:read"}

    def get(self, request):
        return Response({})


urlpatterns = [
    path(
        "api/v1/",
        include(
            [
                path("points", Points.as_view()),
                path("public", Public.as_view()),
                path("post-only", PostOnly.as_view()),
                *member_paths("name", Name),
                *member_paths("secret", Secret),
            ]
        ),
    )
]
handler404 = "loyalty.lib.problems.not_found"
pytestmark = [pytest.mark.urls(__name__), pytest.mark.django_db]


def answers(response):
    return response.status_code, response.json().get("code")


def test_nobody_is_asked_to_say_who_they_are(anonymous):
    response = anonymous.get("/api/v1/points")
    assert answers(response) == (401, "not_authenticated")
    assert response["WWW-Authenticate"] == 'Api-Key realm="api", Bearer realm="api"'


@pytest.mark.parametrize("header", ["Api-Key x", "Api-Key", "Bearer x", "Bearer", "Api-Key lk_000000000000_" + "a" * 43, "bearer é"])
def test_bad_credentials_are_refused_even_where_none_are_needed(anonymous, header):
    anonymous.credentials(HTTP_AUTHORIZATION=header)
    for address in ("points", "public"):
        response = anonymous.get(f"/api/v1/{address}")
        assert answers(response) == (401, "authentication_failed")
        assert "WWW-Authenticate" in response


@pytest.mark.parametrize("header", ["Basic eDp5", "Digest", "", "lk_000000000000_x"])
def test_credentials_of_another_scheme_are_nobodys(anonymous, header):
    anonymous.credentials(HTTP_AUTHORIZATION=header)
    assert answers(anonymous.get("/api/v1/points")) == (401, "not_authenticated")


def test_a_key_without_the_scope_is_told_which_one(client_with):
    reader = client_with("points:read")
    assert reader.get("/api/v1/points").json() == {"kind": "storefront"}
    response = reader.post("/api/v1/points")
    assert answers(response) == (403, "scope_missing")
    assert response.json()["scope"] == "points:spend"


def test_a_member_may_what_the_view_says_and_no_more(member_client):
    assert member_client.get("/api/v1/points").json() == {"kind": "member"}
    assert answers(member_client.post("/api/v1/points")) == (403, "members_may_not")


def test_an_open_view_answers_anyone_and_knows_whom(anonymous, storefront, member_client):
    assert [client.get("/api/v1/public").json()["who"] for client in (anonymous, storefront, member_client)] == [None, "storefront", "member"]


@pytest.mark.parametrize("method", ["put", "patch", "delete", "options", "trace"])
def test_a_method_the_view_lacks_is_405_for_everybody(anonymous, storefront, method):
    for client in (anonymous, storefront):
        response = client.generic(method.upper(), "/api/v1/points")
        assert answers(response) == (405, "method_not_allowed")
        assert response["Allow"].startswith("GET, POST")


def test_head_is_a_get_without_a_body(storefront, anonymous):
    assert storefront.head("/api/v1/points").status_code == 200
    assert anonymous.head("/api/v1/points").status_code == 401
    assert storefront.head("/api/v1/post-only").status_code == 405


def test_the_same_view_serves_the_storefront_and_the_member(storefront, member_client, member):
    assert storefront.get("/api/v1/members/M-1/name").json() == {"member": "M-1"}
    assert member_client.get("/api/v1/me/name").json() == {"member": "M-1"}


def test_a_member_names_nobody_not_even_themselves(member_client, other_member):
    for name in ("M-1", "M-2", "nobody"):
        assert answers(member_client.get(f"/api/v1/members/{name}/name")) == (403, "own_paths_only")


def test_a_storefront_has_no_own_paths(storefront):
    assert answers(storefront.get("/api/v1/me/name")) == (403, "member_token_needed")


def test_own_paths_offer_only_what_members_may(member_client):
    assert answers(member_client.post("/api/v1/me/name")) == (405, "method_not_allowed")
    assert answers(member_client.get("/api/v1/me/secret")) == (404, "not_found")


def test_an_unknown_member_is_404_and_an_impossible_id_400(storefront):
    assert answers(storefront.get("/api/v1/members/nobody/name")) == (404, "member_unknown")
    response = storefront.get("/api/v1/members/%00/name")
    assert answers(response) == (400, "invalid")
    assert response.json()["errors"][0]["field"] == "member"
    assert answers(storefront.get(f"/api/v1/members/{'a' * 65}/name")) == (400, "invalid")
    assert answers(storefront.get("/api/v1/members/%ff/name")) in [(400, "invalid"), (404, "member_unknown")]


def test_without_the_scope_it_is_not_told_who_exists(key_without_scopes, member):
    for name in ("M-1", "nobody"):
        assert answers(key_without_scopes.get(f"/api/v1/members/{name}/name")) == (403, "scope_missing")
