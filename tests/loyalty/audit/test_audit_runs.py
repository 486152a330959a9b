import time
from datetime import timedelta
from types import SimpleNamespace

import pytest
from structlog.contextvars import bound_contextvars

from loyalty.audit import selectors, tasks
from loyalty.audit import services as audit
from loyalty.audit.models import JobRun

pytestmark = pytest.mark.django_db
Status = JobRun.Status
SECOND = timedelta(seconds=1)


def test_a_run_leaves_its_counts_and_its_duration(declare):
    def work(run):
        assert run.add(expired=2) == 2
        assert run.add({"expired": 1, "members": 1}) == 2
        assert run.add(expired=0) == 0

    declare(work)()
    run = JobRun.objects.get()
    assert (run.job, run.status, run.counts, run.runs) == ("tests.job", Status.DONE, {"expired": 3, "members": 1}, 1)
    assert timedelta(0) < run.duration < timedelta(seconds=10)


def test_a_failure_is_recorded_with_what_was_done_until_then_and_goes_on_up(declare):
    def work(run):
        run.add(expired=2)
        raise ValueError("no more")

    with pytest.raises(ValueError, match="no more"):
        declare(work)()
    run = JobRun.objects.get()
    assert (run.status, run.counts, run.error) == (Status.FAILED, {"expired": 2}, "ValueError: no more")
    assert run.finished_at


def test_a_run_shows_how_far_it_is_while_it_goes_on(declare, monkeypatch):
    monkeypatch.setattr(audit, "HEARTBEAT_SECONDS", 0)

    def work(run):
        run.add(expired=2)
        row = JobRun.objects.get()
        assert (row.status, row.counts, row.finished_at) == (Status.RUNNING, {"expired": 2}, None)
        assert row.heartbeat_at > row.started_at

    declare(work)()


def test_the_id_of_the_request_that_sent_a_job_stands_on_its_run(declare):
    with bound_contextvars(request_id="R-1"):
        declare(lambda _run: None)()
    assert JobRun.objects.get().request_id == "R-1"


def begun(now, ago):
    return JobRun.objects.create(job="tests.job", started_at=now - ago, heartbeat_at=now - ago)


@pytest.mark.parametrize(("limit", "status"), [(120, Status.ABANDONED), (300, Status.RUNNING)])
def test_a_run_without_a_sign_of_life_for_longer_than_a_task_may_take_is_abandoned_by_the_next(limit, status, now, settings):
    settings.CELERY_TASK_TIME_LIMIT = limit
    dead = begun(now, timedelta(minutes=3, seconds=1))
    with audit.running("tests.job", now=now):
        pass
    dead.refresh_from_db()
    assert dead.status == status


def test_a_run_that_may_still_be_going_on_is_left_alone(now):
    alive = begun(now, timedelta(minutes=2))
    with audit.running("tests.job", now=now):
        pass
    alive.refresh_from_db()
    assert alive.status == Status.RUNNING


def test_a_run_of_another_job_is_not_abandoned(now):
    other = begun(now, timedelta(days=1))
    with audit.running("tests.other", now=now):
        pass
    other.refresh_from_db()
    assert other.status == Status.RUNNING


@pytest.fixture
def resent(monkeypatch):
    """What was sent to the workers."""
    sent = []
    task = SimpleNamespace(apply_async=lambda: sent.append("tests.job"))
    monkeypatch.setitem(audit.JOBS, "tests.job", audit.Job("tests.job", "", audit.Schedule(every=SECOND), task))
    return sent


def test_a_job_whose_worker_was_killed_is_sent_again_once(resent, now):
    dead = begun(now, audit.SILENCE + SECOND)
    assert [audit.resume_dead(now=now), audit.resume_dead(now=now)] == [1, 0]
    dead.refresh_from_db()
    assert (dead.status, resent) == (Status.ABANDONED, ["tests.job"])


def test_a_job_that_shows_life_is_not_sent_again(resent, now):
    begun(now, audit.SILENCE)
    assert audit.resume_dead(now=now) == 0
    assert resent == []


@pytest.mark.django_db(transaction=True)
def test_a_run_shows_life_while_one_batch_takes_long(declare, monkeypatch):
    monkeypatch.setattr(audit, "HEARTBEAT_SECONDS", 0.01)

    def work(_run):
        row = JobRun.objects.get()
        deadline = time.monotonic() + 10
        while row.heartbeat_at == row.started_at:
            assert time.monotonic() < deadline, "no sign of life"
            row.refresh_from_db()

    declare(work)()
    assert JobRun.objects.get().status == Status.DONE


def test_runs_in_a_row_that_found_nothing_to_do_share_one_line(now):
    for minute in range(3):
        with audit.running("tests.job", now=now + minute * timedelta(minutes=1)):
            pass
    run = JobRun.objects.get()
    assert (run.runs, run.started_at, run.duration) == (3, now, None)
    assert now + timedelta(minutes=2) <= run.finished_at < now + timedelta(minutes=3)


def test_a_run_that_did_something_has_a_line_of_its_own(now):
    for minute, done in enumerate([0, 5, 0, 0]):
        with audit.running("tests.job", now=now + minute * timedelta(minutes=1)) as run:
            run.add(expired=done)
    assert list(JobRun.objects.order_by("id").values_list("runs", "counts")) == [(1, {}), (1, {"expired": 5}), (2, {})]


def test_a_failure_that_did_nothing_has_a_line_of_its_own(now):
    with audit.running("tests.job", now=now):
        pass
    with pytest.raises(ValueError, match="x"), audit.running("tests.job", now=now + SECOND):
        raise ValueError("x")
    assert list(JobRun.objects.order_by("id").values_list("status", flat=True)) == [Status.DONE, Status.FAILED]


@pytest.mark.parametrize(("days", "left"), [(90, {"new", "running"}), (120, {"new", "running", "old"})])
def test_runs_are_kept_for_so_many_days(days, left, now, settings):
    settings.JOB_RUN_DAYS = days
    for name, ago, finished in [("old", 100, True), ("new", 80, True), ("running", 200, False)]:
        at = now - timedelta(days=ago)
        JobRun.objects.create(
            job=name, started_at=at, heartbeat_at=at, finished_at=at if finished else None, status=Status.DONE if finished else Status.RUNNING
        )
    tasks.prune()
    assert set(JobRun.objects.exclude(job="audit.prune").values_list("job", flat=True)) == left


def test_runs_are_pruned_in_batches(now):
    for name in "abc":
        JobRun.objects.create(job=name, started_at=now, heartbeat_at=now, finished_at=now, status=Status.DONE)
    assert [audit.prune(before=now + SECOND, limit=2) for _ in range(3)] == [2, 1, 0]


def batches_of(left):
    def work(run):
        while run.has_time and run.add(done=left.pop() if left else 0):
            pass

    return work


def test_a_job_works_until_there_is_nothing_left(declare):
    left = [1, 2, 3]
    declare(batches_of(left))()
    assert left == []


@pytest.fixture
def sent(monkeypatch):
    """How often the task was sent to the workers."""
    times = []
    monkeypatch.setattr("celery.app.task.Task.apply_async", lambda task, *_args, **_options: times.append(task.name))
    return times


def test_a_daily_job_whose_time_is_up_sends_itself_again(declare, monkeypatch, sent):
    monkeypatch.setattr(audit, "RUN_SECONDS", 0)
    left = [1, 2, 3]
    declare(batches_of(left), daily_at="00:05").apply()
    assert left == [1, 2, 3]
    assert sent == ["tests.job"]


def test_a_frequent_job_whose_time_is_up_waits_for_its_next_turn(declare, monkeypatch, sent):
    monkeypatch.setattr(audit, "RUN_SECONDS", 0)
    declare(batches_of([1])).apply()
    assert sent == []


def test_a_daily_job_that_finished_does_not_send_itself_again(declare, sent):
    declare(batches_of([1]), daily_at="00:05").apply()
    assert sent == []


def test_the_last_run_of_each_job_is_found(now):
    for job, error in [("a", "1"), ("b", "2"), ("a", "3")]:
        JobRun.objects.create(job=job, started_at=now, heartbeat_at=now, error=error)
    assert {job: run.error for job, run in selectors.last_runs(jobs=["a", "b", "c"]).items()} == {"a": "3", "b": "2"}
