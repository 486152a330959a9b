"""One thing told by many at once, without the member's lock: the database alone holds it to once. A kind without that is the control."""

import threading
from collections import Counter
from datetime import UTC, datetime

import pytest
from django.db import connection, transaction

from accounts.activity import services
from accounts.activity.models import Behaviour
from loyalty.lib.refusals import BusinessError

pytestmark = pytest.mark.django_db(transaction=True)
MANY = 12
WHEN = datetime(2026, 3, 1, 4, tzinfo=UTC)


def told_at_once(member, now, *messages):
    """What each of these messages (kind, id, data) was answered, all sent at the same moment."""
    start, answers = threading.Barrier(len(messages)), []

    def tell(kind, external_id, data):
        try:
            start.wait(20)
            with transaction.atomic():
                told = services.record_behaviour(
                    member_id=member.id, kind=kind, external_id=external_id, data=data, occurred_at=WHEN, ours=False, now=now
                )  # fmt: skip
            answers.append("replayed" if told.repeated else "recorded")
        except BusinessError as refusal:
            answers.append(refusal.code)
        finally:
            connection.close()

    threads = [threading.Thread(target=tell, args=message) for message in messages]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return Counter(answers)


def test_what_counts_once_is_recorded_once_whoever_tells_it_first(member, now):
    answers = told_at_once(member, now, *(("liked", f"E{n}", {"subject": "P"}) for n in range(MANY)))
    assert answers == {"recorded": 1, "fact_repeated": MANY - 1}
    assert Behaviour.objects.count() == 1


def test_the_same_message_many_times_at_once_is_one_fact_and_replays_of_it(member, now):
    answers = told_at_once(member, now, *[("liked", "E", {"subject": "P"})] * MANY)
    assert answers == {"recorded": 1, "replayed": MANY - 1}
    assert Behaviour.objects.count() == 1


def test_one_id_with_many_contents_is_the_first_of_them(member, now):
    answers = told_at_once(member, now, *(("liked", "E", {"subject": f"P{n}"}) for n in range(MANY)))
    assert answers == {"recorded": 1, "fact_conflict": MANY - 1}


def test_what_counts_every_time_is_recorded_as_often_as_it_is_told(member, now):
    answers = told_at_once(member, now, *(("proof_uploaded", f"E{n}", {"task": "T", "url": "u"}) for n in range(MANY)))
    assert answers == {"recorded": MANY}
    assert Behaviour.objects.count() == MANY
