"""Pictures that nothing shows any more."""

import threading
from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction

from loyalty.audit.models import JobRun
from mall.pictures import selectors, services, tasks
from mall.pictures.models import Picture
from mall.rewards.models import RewardPicture
from tests.mall.pictures.test_rules import picture

DAYS = timedelta(days=7)


@pytest.fixture
def keep(mall):
    """Keep a picture of that colour, so many days ago."""

    def upload(colour=(200, 30, 30), *, days=0):
        return services.keep(pair=services.read(picture(colour=colour)), actor="tests", now=mall.now - timedelta(days=days))

    return upload


def nights(mall, count):
    """Run the job on so many nights; what it deleted."""
    deleted = 0
    for _night in range(count):
        services.mark(now=mall.now)
        while one := services.clear(before=mall.now - DAYS, limit=1):
            deleted += one
        mall.wait(days=1)
    return deleted


def shown(mall, kept, code="mug"):
    return RewardPicture.objects.create(reward=mall.reward(code), picture=kept)


def test_what_nothing_shows_goes_after_some_days_and_not_before(mall, keep):
    keep()
    assert (nights(mall, 8), Picture.objects.count()) == (0, 1)
    assert (nights(mall, 1), Picture.objects.count()) == (1, 0)


def test_what_a_reward_shows_stays_however_old_it_is(mall, keep):
    shown(mall, keep(days=1000))
    assert nights(mall, 20) == 0


def test_days_count_from_when_it_was_last_shown_not_from_when_it_was_uploaded(mall, keep):
    row = shown(mall, keep(days=1000))
    nights(mall, 2)
    row.delete()
    assert nights(mall, 8) == 0
    assert nights(mall, 1) == 1


def test_of_two_rewards_that_show_one_picture_either_keeps_it(mall, keep):
    kept = keep(days=100)
    shown(mall, kept, "cup")
    shown(mall, kept).delete()
    assert nights(mall, 20) == 0


def test_what_is_shown_again_meanwhile_begins_anew(mall, keep):
    kept = keep(days=100)
    nights(mall, 5)
    row = shown(mall, kept)
    nights(mall, 1)
    row.delete()
    assert nights(mall, 8) == 0


def test_one_shown_since_the_last_night_stays_though_it_is_marked(mall, keep):
    kept = keep(days=100)
    nights(mall, 5)
    shown(mall, kept)
    mall.wait(days=30)
    assert services.clear(before=mall.now - DAYS, limit=10) == 0


def test_uploaded_again_it_is_as_good_as_new(mall, keep):
    keep(days=100)
    nights(mall, 7)
    mall.wait(hours=12)
    keep()
    mall.wait(minutes=1)
    assert services.clear(before=mall.now, limit=10) == 0
    assert nights(mall, 7) == 0


def test_the_job_says_what_it_would_do_and_what_it_did(mall, keep):
    keep(days=10)
    Picture.objects.update(unused_since=mall.now - timedelta(days=8))
    keep((30, 30, 200))
    assert selectors.would_clear(now=mall.now) == {"deleted": 1}
    tasks.clear()
    assert JobRun.objects.get(job="mall.clear_pictures").counts == {"deleted": 1, "marked": 1}


@pytest.mark.parametrize(("days", "left"), [(3, 0), (30, 1)])
def test_how_long_they_stay_is_set(mall, keep, settings, days, left):
    keep(days=10)
    Picture.objects.update(unused_since=mall.now - timedelta(days=8))
    settings.PICTURE_DAYS = days
    tasks.clear()
    assert Picture.objects.count() == left


def test_no_content_is_read_to_delete_them(mall, keep, django_assert_max_num_queries):
    keep(days=10)
    Picture.objects.update(unused_since=mall.now - timedelta(days=8))
    with django_assert_max_num_queries(4) as asked:
        services.clear(before=mall.now - DAYS, limit=10)
    assert not [one["sql"] for one in asked.captured_queries if '"content"' in one["sql"]]


# At once


def while_it_is_uploaded_again(mall, reward):
    """Somebody uploads the picture for a reward and has not committed yet; clearing runs; then it commits. What clearing deleted, what became of it."""
    shows, go_on, outcome = threading.Event(), threading.Event(), []

    def upload():
        try:
            with transaction.atomic():
                RewardPicture.objects.create(reward=reward, picture=services.keep(pair=services.read(picture()), actor="tests", now=mall.now))
                shows.set()
                go_on.wait(20)
            outcome.append("shown")
        except IntegrityError:
            outcome.append("lost")
        finally:
            connection.close()

    thread = threading.Thread(target=upload)
    thread.start()
    assert shows.wait(20)
    try:
        deleted = services.clear(before=mall.now, limit=10)
    finally:
        go_on.set()
        thread.join(20)
    return deleted, outcome


@pytest.fixture
def long_unused(mall, keep):
    kept = keep(days=10)
    Picture.objects.update(unused_since=mall.now - timedelta(days=8))
    return kept


@pytest.mark.django_db(transaction=True)
def test_one_that_is_uploaded_again_this_moment_is_passed_over(mall, long_unused):
    assert while_it_is_uploaded_again(mall, mall.reward()) == (0, ["shown"])


@pytest.mark.django_db(transaction=True)
def test_control_where_uploading_does_not_touch_what_is_there_the_reward_loses_it(mall, long_unused, monkeypatch):
    monkeypatch.setattr(services, "keep", lambda pair, **_more: Picture.objects.get(digest=pair.digest))
    assert while_it_is_uploaded_again(mall, mall.reward()) == (1, ["lost"])
