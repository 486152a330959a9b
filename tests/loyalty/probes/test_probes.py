from datetime import timedelta

import pytest
from django.db import OperationalError
from django.db.migrations.recorder import MigrationRecorder

from loyalty import probes
from loyalty.audit import tasks
from loyalty.audit.models import JobRun
from loyalty.lib import readiness


@pytest.fixture
def checks(client, db):
    """The checks of `/readyz`, and whether it was ready on the whole, which its status must agree with."""

    def ask():
        answer = client.get("/readyz")
        body = answer.json()
        assert (answer.status_code, body["status"]) in {(200, "ready"), (503, "not ready")}
        assert (answer.status_code == 200) == all(check["ready"] for check in body["checks"].values())
        return body["checks"]

    return ask


def test_healthz_says_alive_without_asking_anything_else(client, settings):
    settings.CELERY_BROKER_URL = "redis://127.0.0.1:1/0"
    # No database may be touched: this test has not asked for one.
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "alive"})


def test_the_system_is_ready_when_every_check_holds(checks):
    tasks.heartbeat()
    found = checks()
    assert {"database", "broker", "migrations", "heartbeat", "outbox"} <= set(found)
    assert found["heartbeat"] == {"ready": True, "sentence": "Jobs are running."}
    assert all(check["ready"] for check in found.values())


def test_a_broker_that_is_away_is_named(checks, settings):
    settings.CELERY_BROKER_URL = "redis://:secret@127.0.0.1:1/0"
    assert checks()["broker"] == {"ready": False, "sentence": "The check failed: ConnectionError."}


def test_a_database_that_is_away_is_named(checks, monkeypatch):
    class Away:
        def cursor(self):
            raise OperationalError("10.0.0.1 does not answer")

    monkeypatch.setattr(probes, "connection", Away())
    assert checks()["database"] == {"ready": False, "sentence": "The check failed: OperationalError."}


def test_a_migration_that_is_not_applied_is_named(checks, monkeypatch):
    monkeypatch.setattr(probes, "_migrated", False)
    MigrationRecorder.Migration.objects.filter(app="riskcontrol").delete()
    found = checks()["migrations"]
    assert not found["ready"]
    assert "not applied, riskcontrol.0001_initial the first of them" in found["sentence"]


def test_before_the_first_heartbeat_the_system_is_ready_and_says_so(checks):
    assert checks()["heartbeat"] == {"ready": True, "sentence": "No job has run yet: start beat and a worker if this stays so."}


@pytest.mark.parametrize(("minutes", "ready"), [(4, True), (6, False)])
def test_a_heartbeat_that_stopped_makes_it_not_ready(minutes, ready, checks, now):
    at = now - timedelta(minutes=minutes)
    JobRun.objects.create(job="loyalty.heartbeat", status="done", started_at=at, heartbeat_at=at, finished_at=at)
    assert checks()["heartbeat"]["ready"] is ready


def test_a_feature_adds_its_own_check(checks, monkeypatch):
    monkeypatch.setattr(readiness, "CHECKS", readiness.CHECKS)
    monkeypatch.setitem(readiness.CHECKS, "sample", None)

    @readiness.readiness("sample")
    def something(*, now):
        raise readiness.NotReady("Three holds are overdue.")

    assert checks()["sample"] == {"ready": False, "sentence": "Three holds are overdue."}


@pytest.mark.django_db
def test_metrics_are_open_to_this_machine_when_there_is_no_token(client, settings):
    settings.METRICS_TOKEN = ""
    answer = client.get("/metrics")
    assert answer.status_code == 200
    text = answer.content.decode()
    assert 'loyalty_ready{check="database"} 1.0' in text
    assert 'loyalty_outbox_rows{status="failed"} 0.0' in text
    assert "django_http_requests_total" in text


@pytest.mark.parametrize("call", [{"REMOTE_ADDR": "203.0.113.9"}, {"HTTP_X_FORWARDED_FOR": "203.0.113.9"}, {"REMOTE_ADDR": "2001:db8::1"}])
def test_metrics_are_closed_to_other_machines_when_there_is_no_token(call, client, settings):
    settings.METRICS_TOKEN = ""
    assert client.get("/metrics", **call).status_code == 403


@pytest.mark.django_db
def test_metrics_need_the_token_where_one_is_set_from_wherever_they_are_asked(client, settings):
    settings.METRICS_TOKEN = "sample-token"
    assert client.get("/metrics").status_code == 401
    assert client.get("/metrics", headers={"Authorization": "Bearer other"}).status_code == 401
    assert client.get("/metrics", headers={"Authorization": "Bearer sample-token"}, REMOTE_ADDR="203.0.113.9").status_code == 200


@pytest.mark.django_db
def test_the_metrics_of_all_processes_are_added_up(client, settings, monkeypatch, tmp_path):
    settings.METRICS_TOKEN = ""
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    text = client.get("/metrics").content.decode()
    assert 'loyalty_ready{check="database"} 1.0' in text
    assert "django_http_requests_total" not in text, "read from the folder, which is empty, not from this process"
