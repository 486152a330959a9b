import json
import logging
import subprocess
import sys
import threading

import pytest
from celery.contrib.testing.worker import start_worker
from celery.signals import task_postrun
from structlog.contextvars import bound_contextvars, get_contextvars
from structlog.testing import capture_logs

from loyalty.audit import tasks
from loyalty.audit.models import JobRun
from loyalty.celery import app
from loyalty.lib.ids import new_id
from loyalty.logs import logging_config


@pytest.fixture
def lines():
    """What was logged, whole."""
    with capture_logs() as captured:
        yield captured


@pytest.mark.django_db
def test_a_request_is_one_line_with_its_path_and_how_it_ended(client, lines):
    client.get("/nowhere")
    (line,) = [line for line in lines if line["log_level"] != "debug"]
    assert (line["event"], line["request"], line["code"], line["log_level"]) == ("request_finished", "GET /nowhere", 404, "warning")


@pytest.mark.django_db
def test_neither_query_nor_body_nor_credentials_are_logged(client, caplog, lines):
    caplog.set_level(logging.DEBUG)
    client.post("/admin/login/?q=13800000000", {"username": "x", "password": "pw-sekret"}, headers={"Authorization": "Api-Key k-sekret"})
    said = json.dumps(lines, default=str) + caplog.text
    assert "POST /admin/login/" in said
    assert not any(secret in said for secret in ("13800000000", "pw-sekret", "k-sekret"))


def test_probes_are_not_logged(client, lines):
    client.get("/healthz")
    assert lines == []


@pytest.mark.django_db
def test_the_answer_names_the_request_and_the_next_one_has_another_id(client):
    ids = {client.get("/nowhere").headers["X-Request-ID"] for _ in range(2)}
    assert len(ids) == 2


@pytest.mark.django_db
@pytest.mark.parametrize(("trusted", "taken"), [(True, True), (False, False)])
def test_only_our_own_proxy_may_name_a_request(trusted, taken, client, settings):
    settings.DJANGO_STRUCTLOG_TRUST_UPSTREAM_REQUEST_ID = trusted
    assert (client.get("/nowhere", headers={"X-Request-ID": "R-1"}).headers["X-Request-ID"] == "R-1") is taken


@pytest.mark.django_db(transaction=True)
def test_the_id_of_a_request_reaches_the_task_it_sent_and_its_log_line(lines):
    queue = f"tests-{new_id()}"
    ended = threading.Event()
    said = []

    def end(**_):
        context = get_contextvars()
        said.append({name: context.get(name) for name in ("request_id", "task")})
        ended.set()

    task_postrun.connect(end, dispatch_uid=queue)
    try:
        with start_worker(app, perform_ping_check=False, queues=[queue], pool="solo", shutdown_timeout=30), bound_contextvars(request_id="R-1"):
            tasks.heartbeat.apply_async(queue=queue)
            assert ended.wait(30)
    finally:
        task_postrun.disconnect(dispatch_uid=queue)
    assert JobRun.objects.get().request_id == "R-1"
    assert "task_succeeded" in [line["event"] for line in lines]
    assert said == [{"request_id": "R-1", "task": "loyalty.heartbeat"}]


def test_json_has_one_object_a_line_with_the_traceback_but_no_local_variables():
    program = (
        "import logging.config, sys\n"
        "from loyalty.logs import logging_config\n"
        "logging.config.dictConfig(logging_config(form=sys.argv[1], level='INFO'))\n"
        "def fail(secret):\n"
        "    raise ValueError('words')\n"
        "try:\n"
        "    fail('local-' + 'variable')\n"
        "except ValueError:\n"
        "    logging.getLogger('sample').exception('It failed: %s', '原因')\n"
        "logging.getLogger('sample').debug('unheard')\n"
    )

    def said(form):
        return subprocess.run([sys.executable, "-c", program, form], capture_output=True, text=True, check=True).stderr

    (line,) = said("json").splitlines()
    entry = json.loads(line)
    assert (entry["event"], entry["level"], entry["logger"]) == ("It failed: 原因", "error", "sample")
    assert "ValueError: words" in entry["exception"]
    assert "原因" in said("console")
    assert "local-variable" not in line + said("console")


def test_the_level_is_the_roots():
    assert logging_config(form="json", level="WARNING")["root"]["level"] == "WARNING"
