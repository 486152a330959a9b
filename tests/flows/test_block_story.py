"""A block that ends before anybody heard that it had begun leaves nobody frozen."""

from datetime import timedelta

from django.utils import timezone

from loyalty.outbox import services as outbox
from loyalty.outbox.models import OutboxRow
from points.ledger import selectors as books
from points.ledger.models import Entry
from riskcontrol.screening import services as screening


def test_the_end_of_a_block_never_overtakes_its_beginning_whichever_line_is_delivered_first(member):
    now = timezone.now()
    screening.block(member_id=member.id, reason="sample", until=now - timedelta(hours=1), actor="tests", now=now - timedelta(days=2))
    screening.lift_lapsed(limit=10, now=now)

    for row in OutboxRow.objects.order_by("-id"):
        outbox.deliver_line(subscriber=row.subscriber, member_id=member.id, limit=10, now=now)

    assert list(Entry.objects.filter(member_id=member.id).order_by("seq").values_list("kind", flat=True)) == ["freeze", "unfreeze"]
    assert not books.frozen(member_id=member.id)
