from collections.abc import Collection

from .models import JobRun


def last_runs(*, jobs: Collection[str]) -> dict[str, JobRun]:
    """The newest run of each job that has run."""
    runs = (JobRun.objects.filter(job=job).order_by("-id").first() for job in jobs)
    return {run.job: run for run in runs if run}
