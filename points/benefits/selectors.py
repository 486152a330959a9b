from collections.abc import Collection
from datetime import date, datetime
from uuid import UUID

from accounts.activity import selectors as facts
from loyalty.lib.localtime import start_of_day
from loyalty.programme import selectors as programme
from points.rulebook import selectors as rulebook
from points.rulebook.models import PURCHASE
from tiers.ladder import selectors as ladder
from tiers.standing import selectors as standings

from . import rules

BIRTHDAY, ALLOWANCE, REACHED = "birthday", "allowance", "tier_reached"
# By kind of benefit: the facts by which its points are given.
FACTS = {"birthday_gift": BIRTHDAY, "monthly_allowance": ALLOWANCE, "level_up_gift": REACHED}


def orders_before(*, member_ids: Collection[UUID], day: date, now: datetime) -> dict[UUID, int]:
    """How many orders each of them made in the twelve months before that business day; who made none is left out."""
    zone = programme.zone(now=now)
    return facts.orders(member_ids=member_ids, since=start_of_day(rules.orders_since(day), zone), until=start_of_day(day, zone))


def tier_of(*, member_ids: Collection[UUID], at: datetime, now: datetime) -> dict[UUID, str]:
    """The tier of each of them at that time; of whose term was over then and is not decided on yet, the one they are in now."""
    then = standings.stood(member_ids=member_ids, at=at, now=now)
    missing = [member for member in member_ids if member not in then]
    return then | {member: place.code for member, place in standings.standings(member_ids=missing, now=now).items()} if missing else then


def answered(fact: str, *, now: datetime) -> bool:
    """Whether a rule in force gives points for facts of that kind; else what a tier promises stays a promise."""
    return any(one.definition.effect.gives_points for one in rulebook.rulebook(seen=rulebook.generation()).at(fact, now))


def birthdays_multiplied(*, now: datetime) -> bool:
    """Whether a rule in force multiplies by what tiers bring for birthdays."""
    book = rulebook.rulebook(seen=rulebook.generation())
    return any(one.definition.effect.kind == "tier_birthday_multiplier" for one in book.at(PURCHASE, now))


for _kind, _fact in FACTS.items():
    ladder.given_by(_kind, lambda now, fact=_fact: answered(fact, now=now))  # type: ignore[misc]
ladder.given_by("birthday_multiplier", lambda now: birthdays_multiplied(now=now))
