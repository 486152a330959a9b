import secrets
from datetime import timedelta

from django.utils.translation import gettext_lazy

from loyalty.audit.services import Run, job

from . import services


@job("accounts.write_copies", title=gettext_lazy("Write copies of members' data"), every=timedelta(seconds=10))
def write_copies(run: Run) -> None:
    while run.has_time and run.add(copies=services.write_copy(now=run.now)):
        pass


@job("accounts.delete_copies", title=gettext_lazy("Delete copies of members' data whose time is over"), daily_at="03:45")
def delete_copies(run: Run) -> None:
    while run.has_time and run.add(deleted=services.delete_copies(limit=100, now=run.now)):
        pass


@job("accounts.carry_out_erasures", title=gettext_lazy("Erase members whose time to call it off is over"), every=timedelta(minutes=10))
def carry_out_erasures(run: Run) -> None:
    while run.has_time and run.add(erased=services.carry_out(seed=secrets.token_bytes(32), now=run.now)):
        pass
