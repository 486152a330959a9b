import os

import structlog
from celery import Celery, Task
from celery.signals import setup_logging
from django_structlog.celery.signals import bind_extra_task_metadata
from django_structlog.celery.steps import DjangoStructLogInitStep

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "loyalty.settings")

app = Celery("loyalty")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
# The id of the request that sent a task stands in the task's log lines.
app.steps["worker"].add(DjangoStructLogInitStep)


@setup_logging.connect
def keep_our_logging(**_: object) -> None:
    """Celery sets up logging of its own unless somebody listens here; Django has set up ours."""


def name_the_task(task: Task, **_: object) -> None:
    """Each line of a task says which task it is."""
    structlog.contextvars.bind_contextvars(task=task.name)


bind_extra_task_metadata.connect(name_the_task)
