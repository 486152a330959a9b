"""Who did something, as operators' lists and pages name them."""

import pytest
from django.contrib.auth.models import User
from django.urls import reverse
from django.utils.translation import override

import accounts.tokens.api  # noqa: F401 (as in every process that answers requests, it says how a member is named)
from accounts.keys import selectors, services
from loyalty.audit import services as audit
from loyalty.lib.callers import named
from points.ledger import services as ledger

pytestmark = pytest.mark.django_db


@pytest.fixture
def operator(client, settings):
    settings.LANGUAGE_CODE, settings.CONFIGURATION_SECONDS = "en", 60
    client.force_login(User.objects.create_superuser("op", password=None))
    return client


@pytest.fixture
def shop(now):
    return f"key:{services.issue(name='The shop', scopes=['points:spend'], actor='op', now=now)[0].prefix}"


def listed(client, name, *args):
    return client.get(reverse(f"admin:{name}", args=args)).content.decode()


def test_a_storefront_goes_by_the_name_of_its_key_a_member_without_their_id_and_anybody_else_as_they_stand(shop):
    with override("en"):
        given = [named(actor) for actor in (shop, "member:0192f0c1", "op", "key:of-nobody", "mail:op", "")]
    assert given == ["The shop", "the member", "op", "key:of-nobody", "mail:op", ""]


def test_a_key_that_is_renamed_goes_by_its_new_name_at_once(operator, shop, now, django_capture_on_commit_callbacks):
    named(shop)
    key = selectors.by_prefix(shop.removeprefix("key:"))
    with django_capture_on_commit_callbacks(execute=True):
        services.change(key_id=key.id, name="Shop and app", scopes=key.scopes, expires_at=None, actor="op", now=now)
    assert named(shop) == "Shop and app"


def test_the_ledger_the_members_page_and_the_audit_trail_name_it(operator, shop, member, now):
    entry = ledger.earn(member_id=member.id, points=5, source="purchase", actor=shop, key="e", now=now)
    audit.record(actor=shop, verb="member.closed", subject="member/M-1", now=now)
    pages = [("points_entry_changelist",), ("points_entry_change", entry.id), ("accounts_member_change", member.id), ("loyalty_auditentry_changelist",)]
    for page in pages:
        text = listed(operator, *page)
        assert "The shop" in text, page
        assert shop not in text, page


def test_a_page_asks_once_for_a_key_that_is_none_however_many_rows_name_it(operator, now, django_assert_max_num_queries):
    def keys_read():
        with django_assert_max_num_queries(30) as asked:
            assert listed(operator, "loyalty_auditentry_changelist").count("key:0123456789ab") >= 10
        return sum("accounts_storefrontkey" in one["sql"] for one in asked.captured_queries)

    for number in range(10):
        audit.record(actor="key:0123456789ab", verb="sample", subject=f"sample/{number}", now=now)
    assert (keys_read(), keys_read()) == (1, 0)


def test_a_prefix_that_a_stranger_sends_is_not_remembered(operator):
    assert selectors.by_prefix("0123456789ab") is None
    assert "0123456789ab" not in selectors._held
