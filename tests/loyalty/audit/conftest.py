from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from celery import Task, current_app

from loyalty.audit import services as audit
from loyalty.audit.services import Run


@pytest.fixture
def declare(monkeypatch) -> Iterator[Callable[..., Task]]:
    """Make a function a job of that name, for this test only."""
    names: set[str] = set()
    monkeypatch.setattr(audit, "JOBS", dict(audit.JOBS))

    def make(function: Callable[[Run], None], name: str = "tests.job", **schedule) -> Task:
        names.add(name)
        return audit.job(name, **(schedule or {"every": timedelta(minutes=1)}))(function)

    yield make
    for name in names:
        current_app.tasks.unregister(name)
