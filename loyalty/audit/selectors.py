from collections.abc import Collection

from .models import AuditEntry, JobRun

MOST_ABOUT = 200


def about(*, subject: str) -> list[AuditEntry]:
    """What was done to something, the first thing first; of very much the newest."""
    return list(AuditEntry.objects.filter(subject=subject).order_by("-at", "-id")[:MOST_ABOUT])[::-1]


def last_runs(*, jobs: Collection[str]) -> dict[str, JobRun]:
    """The newest run of each job that has run."""
    # One statement, and for each job one look into the index.
    runs = JobRun.objects.none().union(*(JobRun.objects.filter(job=job).order_by("-id")[:1] for job in jobs), all=True)
    return {run.job: run for run in runs}


def recent_runs(*, jobs: Collection[str], lines: int = 20) -> dict[str, list[JobRun]]:
    """The newest lines of each job that has run, the newest first."""
    runs = JobRun.objects.none().union(*(JobRun.objects.filter(job=job).order_by("-id")[:lines] for job in jobs), all=True)
    found: dict[str, list[JobRun]] = {}
    for run in sorted(runs, key=lambda run: -run.id):
        found.setdefault(run.job, []).append(run)
    return found
