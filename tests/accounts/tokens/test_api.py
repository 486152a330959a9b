"""A member's token: who gets it, what it opens, how it ends."""

from datetime import timedelta

import jwt
import pytest
import time_machine
from django.conf import settings as configured

from accounts.members import services as members
from accounts.tokens import services as tokens
from loyalty.lib.ids import new_id

pytestmark = pytest.mark.django_db
SELF = "/api/v1/me"


def bearer(client, token):
    return client.get(SELF, headers={"Authorization": f"Bearer {token}"})


def test_a_storefront_gets_a_token_that_speaks_for_the_member(storefront, anonymous, member, now):
    response = storefront.post("/api/v1/members/M-1/token")
    assert response.status_code == 201
    assert set(response.json()) == {"token", "expires_at"}
    assert bearer(anonymous, response.json()["token"]).json()["member"] == "M-1"
    with time_machine.travel(now + timedelta(minutes=configured.MEMBER_TOKEN_MINUTES, seconds=2)):
        assert bearer(anonymous, response.json()["token"]).status_code == 401


def test_who_may_not_get_one(anonymous, member_client, other_member_client, key_without_scopes, client_with, storefront, member):
    address = "/api/v1/members/M-1/token"
    assert anonymous.post(address).status_code == 401
    assert member_client.post(address).status_code == 403
    assert other_member_client.post(address).status_code == 403
    assert key_without_scopes.post(address).json()["scope"] == "tokens:issue"
    assert client_with("members:read", "points:read").post(address).status_code == 403
    assert storefront.post("/api/v1/members/nobody/token").status_code == 404
    assert member_client.post("/api/v1/me/token").status_code == 404


def test_revoking_ends_the_tokens_of_that_member_alone(member, member_client, other_member_client, now):
    assert member_client.get(SELF).status_code == 200
    tokens.revoke(member_id=member.id)
    assert member_client.get(SELF).status_code == 401
    assert other_member_client.get(SELF).status_code == 200


def test_a_closed_member_has_no_tokens(storefront, member, member_client):
    members.close(member_id=member.id)
    assert member_client.get(SELF).status_code == 401
    response = storefront.post("/api/v1/members/M-1/token")
    assert (response.status_code, response.json()["code"]) == (409, "member_closed")


def test_only_tokens_that_we_signed_for_members_are_accepted(anonymous, member, now):
    good = {"sub": str(member.id), "ver": 0, "token_type": "member", "jti": "x", "iat": now, "exp": now + timedelta(minutes=5)}
    sign = lambda claims, key=configured.SECRET_KEY, algorithm="HS256": jwt.encode(claims, key, algorithm=algorithm)  # noqa: E731
    assert bearer(anonymous, sign(good)).status_code == 200
    forged = [
        sign(good, "another key, as long as the first one was"),
        sign(good, None, "none"),
        sign(good, algorithm="HS512"),
        sign({**good, "exp": now - timedelta(seconds=1)}),
        sign({**good, "ver": 1}),
        sign({**good, "ver": None}),
        sign({**good, "token_type": "access"}),
        sign({**good, "sub": str(new_id())}),
        sign({**good, "sub": "M-1"}),
        *(sign({name: value for name, value in good.items() if name != left_out}) for left_out in ("exp", "sub", "ver", "token_type")),
        sign(good)[:-2],
        "a.b.c",
        "",
    ]
    assert [bearer(anonymous, token).status_code for token in forged] == [401] * len(forged)
