import threading

import pytest
from django.db import connection

from riskcontrol.screening import services as screening
from riskcontrol.screening.models import BlockListEntry

pytestmark = pytest.mark.django_db(transaction=True)


def test_of_two_operators_who_block_a_member_at_once_one_is_told_that_it_is_done(member, now):
    ready, outcomes = threading.Barrier(4), []

    def block():
        try:
            ready.wait(20)
            screening.block(member_id=member.id, reason="many accounts", actor="sample", now=now)
            outcomes.append("blocked")
        except screening.AlreadyBlocked:
            outcomes.append("already")
        finally:
            connection.close()

    threads = [threading.Thread(target=block) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["already", "already", "already", "blocked"]
    assert BlockListEntry.objects.count() == 1
