from collections.abc import Collection, Mapping
from datetime import date, datetime, timedelta
from uuid import UUID

from accounts.activity import selectors as facts
from accounts.members import selectors as members
from loyalty.audit.services import NotPreviewed
from loyalty.lib.localtime import local_date, start_of_day
from loyalty.programme import selectors as programme
from points.rulebook import selectors as rulebook
from points.rulebook.models import PURCHASE
from tiers.ladder import rules as ladder_rules
from tiers.ladder import selectors as ladder
from tiers.standing import selectors as standings

from . import rules
from .models import AllowanceRound, BenefitTerms

BIRTHDAY, ALLOWANCE, REACHED = "birthday", "allowance", "tier_reached"
# How many nights may be missed.
DAYS_BACK = 7
# More members than these are not counted for a preview.
COUNTED = 20_000
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


def takers(*, after: UUID | None, promised: Mapping[str, ladder_rules.Benefit], limit: int) -> list[UUID]:
    """The next members who may have an allowance: those who were ever put anywhere, or everybody, where the lowest tier promises it."""
    lowest = ladder_rules.place(ladder.ladder(), None)
    if lowest is None or lowest.code not in promised:
        return standings.ever_moved(after=after, limit=limit)
    return [one.id for one in members.page(after=after, limit=limit)]


def would_celebrate(*, now: datetime) -> dict[str, int]:
    """Of how many members the job would tell a birthday at `now`; what it gives them is the rules' to say."""
    zone = programme.zone(now=now)
    today = local_date(now, zone)
    if BenefitTerms.current().birthday_on == BenefitTerms.BirthdayOn.MONTH:
        tomorrow = start_of_day(today + timedelta(days=1), zone)
        born = [facts.born_in(first=first, until=tomorrow, limit=COUNTED) for first in rules.months_of_birthdays(today, back=DAYS_BACK)]
        return _counted(sum(len(some) for some in born))
    return _counted(sum(len(facts.born_on(day=today - timedelta(days=back), limit=COUNTED)) for back in range(DAYS_BACK + 1)))


def would_allow(*, now: datetime) -> dict[str, int]:
    """How many members the job would give an allowance at `now`, and what tiers promise them."""
    zone = programme.zone(now=now)
    given = points = 0
    for first in rules.firsts(local_date(now, zone)):
        row = AllowanceRound.objects.filter(month=rules.month(first)).first() or AllowanceRound(month=rules.month(first), as_of=start_of_day(first, zone))
        promised = {} if row.done_at else ladder.benefits_as_of(row.as_of, kind="monthly_allowance")
        page = takers(after=row.after, promised=promised, limit=COUNTED) if promised else []
        _counted(len(page))
        ids = list(members.active_of(page, seen_by=row.as_of) - facts.told_of(member_ids=page, kind=ALLOWANCE, external_id=row.month))
        orders = orders_before(member_ids=ids, day=first, now=row.as_of) if any(one.bands for one in promised.values()) else {}
        for member_id, tier in standings.stood(member_ids=ids, at=row.as_of, now=now).items():
            if tier in promised:
                given, points = given + 1, points + promised[tier].value_for(orders.get(member_id, 0))
    return {"members": given, "points": points}


def _counted(members: int) -> dict[str, int]:
    if members >= COUNTED:
        raise NotPreviewed
    return {"members": members}


for _kind, _fact in FACTS.items():
    ladder.given_by(_kind, lambda now, fact=_fact: answered(fact, now=now))  # type: ignore[misc]
ladder.given_by("birthday_multiplier", lambda now: birthdays_multiplied(now=now))
