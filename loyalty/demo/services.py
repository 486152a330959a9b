import json
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any

from django.db import transaction

from accounts.segments import selectors as segments
from loyalty.lib.localtime import local_date
from loyalty.programme import selectors as programme
from mall.codes import services as codes
from mall.codes.models import CodePool
from mall.coupons import services as coupons
from mall.coupons.models import CouponTemplate
from mall.flashsale import services as flashsale
from mall.flashsale.models import FlashPlan
from mall.pictures import services as pictures
from mall.privileges import services as privileges
from mall.privileges.models import PrivilegeKind
from mall.rewards import services as rewards
from mall.rewards.models import Category, Partner, Reward, RewardPicture, RewardPrice
from tiers.ladder import selectors as ladder

from . import rules

FILE = Path(__file__).with_name("mall.json")
REASON = "Sample"


@transaction.atomic
def stock_mall(*, actor: str, now: datetime) -> int:
    """Put the sample mall in place where there is no reward yet; how many rewards it has brought.

    A reward for a tier or a segment that is not there is left out, and so is a price for such a tier: an operator's own ladder may have others.
    """
    if Reward.objects.exists():
        return 0
    said = json.loads(FILE.read_text(encoding="utf-8"))
    for model, rows in ((Category, said["categories"]), (Partner, said["partners"])):
        for one in rows:
            model.objects.get_or_create(code=one["code"], defaults=one)
    for one in _missing(CouponTemplate, said["coupon_templates"]):
        coupons.keep(template=CouponTemplate(**one), actor=actor, now=now)
    for one in _missing(PrivilegeKind, said["privilege_kinds"]):
        privileges.keep(kind=PrivilegeKind(**one), actor=actor, now=now)
    for one in _missing(CodePool, said["code_pools"]):
        count = one.pop("codes")
        codes.keep(pool=CodePool(**one), actor=actor, now=now)
        file = "\n".join(["code", *(f"SAMPLE-{one['code'].upper()}-{n:04}" for n in range(1, count + 1))])
        codes.take_in(pool=one["code"], content=file.encode(), file_name="sample.csv", actor=actor, now=now)
    tiers = {step.code for step in ladder.ladder()}
    known = {segment.code for segment in segments.segments()}
    there = [one for one in said["rewards"] if one.get("least_tier", "") in {"", *tiers} and one.get("segment", "") in {"", *known}]
    for one in there:
        _reward(one, tiers, actor=actor, now=now)
    rewards.changed()
    for one in said["flash_plans"]:
        sold, at = Reward.objects.get(code=one.pop("reward")), time.fromisoformat(one.pop("at"))
        flashsale.keep_plan(plan=FlashPlan(**one, reward=sold, at=at, first_on=local_date(now, programme.zone(now=now))), actor=actor, now=now)
    return len(there)


def _missing(model: type[Any], rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    there = set(model.objects.values_list("code", flat=True))
    return [one for one in rows if one["code"] not in there]


def _reward(said: dict[str, Any], tiers: set[str], *, actor: str, now: datetime) -> None:
    """One reward with its prices, its stock and its picture."""
    prices, stock, picture = said.pop("prices", []), said.pop("stock", 0), said.pop("picture")
    linked = {f"{name}_id": said.pop(name) for name in ("category", "sponsor", "least_tier", "segment") if name in said}
    wanted = [_price(one, now) for one in prices if one.get("tier", "") in {"", *tiers}]
    row = rewards.keep(reward=Reward(**said, **linked), prices=wanted, actor=actor, now=now)
    kept = pictures.keep(pair=pictures.read(rules.draw(picture)), actor=actor, now=now)
    RewardPicture.objects.create(reward=row, picture=kept)
    if stock:
        rewards.restock(reward_id=row.id, change=stock, reason=REASON, actor=actor, now=now)


def _price(said: dict[str, Any], now: datetime) -> RewardPrice:
    said = dict(said)
    tier, days = said.pop("tier", None), said.pop("days", 0)
    return RewardPrice(**said, tier_id=tier, starts_at=now if days else None, ends_at=now + timedelta(days=days) if days else None)
