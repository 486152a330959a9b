"""Every operation, asked for what its description allows and for what it forbids, answers nothing that is not described.

How many requests an operation gets of each kind is `SCHEMA_EXAMPLES` in the environment (8 by default, the same ones each time).
"""

import os

import pytest
import schemathesis
from django.core import signals
from django.db import close_old_connections
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core import NOT_SET
from schemathesis.specs.openapi.checks import content_type_conformance, response_headers_conformance, response_schema_conformance, status_code_conformance

from loyalty.lib.ids import new_id
from loyalty.wsgi import application

pytestmark = pytest.mark.django_db
EXAMPLES = int(os.environ.get("SCHEMA_EXAMPLES", "8"))
THE_SAME_EACH_TIME = "SCHEMA_EXAMPLES" not in os.environ
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_headers_conformance, response_schema_conformance]
OPERATIONS = [
    ("members/{member}", "GET", 200, None),
    ("members/{member}", "PUT", 200, {"name": "示例会员", "birthday": "1990-05-17"}),
    ("members/{member}/token", "POST", 201, None),
    ("members/{member}/close", "POST", 200, {"reason": "asked"}),
    ("members/{member}/export", "POST", 202, None),
    ("members/{member}/export", "GET", 200, None),
    ("members/{member}/export/file", "GET", 200, None),
    ("members/{member}/account", "GET", 200, None),
    ("members/{member}/entries", "GET", 200, None),
    ("members/{member}/entries/{entry}/explanation", "GET", 200, None),
    ("members/{member}/lots", "GET", 200, None),
    ("members/{member}/offers", "GET", 200, None),
    ("members/{member}/offers/{offer}/claim", "POST", 200, None),
    ("members/{member}/cards", "GET", 200, None),
    ("members/{member}/check-ins", "GET", 200, None),
    ("members/{member}/check-ins", "POST", 201, {}),
    ("members/{member}/proofs", "GET", 200, None),
    ("members/{member}/missions", "GET", 200, None),
    ("members/{member}/missions/{mission}/claim", "POST", 200, {}),
    ("members/{member}/badges", "GET", 200, None),
    ("members/{member}/purchases", "GET", 200, None),
    ("members/{member}/referrals", "GET", 200, None),
    ("members/{member}/standing", "GET", 200, None),
    ("members/{member}/growth", "GET", 200, None),
    ("members/{member}/inbox", "GET", 200, None),
    ("members/{member}/inbox/read-all", "POST", 200, None),
    ("members/{member}/inbox/{item}/read", "POST", 200, None),
    ("members/{member}/preferences", "GET", 200, None),
    ("members/{member}/preferences", "PUT", 200, {"preferences": [{"purpose": "marketing", "channel": "email", "wanted": True}]}),
    ("members/{member}/addresses", "GET", 200, None),
    ("members/{member}/addresses", "PUT", 200, {"channel": "email", "value": "sample@sample.example"}),
    ("members/{member}/addresses/{address}", "DELETE", 200, None),
    ("members/{member}/spends", "POST", 201, {"points": 5, "subject": "game/1"}),
    ("members/{member}/coupons", "GET", 200, None),
    ("members/{member}/coupons", "POST", 201, {"template": "ten-off"}),
    ("members/{member}/coupons/claimable", "GET", 200, None),
    ("coupons/validate", "POST", 200, {"code": "1", "lines": [{"amount_cents": 1_000}]}),
    ("coupons/{coupon}", "GET", 200, None),
    ("coupons/{coupon}/use", "POST", 200, {"purchase": "P-9"}),
    ("coupons/{coupon}/give-back", "POST", 200, {"purchase": "P-9"}),
    ("rewards", "GET", 200, None),
    ("rewards/{reward}", "GET", 200, None),
    ("reward-categories", "GET", 200, None),
    ("members/{member}/rewards", "GET", 200, None),
    ("members/{member}/rewards/{reward}", "GET", 200, None),
    ("members/{member}/privileges", "GET", 200, None),
    ("members/{member}/privileges/{privilege}/use", "POST", 200, {"subject": "purchase/P-1"}),
    ("members/{member}/privileges/{privilege}/give-back", "POST", 200, {"subject": "purchase/P-1"}),
    ("members/{member}/rentals", "GET", 200, None),
    ("members/{member}/rentals/{rental}", "PUT", 200, {"renews_itself": True}),
    ("members/{member}/rentals/{rental}/renew", "POST", 200, None),
    ("members/{member}/rentals/{rental}/end", "POST", 200, None),
    ("members/{member}/revival", "GET", 200, None),
    ("members/{member}/revival/redemptions", "POST", 201, {"reward": "mug", "recipient": {"name": "示例会员", "address": "示例路 1 号"}}),
    ("members/{member}/redemptions", "GET", 200, None),
    ("members/{member}/redemptions", "POST", 201, {"reward": "mug", "recipient": {"name": "示例会员", "address": "示例路 1 号"}}),
    ("members/{member}/redemptions/{redemption}", "GET", 200, None),
    ("members/{member}/redemptions/{redemption}/cancel", "POST", 200, {}),
    ("redemptions/{redemption}", "GET", 200, None),
    ("redemptions/{redemption}/confirm", "POST", 200, {"paid_cents": 500}),
    ("redemptions/{redemption}/cancel", "POST", 200, {}),
    ("redemptions/{redemption}/return", "POST", 409, {"restock": True, "reason": "1"}),
    ("flash-sales", "GET", 200, None),
    ("members/{member}/flash-sales", "GET", 200, None),
    ("members/{member}/flash-sales/{sale}/ticket", "GET", 200, None),
    ("members/{member}/flash-sales/{sale}/ticket", "POST", 200, {}),
    ("members/{member}/flash-sales/{sale}/ticket", "DELETE", 200, None),
    ("members/{member}/flash-sales/{sale}/redemptions", "POST", 201, {"recipient": {"name": "示例会员", "address": "示例路 1 号"}}),
    ("members/{member}/top-ups", "GET", 200, None),
    ("members/{member}/top-ups", "POST", 201, {"paid_cents": 1_000, "payment": "PAY-9"}),
    ("top-ups/{top_up}/give-back", "POST", 200, {"reason": "1"}),
    ("events", "POST", 200, {"events": [{"id": "E-9", "kind": "liked", "member": "M-1", "occurred_at": "2026-01-01T00:00:00Z", "data": {"subject": "1"}}]}),
    ("programme", "GET", 200, None),
    ("quotes", "POST", 200, {"member": "M-1", "lines": [{"amount_cents": 1_000}], "points": 5}),
    ("holds", "POST", 201, {"member": "M-1", "points": 5}),
    ("holds/{hold}", "GET", 200, None),
    ("holds/{hold}/capture", "POST", 200, {"points": 5}),
    ("holds/{hold}/release", "POST", 200, None),
    ("purchases", "POST", 201, {"id": "P-9", "member": "M-1", "occurred_at": "AT", "currency": "CNY", "lines": [], "paid_cents": 0}),
    ("purchases/{purchase}/refunds", "POST", 201, {"id": "R-1", "occurred_at": "AT", "amount_cents": 500}),
    ("purchases/{purchase}/delivered", "POST", 200, {"occurred_at": "AT"}),
    ("purchases/{purchase}/claim", "POST", 200, {"member": "M-2"}),
    ("refunds", "POST", 202, {"id": "R-9", "occurred_at": "AT", "amount_cents": 500}),
    # Whoever is not the provider is turned away.
    ("receipts/aliyun", "POST", 403, None),
    ("receipts/tencent", "POST", 403, None),
    ("receipts/wechat", "GET", 403, None),
    ("receipts/wechat", "POST", 403, None),
    ("me", "GET", 200, None),
    ("me/account", "GET", 200, None),
    ("me/entries", "GET", 200, None),
    ("me/entries/{entry}/explanation", "GET", 200, None),
    ("me/lots", "GET", 200, None),
    ("me/offers", "GET", 200, None),
    ("me/offers/{offer}/claim", "POST", 200, None),
    ("me/cards", "GET", 200, None),
    ("me/check-ins", "GET", 200, None),
    ("me/check-ins", "POST", 201, {}),
    ("me/coupons", "GET", 200, None),
    ("me/coupons", "POST", 201, {"template": "ten-off"}),
    ("me/coupons/claimable", "GET", 200, None),
    ("me/proofs", "GET", 200, None),
    ("me/missions", "GET", 200, None),
    ("me/missions/{mission}/claim", "POST", 200, {}),
    ("me/badges", "GET", 200, None),
    ("me/purchases", "GET", 200, None),
    ("me/rewards", "GET", 200, None),
    ("me/rewards/{reward}", "GET", 200, None),
    ("me/privileges", "GET", 200, None),
    ("me/rentals", "GET", 200, None),
    ("me/rentals/{rental}", "PUT", 200, {"renews_itself": True}),
    ("me/rentals/{rental}/renew", "POST", 200, None),
    ("me/rentals/{rental}/end", "POST", 200, None),
    ("me/revival", "GET", 200, None),
    ("me/revival/redemptions", "POST", 201, {"reward": "mug", "recipient": {"name": "示例会员", "address": "示例路 1 号"}}),
    ("me/redemptions", "GET", 200, None),
    ("me/redemptions", "POST", 201, {"reward": "mug", "recipient": {"name": "示例会员", "address": "示例路 1 号"}}),
    ("me/redemptions/{redemption}", "GET", 200, None),
    ("me/redemptions/{redemption}/cancel", "POST", 200, {}),
    ("me/referrals", "GET", 200, None),
    ("me/standing", "GET", 200, None),
    ("me/growth", "GET", 200, None),
    ("me/flash-sales", "GET", 200, None),
    ("me/flash-sales/{sale}/ticket", "GET", 200, None),
    ("me/flash-sales/{sale}/ticket", "POST", 200, {}),
    ("me/flash-sales/{sale}/ticket", "DELETE", 200, None),
    ("me/flash-sales/{sale}/redemptions", "POST", 201, {"recipient": {"name": "示例会员", "address": "示例路 1 号"}}),
    ("me/top-ups", "GET", 200, None),
    ("me/inbox", "GET", 200, None),
    ("me/inbox/read-all", "POST", 200, None),
    ("me/inbox/{item}/read", "POST", 200, None),
    ("me/preferences", "GET", 200, None),
    ("me/preferences", "PUT", 200, {"preferences": [{"purpose": "marketing", "channel": "email", "wanted": True}]}),
    ("me/addresses", "GET", 200, None),
    ("me/addresses", "PUT", 200, {"channel": "email", "value": "sample@sample.example"}),
    ("me/addresses/{address}", "DELETE", 200, None),
]


@pytest.fixture(scope="module")
def described():
    schema = schemathesis.openapi.from_dict(SchemaGenerator().get_schema(request=None, public=True))
    schema.app = application
    return schema


def test_every_operation_described_is_asked(described):
    found = {(result.ok().path.removeprefix("/api/v1/"), result.ok().method.upper()) for result in described.get_all_operations()}
    assert found == {(path, method) for path, method, *_ in OPERATIONS}


@pytest.fixture
def one_connection(world):
    """A request leaves the test's own connection open. Django's client, used before, hooks up what closes it each time."""
    for signal in (signals.request_started, signals.request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (signals.request_started, signals.request_finished):
        signal.connect(close_old_connections)


@pytest.fixture
def authorized(storefront, member_client):
    """What a request to that path is signed with."""
    return lambda path: (member_client if path.split("/")[0] == "me" else storefront)._credentials["HTTP_AUTHORIZATION"]


@pytest.mark.parametrize(("path", "method", "good", "body"), OPERATIONS, ids=lambda value: value if isinstance(value, str) else "")
def test_an_operation_does_what_is_described_and_nothing_else(described, one_connection, authorized, world, at, path, method, good, body):
    operation = described[f"/api/v1/{path}"][method]
    there = {**world, "purchase": "P-guest" if path.endswith("claim") else "P-1"}
    named = {name: value for name, value in there.items() if f"{{{name}}}" in path}
    headers = {"Authorization": authorized(path)}

    def ask(case):
        # A key that came before would be refused before anything else is looked at.
        key = {"Idempotency-Key": str(new_id())} if method == "POST" else {}
        response = case.call(headers={**headers, **key})
        case.validate_response(response, checks=CHECKS)
        return response.status_code

    given_body = {name: at if value == "AT" else value for name, value in body.items()} if body else NOT_SET
    assert ask(operation.Case(path_parameters=named, body=given_body, media_type="application/json" if body else None)) == good

    strategies = [operation.as_strategy(mode, path_parameters=named) for mode in GenerationMode]
    strategies += [operation.as_strategy(mode) for mode in GenerationMode if named]

    @settings(
        max_examples=EXAMPLES * len(strategies), derandomize=THE_SAME_EACH_TIME, phases=[Phase.generate], suppress_health_check=list(HealthCheck), database=None
    )
    @given(case=st.one_of(strategies), known=st.booleans())
    def anything(case, known):
        if known and isinstance(case.body, dict) and "member" in case.body:
            case.body["member"] = "M-1"
        ask(case)

    anything()
