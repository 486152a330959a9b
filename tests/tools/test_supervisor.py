"""The supervisor, with real processes: toys that do nothing but live."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tools.stack import supervisor as supervisors
from tools.stack.layout import DataDirectory
from tools.stack.processes import birth, carriers, end
from tools.stack.supervisor import back_off, bound, end_leftovers, how_it_ended

ROOT = Path(__file__).parents[2]


def eventually(question, seconds=20):
    deadline = time.monotonic() + seconds
    while not (answer := question()) and time.monotonic() < deadline:
        time.sleep(0.02)
    return answer


@pytest.fixture
def data(tmp_path):
    data = DataDirectory(tmp_path / "data")
    yield data
    if data.acquire():
        end_leftovers(data)


@pytest.fixture
def installation(data):
    """A toy installation that is up; it may be killed by the test."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.tools.toy_installation", data.path], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdout.readline() == "Ready\n"
    yield process
    process.terminate()
    process.communicate()


def everybody(data):
    return [entry["pid"] for entry in data.state["programs"].values()] + [int((data.path / "grandchild").read_text())]


def test_a_program_killed_with_9_comes_back_by_itself(installation, data):
    before = data.state["programs"]["parent"]["pid"]
    os.kill(before, signal.SIGKILL)
    after = eventually(lambda: (pid := data.state["programs"]["parent"]["pid"]) != before and pid)
    assert after
    assert birth(after)


def test_a_request_to_stop_leaves_nothing_running_and_kills_what_does_not_listen(installation, data):
    alive = everybody(data)
    assert all(birth(pid) for pid in alive)
    installation.terminate()
    assert installation.wait(timeout=20) == 0
    assert [pid for pid in alive if birth(pid)] == []
    assert data.state == {}


def test_a_second_supervisor_is_refused_while_the_first_lives(installation, data):
    assert not data.acquire()
    assert data.holder()["pid"] == installation.pid
    second = subprocess.run([sys.executable, "-m", "tests.tools.toy_installation", data.path], cwd=ROOT, capture_output=True, text=True)
    assert second.stderr.strip() == "in use"


def test_the_next_supervisor_ends_what_a_killed_one_left_running(installation, data):
    alive = everybody(data)
    installation.kill()
    installation.wait()
    assert all(birth(pid) for pid in alive)
    assert data.holder() == {}
    assert data.acquire()
    end_leftovers(data)
    assert [pid for pid in alive if birth(pid)] == []


def test_a_stranger_who_got_the_number_of_a_program_is_left_alone(data):
    data.make()
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, start_new_session=True) as stranger:
        data.state = {"pid": 1, "birth": "long ago", "mark": "nobody has this mark", "programs": {"web": {"pid": stranger.pid, "birth": "long ago"}}}
        end_leftovers(data)
        assert birth(stranger.pid)
        stranger.kill()


def test_the_mark_is_found_on_the_programs_and_on_what_they_forked(installation, data):
    assert set(everybody(data)) <= set(carriers(data.state["mark"]))
    assert installation.pid not in carriers(data.state["mark"])


def test_a_process_that_ended_but_was_not_reaped_counts_as_gone():
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        assert eventually(lambda: birth(child.pid) is None)


def test_ending_kills_after_its_patience_only():
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(600)"
    with subprocess.Popen([sys.executable, "-c", deaf], stdout=subprocess.PIPE) as child:
        child.stdout.readline()
        began = time.monotonic()
        end([child.pid], patience=0.3)
        assert child.wait(timeout=10) == -signal.SIGKILL
        assert time.monotonic() - began >= 0.3


@pytest.mark.parametrize(("failures", "seconds"), [(1, 0.5), (2, 1), (3, 2), (6, 16), (7, 30), (50, 30)])
def test_each_failure_in_a_row_doubles_the_wait_up_to_half_a_minute(failures, seconds):
    assert back_off(failures) == seconds


def test_a_log_that_grew_too_long_is_put_aside_once_and_goes_on_in_the_same_file(tmp_path, monkeypatch):
    monkeypatch.setattr(supervisors, "LOG_BYTES", 10)
    log = tmp_path / "web.log"
    with log.open("ab", buffering=0) as program:
        program.write(b"twelve bytes")
        bound(log)
        program.write(b"more")
        bound(log)
    assert log.read_bytes() == b"more"
    assert (tmp_path / "web.log.1").read_bytes() == b"twelve bytes"


@pytest.mark.parametrize(("status", "words"), [(-9, "was ended by SIGKILL"), (0, "ended with status 0"), (3, "ended with status 3")])
def test_how_a_program_ended_is_said_in_words(status, words):
    assert how_it_ended(status) == words


FOREGROUND = """
import os, sys
from tools.stack.processes import Signals
with Signals() as signals:
    command = "import time; print(flush=True); time.sleep(600)"
    print(signals.call([sys.executable, "-c", command], env=dict(os.environ)), signals.received)
"""


def test_a_request_to_stop_is_handed_on_to_the_command_in_the_foreground_and_its_end_is_reported():
    with subprocess.Popen([sys.executable, "-c", FOREGROUND], cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        process.stdout.readline()
        process.terminate()
        assert process.communicate(timeout=20)[0].split() == [str(128 + signal.SIGTERM), "1"]
