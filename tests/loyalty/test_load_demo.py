"""`manage.py load_demo`: a programme with something in it, the same however often it is loaded."""

import gzip
import io
import itertools
import json
import stat

import pytest
from django.contrib.auth import authenticate, get_user_model
from django.core.management import CommandError, call_command
from rest_framework.test import APIClient

from accounts.activity.models import Purchase, UnmatchedRefund
from accounts.keys.models import Scope, StorefrontKey
from loyalty.management.commands.load_demo import SAMPLE
from loyalty.programme.models import Programme
from mall.checkout import selectors as till
from points.adjustments import selectors as adjustments
from points.adjustments import services as deciding
from points.ledger.models import Entry
from points.rulebook import selectors as rulebook
from points.rulebook.rules import ONE, Effect
from points.terms.models import Terms

pytestmark = pytest.mark.django_db


@pytest.fixture
def place(tmp_path, monkeypatch, settings):
    # How long hashing takes is not what is tested here.
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    monkeypatch.setenv("DEMO_JSON", str(tmp_path / "demo.json"))
    monkeypatch.setenv("LOYALTY_URL", "http://127.0.0.1:8123")
    return tmp_path / "demo.json"


@pytest.fixture
def few(tmp_path):
    """The beginning of the sample."""
    path = tmp_path / "few.csv"
    with gzip.open(SAMPLE, "rt", newline="") as file:
        path.write_text("".join(itertools.islice(file, 61)), newline="")
    return path


@pytest.fixture
def load(place, few):
    def run():
        out = io.StringIO()
        call_command("load_demo", file=few, stdout=out, stderr=io.StringIO())
        return out.getvalue()

    return run


def everything():
    tables = (Entry, Purchase, UnmatchedRefund, StorefrontKey, Programme, Terms, get_user_model())
    return {table.__name__: list(table.objects.order_by("pk").values()) for table in tables}


def test_the_file_says_where_who_and_with_what(load, place):
    load()
    demo = json.loads(place.read_text())
    assert (demo["url"], demo["currency"]) == ("http://127.0.0.1:8123", "USD")
    assert [(one["name"], one["role"]) for one in demo["operators"]] == [("sample-administrator", "administrator"), ("sample-finance", "finance")]
    assert stat.S_IMODE(place.stat().st_mode) == 0o600


def test_the_operators_log_in_with_their_roles(load, place, rf):
    load()
    for one in json.loads(place.read_text())["operators"]:
        operator = authenticate(rf.get("/"), username=one["name"], password=one["password"])
        assert (operator.is_staff, operator.is_superuser, [group.name for group in operator.groups.all()]) == (True, False, [one["role"]])


def test_the_key_opens_everything(load, place):
    load()
    assert StorefrontKey.objects.get().scopes == sorted(Scope.values)
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Api-Key {json.loads(place.read_text())['storefront_key']}")
    assert client.get("/api/v1/members/M-1002/account").json()["available"] == 328


def test_the_programme_is_set_and_its_purchases_end_this_week(load, now):
    load()
    assert (Programme.current().zone, Programme.current().currency, str(Terms.current().policy)) == ("America/New_York", "USD", "months:12")
    assert (rulebook.in_force(at=now).said.effect, till.burn_policy().points_per_unit) == (Effect("per_unit", rate=ONE), 100)
    last = Purchase.objects.exclude(external_id__startswith="SAMPLE").order_by("-occurred_at").first()
    assert 0 <= (now - last.occurred_at).total_seconds() + 60 < 8 * 86400


def test_something_waits_for_an_operator(load):
    load()
    assert sorted(UnmatchedRefund.objects.values_list("status", flat=True)) == ["parked", "waiting"]
    assert [one.points for one in adjustments.waiting()] == [2500]


def test_loaded_again_nothing_changes(load, place):
    load()
    before, file = everything(), place.read_bytes()
    assert "Nothing new" in load()
    assert (everything(), place.read_bytes()) == (before, file)


def test_what_an_operator_has_decided_or_set_stays(load, now):
    load()
    (asked,) = adjustments.waiting()
    deciding.refuse(adjustment_id=asked.id, operator_id=get_user_model().objects.get(username="sample-administrator").pk, reason="no", now=now)
    terms = Terms.current()
    terms.length = 24
    terms.save()
    load()
    assert (list(adjustments.waiting()), Terms.current().length) == ([], 24)


def test_without_its_file_new_secrets_take_the_place_of_the_old_ones_and_it_says_so(load, place, rf):
    load()
    old = json.loads(place.read_text())
    place.unlink()
    said = load()
    new = json.loads(place.read_text())
    assert "sample-finance has a new password" in said
    assert "The sample key has a new secret" in said
    assert StorefrontKey.objects.count() == 1
    assert authenticate(rf.get("/"), username="sample-finance", password=old["operators"][1]["password"]) is None
    assert authenticate(rf.get("/"), username="sample-finance", password=new["operators"][1]["password"])
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Api-Key {old['storefront_key']}")
    assert client.get("/api/v1/members/M-1001/account").status_code == 401


def test_a_file_of_another_installation_is_made_right(load, place):
    place.write_text(
        json.dumps({"url": "", "currency": "", "storefront_key": "lk_x", "operators": [{"name": "sample-finance", "password": "x", "role": "finance"}]})
    )
    load()
    assert json.loads(place.read_text())["operators"][1]["password"] != "x"


def test_a_file_that_cannot_be_read_is_left_alone(load, place):
    place.write_text("{")
    with pytest.raises(CommandError, match="cannot be read"):
        load()
    assert place.read_text() == "{"


def test_without_a_place_for_the_secrets_nothing_is_loaded(few, monkeypatch):
    monkeypatch.delenv("DEMO_JSON", raising=False)
    with pytest.raises(CommandError, match="DEMO_JSON"):
        call_command("load_demo", file=few)
    assert not Programme.objects.exists()
