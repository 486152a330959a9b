import pytest

from riskcontrol.screening.rules import Action, Verdict, decide


@pytest.mark.parametrize("action", list(Action))
def test_a_member_who_is_not_blocked_may_do_everything(action):
    assert decide(action=action, points=10**6, blocked=False) == Verdict(True)


@pytest.mark.parametrize("action", ["earn", "hold", "spend", "transfer", "redeem"])
def test_a_blocked_member_neither_gains_nor_moves_points(action):
    assert decide(action=Action(action), points=1, blocked=True) == Verdict(False, "blocked")


@pytest.mark.parametrize("action", ["capture", "restore", "clawback", "adjust"])
def test_what_puts_right_what_was_done_before_goes_on_for_a_blocked_member(action):
    assert decide(action=Action(action), points=1, blocked=True) == Verdict(True)
