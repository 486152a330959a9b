"""What a process holds of the settings, and when it asks again."""

import time
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from loyalty.lib.configuration import Configuration, held


class Sample:
    """Stands for a model."""


@pytest.fixture
def stale(settings):
    settings.CONFIGURATION_SECONDS = 60
    Configuration._held[Sample] = (time.monotonic() - 61, "old")


def never():
    raise AssertionError("it is asked again")


def test_what_was_read_too_long_ago_is_asked_for_again_and_held(stale):
    assert held(Sample, lambda: "new") == "new"
    assert held(Sample, never) == "new"


def test_while_one_thread_asks_again_the_others_go_on_with_what_there_is(stale):
    asking, answer = Event(), Event()

    def read():
        asking.set()
        assert answer.wait(30)
        return "new"

    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(held, Sample, read)
        assert asking.wait(30)
        assert held(Sample, never) == "old"
        answer.set()
        assert first.result() == "new"
    assert held(Sample, never) == "new"


def test_whoever_finds_nothing_asks_though_another_is_asking(settings):
    settings.CONFIGURATION_SECONDS = 60
    assert held(Sample, lambda: None) is None
    assert held(Sample, lambda: "new") == "new"
