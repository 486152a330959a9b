from datetime import UTC, datetime, timedelta

from loyalty.lib.ids import first_id_at, new_id


def test_an_id_sorts_by_the_time_it_was_made():
    before = datetime.now(UTC)
    made = new_id()
    assert made.version == 7
    assert first_id_at(before) < made < first_id_at(before + timedelta(seconds=5))
