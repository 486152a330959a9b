"""What the form of a revival window says."""

import pytest
from django.test import Client

from mall.revival.models import RevivalWindow

ADD = "/admin/mall/revivalwindow/add/"


@pytest.fixture
def operator(django_user_model, db):
    client = Client(headers={"accept-language": "en"})
    client.force_login(django_user_model.objects.create_superuser("sample", password="a-sample-password-x"))
    return client


def form(*rewards, **more):
    sent = {"name_zh": "复活季", "name_en": "Revival", "rewards-TOTAL_FORMS": str(len(rewards)), "rewards-INITIAL_FORMS": "0"}
    for name, day in (("opens_at", "2030-12-01"), ("closes_at", "2031-01-01"), ("expired_from", "2030-01-01"), ("expired_until", "2030-12-31")):
        sent |= {f"{name}_0": day, f"{name}_1": "00:00:00"}
    for n, reward in enumerate(rewards):
        sent |= {f"rewards-{n}-reward": str(reward.id), f"rewards-{n}-points": "100"}
    return sent | more


@pytest.mark.parametrize(("listed", "active", "warned"), [(False, True, True), (True, True, False), (False, False, False)])
def test_a_window_in_use_that_lists_no_reward_says_so(operator, mall, listed, active, warned):
    rewards = [mall.reward()] if listed else []
    answer = operator.post(ADD, form(*rewards, **({"active": "on"} if active else {})), follow=True)
    assert RevivalWindow.objects.get().active is active
    said = [str(one) for one in answer.context["messages"] if one.level_tag == "warning"]
    assert said == ["It is in use and lists no reward: members find nothing in it. Add rewards, or take it out of use."] * warned
