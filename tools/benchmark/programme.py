"""A programme as a large shop would have it: 200 published rules, 20 of them for purchases; and the baskets that they decide."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import NamedTuple

from django.db import connection, transaction

from accounts.activity import rules as activity
from points.rulebook import rules
from points.rulebook import services as publishing
from points.rulebook.models import Festival, FestivalDays
from points.rulebook.rules import Band, Conditions, Definition, Effect, Limit, Release
from tiers.ladder.models import Tier

HERE = Path(__file__).parent
BASE, FESTIVAL = "base", "singles-week"
CATEGORIES = ["BEAUTY", "BABY/FORMULA", "BABY/TOYS", "FRESH/FRUIT", "FRESH/MEAT", "HOME/KITCHEN", "HOME/GARDEN", "LUXURY", "PHONES", "BOOKS"]
# The behaviours that the other rules are about, so many for each.
KINDS = ["registered", "profile_completed", "product_viewed", "survey_completed", "shared", "share_clicked", "reviewed", "liked", "commented"]
FOR_PURCHASES = EACH = 20
LINES = 5
# Purchases are spread evenly over as many days; each member's two lie as far apart.
MONTH = 30


class Said(NamedTuple):
    """A rule to be published."""

    code: str
    fact: str
    definition: Definition


def factor(percent: int) -> Effect:
    return Effect("multiplier", factor=percent * 100)


def for_purchases() -> Iterator[Said]:
    """A base rate with a table, extras of which the best counts, promotions of which the best counts, the tier's multiplier; their limits.

    All grant under the programme's terms: what a basket earns is one entry. No budget: all purchases of all members would wait for its row.
    """
    rates = {"LUXURY": 5_000, "BABY/FORMULA": 30_000, "PHONES": 5_000, "BOOKS": 15_000, "FRESH": 12_000, "HOME/KITCHEN": 11_000}
    base: dict[str, Definition] = {
        # No basket comes near this limit: what it counts tells how many were granted.
        BASE: Definition(effect=Effect("per_unit", rate=10_000, by_category=rates), limits=(Limit("month", points=10_000_000),)),
        "basket": Definition(
            effect=Effect("bands", measure="amount", bands=(Band(10_000, 20_000, 5), Band(20_000, None, 12))), limits=(Limit("day", times=3),)
        ),
        "app": Definition(Conditions(channels=("app",)), Effect("fixed", points=2), limits=(Limit("day", points=20), Limit("month", points=200))),
        "weekly": Definition(
            Conditions(weekdays=(1, 2, 3, 4, 5, 6, 7), min_cents=5_000),
            Effect("fixed", points=3),
            limits=(Limit("week", times=7), Limit("life", points=10_000)),
        ),
        "drop": Definition(effect=Effect("random", minimum=1, maximum=20, chance=200_000), multiplied=False, limits=(Limit("day", times=1),)),
        "fourth": Definition(Conditions(nth_purchase=(4, 10, 25)), Effect("fixed", points=50)),
        # Extras by what is in the basket: the best one counts.
        "extra-sku": Definition(Conditions(skus=("sku-3", "sku-17", "sku-40")), Effect("fixed", points=8), group="extra", combine="best"),
        "extra-brand": Definition(Conditions(brands=("brand-2", "brand-5")), Effect("per_unit", rate=2_000), group="extra", combine="best"),
        "extra-new": Definition(Conditions(new_member_days=90), Effect("fixed", points=20), group="extra", combine="best"),
    }
    promotions = {
        "again": Conditions(again_days=30),
        "again-category": Conditions(again_days=30, again_scope="category"),
        "beauty": Conditions(categories=("BEAUTY",)),
        "baby": Conditions(categories=("BABY",)),
        "kitchen": Conditions(categories=("HOME/KITCHEN",), date_from=date(2020, 1, 1), date_until=date(2099, 12, 31)),
        "festival": Conditions(festival=FESTIVAL, channels=("app",)),
        "birthday": Conditions(birthday="month"),
        "evening": Conditions(hour_from=20, hour_until=23, tiers=("gold", "silver")),
        "wise": Conditions(expression='amount_cents >= 12000 && tier == "gold" && nth_purchase > 2 && categories.exists(one, one == "BOOKS")'),
    }
    for number, (code, conditions) in enumerate(promotions.items()):
        base[code] = Definition(conditions, factor(150 + 10 * number), group="promotion", combine="best", limits=(Limit("month", points=5_000),))
    base["rollout"] = Definition(effect=factor(105), release=Release("percent", percent=50))
    base["tier"] = Definition(effect=Effect("tier_multiplier"), priority=-10)
    return (Said(code, rules.PURCHASE, said) for code, said in base.items())


def for_behaviours() -> Iterator[Said]:
    for kind in KINDS:
        for number in range(EACH):
            said = Definition(Conditions(tiers=("gold",) if number % 2 else ()), Effect("fixed", points=number + 1), limits=(Limit("day", points=100),))
            yield Said(f"{kind}-{number}".replace("_", "-"), kind, said)


def publish(now: datetime) -> int:
    """Put it all in force, for facts of any age. Gives the id of a draft that can be simulated: half as much again for everything else."""
    for rank, (code, share) in enumerate([("bronze", 10_000), ("silver", 12_000), ("gold", 15_000)]):
        Tier.objects.create(code=code, name_zh=code, name_en=code, rank=rank, multiplier_bps=share)
    festival = Festival.objects.create(code=FESTIVAL, name_zh=FESTIVAL, name_en=FESTIVAL)
    FestivalDays.objects.create(festival=festival, first=date(2020, 1, 1), last=date(2020, 1, 7))
    rules_ = [*for_purchases(), *for_behaviours()]
    with transaction.atomic():
        for said in rules_:
            version = publishing.make(code=said.code, fact=said.fact, name_zh=said.code, name_en=said.code, definition=said.definition, actor="bench", now=now)
            publishing.publish(version_id=version.id, ever=True, actor="bench", now=now)
    base = rules_[0].definition
    dearer = replace(base, effect=replace(base.effect, rate=15_000))
    return publishing.draft(code=BASE, definition=dearer, actor="bench", now=now).id


def fill() -> None:
    """Give every member a standing, a birthday and two purchases of five lines, by SQL."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute((HERE / "bought.sql").read_text(), {"categories": CATEGORIES, "lines": LINES})


def basket(n: int, key: str, now: datetime) -> activity.Purchase:
    """The n-th basket, paid just now."""
    lines = tuple(
        activity.Line(f"{i}", f"sku-{(n + 7 * i) % 50}", CATEGORIES[(n + 3 * i) % len(CATEGORIES)], f"brand-{(n + i) % 9}", 1, 500 + (37 * n + 911 * i) % 9_500)
        for i in range(LINES)
    )
    return activity.Purchase(key, now, "CNY", sum(line.amount_cents for line in lines), lines, channel=("app", "web", "shop")[n % 3])
