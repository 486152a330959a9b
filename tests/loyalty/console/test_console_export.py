import csv
import io
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from loyalty.audit.models import AuditEntry
from loyalty.lib.spreadsheets import cell, lines
from points.ledger import services as ledger
from points.ledger.models import Entry

URL = "/admin/points/entry/export/"


def exported(client, now, **more) -> list[dict[str, str]]:
    days = {"since": f"{now - timedelta(days=30):%Y-%m-%d}", "until": f"{now + timedelta(days=1):%Y-%m-%d}"}
    answer = client.post(URL, {**days, **more})
    assert answer.streaming, answer.content.decode()[-2000:]
    return list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode("utf-8-sig"))))


@pytest.mark.parametrize(
    ("value", "shown"),
    [("=1+1", "'=1+1"), ("+1", "'+1"), ("-1", "'-1"), ("@SUM(A1)", "'@SUM(A1)"), ("\tx", "'\tx"), ("\rx", "'\rx"), ("plain", "plain"), (-5, -5), (None, "")],
)
def test_a_cell_never_runs_as_a_formula_and_numbers_stay_numbers(value, shown):
    assert cell(value) == shown


def test_the_file_says_that_it_is_utf8():
    assert next(lines(["积分"], [])) == "\ufeff积分\r\n"


@pytest.mark.django_db
def test_every_entry_of_those_days_is_one_line(browser, history, now):
    rows = exported(browser("finance"), now)
    assert len(rows) == Entry.objects.count()
    assert sum(int(row["available ±"]) for row in rows) == sum(Entry.objects.values_list("available_change", flat=True))


@pytest.mark.django_db
def test_one_member_alone_can_be_exported(browser, history, other_member, now):
    rows = exported(browser("finance"), now, member="M-2")
    assert {row["member"] for row in rows} == {"M-2"}


@pytest.mark.django_db
def test_a_reason_that_looks_like_a_formula_is_made_harmless(browser, member, now):
    ledger.adjust(member_id=member.id, points=5, actor="tests", reason='=HYPERLINK("x")', key="adjust/1", now=now)
    assert exported(browser("finance"), now)[0]["reason"] == '\'=HYPERLINK("x")'


@pytest.mark.django_db
def test_an_export_is_in_the_audit_trail(browser, history, now):
    exported(browser("finance"), now, member="M-1")
    entry = AuditEntry.objects.get(verb="ledger.exported")
    assert (entry.actor, entry.figures["member"]) == ("finance", "M-1")


@pytest.mark.django_db
def test_entries_booked_outside_of_those_days_are_not_exported(browser, history, now):
    assert exported(browser("finance"), now - timedelta(days=60)) == []


@pytest.mark.django_db
@pytest.mark.parametrize("role", ["viewer", "service", "marketer", "risk"])
def test_other_roles_may_not_export(browser, role):
    assert browser(role).get(URL).status_code == 403


@pytest.mark.django_db
def test_a_range_that_ends_before_it_begins_and_an_unknown_member_are_refused_with_a_sentence(browser):
    page = browser("finance").post(URL, {"since": "2026-02-01", "until": "2026-01-01", "member": "nobody"}).content.decode()
    assert "The last day lies before the first." in page
    assert "There is no such member." in page


@pytest.mark.django_db(transaction=True)
def test_rows_are_read_by_a_cursor_on_the_server(browser, history, now):
    client = browser("finance")
    with CaptureQueriesContext(connection) as captured:
        exported(client, now)
    # A named cursor is not among the statements that the connection records: the entries never came at once.
    assert not [one["sql"] for one in captured if one["sql"].startswith("SELECT") and "points_entry" in one["sql"] and "cost_centre" in one["sql"]]
