from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import reduce
from typing import NamedTuple

from django.db import connection
from django.db.models import Q
from django.utils.dates import WEEKDAYS
from django.utils.formats import date_format
from django.utils.translation import get_language, gettext, ngettext
from django.utils.translation import gettext_lazy as _

from accounts.activity import selectors as facts
from accounts.activity.models import FactKind
from accounts.segments import selectors as segments
from loyalty.lib.configuration import held
from loyalty.lib.localtime import end_of_day, local_date, start_of_day
from loyalty.lib.money import minor_digits, show
from loyalty.lib.refusals import BusinessError
from loyalty.programme import selectors as programme
from points.terms import selectors as terms
from tiers.ladder import selectors as ladder

from . import rules
from .models import PURCHASE, EarningSettings, Festival, FestivalDays, Rule, RulebookGeneration, RuleVersion, SharedLimit


class RuleUnknown(BusinessError):
    code, status, title = "rule_unknown", 404, _("There is no such rule.")


class InForce(NamedTuple):
    """A published version with what it says."""

    version: RuleVersion
    definition: rules.Definition


@dataclass(frozen=True)
class Rulebook:
    """All that was ever published and may still decide something, as of one generation."""

    generation: int
    versions: Mapping[str, Sequence[InForce]]
    limits: Sequence[rules.SharedLimit]
    festivals: Mapping[date, frozenset[str]]
    roll_key: str
    points_per_unit: int

    def at(self, fact: str, moment: datetime) -> list[InForce]:
        """The versions that decide a fact of that kind that happened then."""
        return [one for one in self.versions.get(fact, ()) if one.version.in_force_at(moment)]


def settings() -> EarningSettings:
    return EarningSettings.current()


def generation() -> int:
    """Counts the changes of what is in force, across all processes."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT number FROM points_rulebookgeneration")
        row = cursor.fetchone()
    return row[0] if row else 0


def rulebook(*, seen: int | None = None) -> Rulebook:
    """The rulebook as this process holds it; with the generation `seen`, read anew where another process has changed it, and only then."""
    book = held(RulebookGeneration, _read, still_good=None if seen is None else lambda book: book.generation == seen)
    assert book is not None
    return book


def at_hand() -> Rulebook:
    """The rulebook as this process holds it, however long: whoever decides by it asks whether its generation still counts."""
    book = held(RulebookGeneration, _read, still_good=lambda _book: True)
    assert book is not None
    return book


def _read() -> Rulebook:
    # The generation first: what changes in between is read twice rather than never.
    number = generation()
    versions: dict[str, list[InForce]] = {}
    rows = RuleVersion.objects.filter(status__in=RuleVersion.FINAL).select_related("rule").order_by("rule__code", "number")
    for version in rows:
        versions.setdefault(version.rule.fact, []).append(InForce(version, version.said))
    limits = [rules.SharedLimit(one.code, tuple(one.over), one.per, one.points, one.times) for one in SharedLimit.objects.filter(active=True).order_by("code")]
    days: dict[date, set[str]] = {}
    for code, first, last in FestivalDays.objects.values_list("festival__code", "first", "last"):
        for ordinal in range(first.toordinal(), last.toordinal() + 1):
            days.setdefault(date.fromordinal(ordinal), set()).add(code)
    # As they are now, not as this process holds them for a while: the book is held until the next change.
    terms = EarningSettings.objects.order_by("id").first() or EarningSettings(roll_key="")
    return Rulebook(number, versions, limits, {day: frozenset(codes) for day, codes in days.items()}, terms.roll_key, terms.points_per_unit)


def rule(*, code: str) -> Rule:
    """Refuses: RuleUnknown."""
    try:
        return Rule.objects.get(code=code)
    except Rule.DoesNotExist:
        raise RuleUnknown(rule=code) from None


def version(*, code: str, number: int) -> RuleVersion:
    """Refuses: RuleUnknown."""
    try:
        return RuleVersion.objects.select_related("rule").get(rule__code=code, number=number)
    except RuleVersion.DoesNotExist:
        raise RuleUnknown(rule=code, version=number) from None


def in_force(*, code: str = PURCHASE, at: datetime) -> RuleVersion | None:
    """The version of that rule which decides what happens at that time."""
    versions = RuleVersion.objects.filter(rule__code=code, status__in=RuleVersion.FINAL).select_related("rule")
    return next((version for version in versions.order_by("-number") if version.in_force_at(at)), None)


def anything_published() -> bool:
    return RuleVersion.objects.filter(status=RuleVersion.Status.PUBLISHED).exists()


SENTENCES = {
    "amounts_contradict": _("This is less than the least amount, so no amount could be both."),
    "band_empty": _("A band ends above its beginning."),
    "band_gives_nothing": _("Give points, a rate, or both."),
    "bands_gap": _("There is a gap: begin where the band before ends."),
    "bands_missing": _("Give at least one band."),
    "bands_overlap": _("This overlaps with the band before: begin where that one ends."),
    "birthday_missing": _("When? The tier’s multiplier for birthdays counts on the day itself, or in its month."),
    "bounds_contradict": _("This is less than the minimum."),
    "card_unknown": _("There is no such kind of card: %(names)s."),
    "category_malformed": _("A category neither begins nor ends with a slash: %(names)s."),
    "chance_out_of_range": _("A chance is more than 0 and at most 100 %%."),
    "choice_unknown": _("Choose one of those offered."),
    "claim_days_out_of_range": _("From 0 to %(most)s days."),
    "combine_differs": _("The rule “%(rule)s” of this group combines in another way. All rules of a group must agree."),
    "combine_missing": _("Say what becomes of several rules of the group that hold."),
    "dates_contradict": _("This is before the first day, so no day could be both."),
    "expiry_at_once": _("Points that expire after 0 months or days are gone the day they come. Give at least 1."),
    "expiry_too_long": _("That is more than a lifetime. Choose “never” instead."),
    "expiry_unknown": _("This is no way for points to expire."),
    "expression_wrong": _("This is no condition: %(reason)s."),
    "expression_wrong_at": _("This is no condition; at character %(column)s: %(reason)s"),
    "fact_unknown": _("There is no kind of fact called “%(fact)s”."),
    "factor_out_of_range": _("A factor is more than 0 and at most %(most)s."),
    "festival_unknown": _("There is no such festival: %(names)s."),
    "field_missing": _("Facts of this kind do not say it: they have no field “%(field)s”."),
    "gives_nothing": _("So it would give nothing. Give at least 1 point."),
    "group_missing": _("In which group? Rules combine within a group."),
    "group_mixed": _("The rule “%(rule)s” of this group is of the other sort: either all rules of a group give points, or all multiply."),
    "hour_unknown": _("An hour from %(least)s to %(most)s."),
    "hours_empty": _("The hours begin and end at the same time, so no hour is in between."),
    "item_missing": _("Say which one, by its code."),
    "item_unknown": _("There is no “%(names)s” to give away, or not any more."),
    "ladder_missing": _("Give at least one step."),
    "limit_always_kept": _("Each fact counts once in any case. Limit its points, or the times in a longer period."),
    "limit_below_grant": _("A single fact would already give up to %(most)s points. Give at least as many, or let the rule give less."),
    "limit_missing": _("Limit the points, the times, or both."),
    "limit_twice": _("There is one line for each period and who. Put both limits into one line."),
    "limit_without_points": _("This rule gives no points. Limit the times."),
    "margin_without_lines": _("Only what is given by what was paid for each line has a margin: points per unit, bands and multipliers."),
    "measure_missing": _("By which field of the fact?"),
    "measure_no_number": _("The field “%(names)s” is no number."),
    "measure_unknown": _("Facts of this kind have no field “%(names)s”."),
    "negative": _("This cannot be less than 0."),
    "no_amount": _("Facts of this kind have no amount."),
    "not_positive": _("Give at least 1."),
    "nth_below_one": _("The first purchase is number 1."),
    "only_purchases": _("This is only for purchases."),
    "pending_unknown": _("Points wait from 1 to %(most)s days."),
    "percent_out_of_range": _("From 1 to 100 percent."),
    "product_of_points": _("Only multipliers multiply. Choose the best or the first."),
    "rate_out_of_range": _("A rate is a number from 0 to 9999."),
    "segment_missing": _("Which segment?"),
    "segment_unknown": _("There is no such segment: %(names)s."),
    "things_do_not_compete": _("Only points and multipliers stand in groups. What is won besides always counts."),
    "tier_unknown": _("There is no such tier: %(names)s."),
    "too_large": _("At most %(most)s."),
    "too_long": _("At most %(most)s characters."),
    "weekday_unknown": _("There is no such day of the week."),
}


def sentence(problem: rules.Problem) -> str:
    """What people read about a problem."""
    return str(SENTENCES[problem.code]) % problem.figures


class Names(NamedTuple):
    """What is called how, by code. `things`: by effect, for those of which somebody keeps a list."""

    kinds: Mapping[str, FactKind]
    tiers: Mapping[str, str]
    segments: Mapping[str, str]
    festivals: Mapping[str, str]
    things: Mapping[str, Mapping[str, str]]

    @property
    def known(self) -> rules.Known:
        return rules.Known({code: kind.fields for code, kind in self.kinds.items()}, self.tiers, self.segments, self.festivals, self.things)


_keepers: dict[str, Callable[[], Mapping[str, str]]] = {}


def keep(effect: str, named: Callable[[], Mapping[str, str]]) -> None:
    """Whoever keeps the things that an effect gives away declares which there are to choose: by code, what each is called."""
    _keepers[effect] = named


def names() -> Names:
    """All that rules may name today, in the language of whoever reads."""
    language = get_language() or ""
    return Names(
        facts.fact_kinds(),
        {tier.code: tier.name(language) for tier in ladder.ladder()},
        {one.code: str(one) for one in segments.segments()},
        {one.code: one.name for one in Festival.objects.all()},
        {effect: named() for effect, named in _keepers.items()},
    )


def state(version: RuleVersion, *, now: datetime) -> str:
    """Where a version stands: draft, submitted, coming (published, to begin later), in_force or over."""
    if version.status not in RuleVersion.FINAL:
        return version.status
    if version.effective_until is not None and version.effective_until <= max(now, version.effective_from or now):
        return "over"
    return "in_force" if version.in_force_at(now) else "coming"


# The version that says most about what a rule is now comes first.
TELLING = ("in_force", "coming", "submitted", "draft", "over")


def telling(versions: Iterable[RuleVersion], *, now: datetime) -> RuleVersion | None:
    """The version in force, else the one to come, else what is being worked on, else the last there was."""
    found = [(TELLING.index(state(version, now=now)), -version.number, version.id, version) for version in versions]
    return min(found)[-1] if found else None


def not_in_force(*, fact: str, now: datetime) -> list[RuleVersion]:
    """The versions about that kind of fact that are yet to come: drafts, submitted, and published to begin later."""
    found = RuleVersion.objects.select_related("rule").filter(rule__fact=fact).exclude(status=RuleVersion.Status.RETIRED).order_by("rule__code", "-number")
    return [version for version in found if state(version, now=now) in ("draft", "submitted", "coming")]


class Line(NamedTuple):
    """A version on the calendar: when it decides within the days shown."""

    version: RuleVersion
    state: str
    bars: Sequence[rules.Bar]


def calendar(*, within: rules.Span, undated: bool, now: datetime) -> list[Line]:
    """What runs on those days, published versions only, what begins first on top; `undated`: also what knows neither beginning nor end."""
    zone = programme.zone(now=now)
    festivals: dict[str, list[rules.Span]] = {}
    for code, first, last in FestivalDays.objects.values_list("festival__code", "first", "last"):
        festivals.setdefault(code, []).append(rules.Span(first, last))
    begins, ends = start_of_day(within.first, zone), end_of_day(within.last, zone)
    standing = RuleVersion.objects.filter(status__in=RuleVersion.FINAL).select_related("rule")
    standing = standing.filter(Q(effective_from=None) | Q(effective_from__lt=ends), Q(effective_until=None) | Q(effective_until__gt=begins))
    found = []
    for version in standing.order_by("rule__code", "number"):
        said, c = version.said, version.said.conditions
        dated = c.date_from or c.date_until or c.festival or version.effective_until or state(version, now=now) == "coming"
        if version.effective_until is not None and version.effective_from is not None and version.effective_until <= version.effective_from:
            continue
        first = local_date(version.effective_from, zone) if version.effective_from else within.first
        last = local_date(version.effective_until - timedelta(microseconds=1), zone) if version.effective_until else within.last
        here = rules.Span(max(first, within.first), min(last, within.last))
        spans = rules.runs(said, here, festivals.get(c.festival, [])) if here.first <= here.last else []
        if spans and (dated or undated):
            found.append(Line(version, state(version, now=now), rules.bars(spans, within)))
    return sorted(found, key=lambda line: (line.bars[0].span.first, line.version.rule.code, line.version.number))


def problems(definition: rules.Definition, *, fact: str, code: str, now: datetime) -> list[rules.Problem]:
    """What keeps such a rule from being published; nothing where it can work."""
    others = {}
    if definition.group:
        # Those that have ended are no matter any more; those yet to begin are.
        standing = RuleVersion.objects.filter(Q(effective_until=None) | Q(effective_until__gt=now), status=RuleVersion.Status.PUBLISHED, rule__fact=fact)
        for version in standing.exclude(rule__code=code).select_related("rule"):
            if version.said.group == definition.group:
                others[version.rule.name] = version.said
    return rules.problems(definition, fact=fact, known=names().known, others=others)


def in_words(definition: rules.Definition, *, fact: str, called: Names | None = None) -> list[str]:
    """What a rule does, as it will be applied, in sentences of the reader's language. `called` where the names were read already."""
    words = _Words(definition, fact, called or names())
    return [sentence for sentence in (words.main(), *words.further()) if sentence]


def in_short(definition: rules.Definition, *, fact: str, called: Names) -> str:
    """What a rule gives, without conditions and terms."""
    return _Words(definition, fact, called).effect()


def fact_name(fact: str, called: Names) -> str:
    """The kind of fact as people call it."""
    if fact == PURCHASE:
        return gettext("purchase")
    return called.kinds[fact].name if fact in called.kinds else fact


def plain(ten_thousandths: int) -> str:
    """A rate or factor as people write it: 1.5."""
    return f"{(Decimal(ten_thousandths) / rules.ONE).normalize():f}"


# Limits: by whom, in which period.
LIMITS = {
    ("member", "fact"): _("At most %(what)s for each fact."),
    ("member", "day"): _("At most %(what)s a day for each member."),
    ("member", "week"): _("At most %(what)s a week for each member."),
    ("member", "month"): _("At most %(what)s a month for each member."),
    ("member", "life"): _("At most %(what)s in a member’s life."),
    ("rule", "fact"): _("At most %(what)s for each fact."),
    ("rule", "day"): _("At most %(what)s a day for all members together."),
    ("rule", "week"): _("At most %(what)s a week for all members together."),
    ("rule", "month"): _("At most %(what)s a month for all members together."),
    ("rule", "life"): _("At most %(what)s ever for all members together."),
}
WON = {
    "coupon": _("%(count)s × coupon “%(item)s”"),
    "badge": _("%(count)s × badge “%(item)s”"),
    "chance": _("%(count)s × chance in the draw “%(item)s”"),
    "card": _("%(count)s × card “%(item)s”"),
    "benefit": _("%(count)s × benefit “%(item)s”"),
}


class _Words:
    """A definition, told."""

    def __init__(self, said: rules.Definition, fact: str, called: Names) -> None:
        self.said, self.fact, self.called = said, fact, called
        self.currency = programme.programme().currency or "CNY"

    def main(self) -> str:
        figures = {"fact": fact_name(self.fact, self.called), "conditions": reduce(_and, found) if (found := list(self.conditions())) else ""}
        figures["effect"] = self.effect()
        if self.fact == PURCHASE:
            text = gettext("For each purchase, %(conditions)s: %(effect)s.") if found else gettext("For each purchase: %(effect)s.")
        else:
            text = gettext("For each “%(fact)s”, %(conditions)s: %(effect)s.") if found else gettext("For each “%(fact)s”: %(effect)s.")
        return text % figures

    def conditions(self) -> Iterator[str]:
        c = self.said.conditions
        if c.categories:
            yield gettext("in %(names)s") % {"names": _any(c.categories)}
        if c.brands:
            yield gettext("of the brand %(names)s") % {"names": _any(c.brands)}
        if c.skus:
            yield gettext("of the product %(names)s") % {"names": _any(c.skus)}
        if c.min_cents is not None or c.max_cents is not None:
            told = gettext("of %(least)s to %(most)s")
            if c.min_cents is None or c.max_cents is None:
                told = gettext("of at least %(least)s") if c.max_cents is None else gettext("of at most %(most)s")
            yield told % {"least": self.money(c.min_cents or 0), "most": self.money(c.max_cents or 0)}
        if c.tiers:
            yield gettext("by members of the tier %(names)s") % {"names": _any(self.called.tiers.get(code, code) for code in c.tiers)}
        if c.sprint:
            yield gettext("by members in the last days of their tier’s term")
        if c.segments:
            yield gettext("by members in the segment %(names)s") % {"names": _any(self.called.segments.get(code, code) for code in c.segments)}
        if c.new_member_days is not None:
            told = gettext("within %(n)s days of registration") if c.new_member_days else gettext("on the day of registration")
            yield told % {"n": c.new_member_days}
        if c.nth_purchase:
            yield gettext("the member’s purchase number %(names)s") % {"names": _any(map(str, c.nth_purchase))}
        if c.again_days is not None:
            by_category = c.again_scope == "category"
            told = gettext("of a category bought within %(n)s days before") if by_category else gettext("within %(n)s days of the purchase before")
            yield told % {"n": c.again_days}
        if c.channels:
            yield gettext("through the channel %(names)s") % {"names": _any(c.channels)}
        if any(1 <= day <= 7 for day in c.weekdays):
            yield gettext("on %(names)s") % {"names": _any(str(WEEKDAYS[day - 1]) for day in sorted(c.weekdays) if 1 <= day <= 7)}
        if c.hour_from is not None or c.hour_until is not None:
            until = 24 if c.hour_until is None else c.hour_until
            yield gettext("between %(first)s and %(last)s") % {"first": f"{c.hour_from or 0}:00", "last": f"{until}:00"}
        if c.date_from or c.date_until:
            both = gettext("from %(first)s through %(last)s")
            told = both if c.date_from and c.date_until else gettext("from %(first)s on") if c.date_from else gettext("through %(last)s")
            yield told % {"first": _day(c.date_from), "last": _day(c.date_until)}
        if c.birthday:
            yield gettext("on the member’s birthday") if c.birthday == "day" else gettext("in the month of the member’s birthday")
        if c.festival:
            yield gettext("during “%(name)s”") % {"name": self.called.festivals.get(c.festival, c.festival)}
        if c.card:
            yield gettext("using a card “%(name)s”") % {"name": self.thing("card", c.card)}
        if c.expression:
            yield gettext("where %(expression)s") % {"expression": c.expression}

    def effect(self) -> str:
        effect = self.said.effect
        match effect.kind:
            case "fixed":
                return _points(effect.points)
            case "per_unit":
                return self.rates(effect)
            case "bands":
                return self.bands(effect)
            case "ladder":
                steps = {"steps": _listed(f"{step:,}" for step in effect.ladder), "field": effect.measure}
                if effect.cycles:
                    return gettext("%(steps)s points for “%(field)s” 1, 2, 3 …, then from the start again") % steps
                return gettext("%(steps)s points for “%(field)s” 1, 2, 3 …, then always the last") % steps
            case "stated":
                told = gettext("as many points as it says in “%(field)s”") % {"field": effect.measure}
                if effect.minimum:
                    told = _and(told, gettext("at least %(n)s") % {"n": f"{effect.minimum:,}"})
                return told if effect.maximum is None else _and(told, gettext("at most %(n)s") % {"n": f"{effect.maximum:,}"})
            case "random":
                maximum = effect.minimum if effect.maximum is None else effect.maximum
                told = gettext("%(least)s to %(most)s points at random") % {"least": f"{effect.minimum:,}", "most": f"{maximum:,}"}
                chance = f"{(Decimal(effect.chance) * 100 / rules.CERTAIN).normalize():f}"
                return told if effect.chance == rules.CERTAIN else _and(told, gettext("in %(percent)s %% of all cases") % {"percent": chance})
            case "multiplier":
                return gettext("points × %(factor)s") % {"factor": plain(effect.factor)}
            case "tier_multiplier":
                return gettext("points × the multiplier of the member’s tier")
            case "tier_birthday_multiplier":
                return gettext("points × the birthday multiplier of the member’s tier")
        return str(WON[effect.kind]) % {"count": effect.count, "item": self.thing(effect.kind, effect.item)}

    def rates(self, effect: rules.Effect) -> str:
        told = self.rate(effect.rate)
        if not effect.by_category:
            return told
        others = _listed(gettext("%(category)s: %(rate)s") % {"category": category, "rate": plain(rate)} for category, rate in effect.by_category.items())
        return gettext("%(rate)s, by category %(others)s") % {"rate": told, "others": others}

    def rate(self, rate: int) -> str:
        unit = show(10 ** minor_digits(self.currency), self.currency, get_language() or "en")
        figures = {"rate": plain(rate), "unit": unit}
        return ngettext("%(rate)s point for each %(unit)s paid", "%(rate)s points for each %(unit)s paid", 1 if rate == rules.ONE else 2) % figures

    def bands(self, effect: rules.Effect) -> str:
        money = effect.measure in rules.AMOUNTS
        parts = []
        for band in effect.bands:
            gives = [*([_points(band.points)] if band.points else []), *([self.rate(band.rate)] if band.rate else [])] or [_points(0)]
            ends = {"start": self.money(band.start) if money else f"{band.start:,}", "gives": " + ".join(gives)}
            if band.end is None:
                parts.append(gettext("from %(start)s on %(gives)s") % ends)
            else:
                ends["end"] = self.money(band.end) if money else f"{band.end:,}"
                parts.append(gettext("from %(start)s to below %(end)s %(gives)s") % ends)
        by = gettext("by the amount") if money else gettext("by “%(field)s”") % {"field": effect.measure}
        return gettext("%(by)s: %(bands)s") % {"by": by, "bands": reduce(_and, parts) if parts else ""}

    def further(self) -> Iterator[str]:
        said, effect = self.said, self.said.effect
        if effect.kind == "bands" and effect.bands and (end := effect.bands[-1].end) is not None:
            yield gettext("From %(end)s on it gives nothing.") % {"end": self.money(end) if effect.measure in rules.AMOUNTS else f"{end:,}"}
        yield self.together()
        if effect.gives_points and not said.multiplied:
            yield gettext("Multipliers do not count for it.")
        for limit in said.limits:
            what = [*([_points(limit.points)] if limit.points is not None else []), *([_times(limit.times)] if limit.times is not None else [])]
            yield str(LIMITS[limit.by, limit.per]) % {"what": _both(what)}
        if said.margin_percent is not None:
            yield gettext("On each line at most %(percent)s %% of its margin, where the storefront tells its cost.") % {"percent": said.margin_percent}
        if said.claim_days:
            yield gettext("Members must claim it within %(n)s days.") % {"n": said.claim_days}
        if said.pending:
            days = said.pending.partition(":")[2]
            told = {"none": gettext("Its points can be spent at once."), "delivered": gettext("Its points can be spent when the order was delivered.")}
            yield told.get(said.pending) or gettext("Its points can be spent after %(n)s days.") % {"n": days}
        if said.expiry:
            yield gettext("Its points expire: %(terms)s.") % {"terms": self.expiry()}
        yield self.released()
        paid = {"cost_centre": said.cost_centre, "campaign": said.campaign}
        if said.cost_centre:
            yield gettext("Paid by %(cost_centre)s.") % paid
        if said.campaign:
            yield gettext("Part of the campaign “%(campaign)s”.") % paid

    def together(self) -> str:
        said, figures = self.said, {"group": self.said.group, "priority": self.said.priority}
        if said.effect.kind in rules.THINGS or not said.group:
            return ""
        if said.combine == "best":
            return gettext("Of the rules of the group “%(group)s” that hold, the best one counts.") % figures
        if said.combine == "first":
            return gettext("Of the rules of the group “%(group)s” that hold, the one of the highest priority counts; this one’s is %(priority)s.") % figures
        return gettext("It multiplies with the others of the group “%(group)s”.") % figures

    def expiry(self) -> str:
        try:
            return terms.in_words(self.said.expiry)
        except (ValueError, TypeError):
            return self.said.expiry

    def released(self) -> str:
        release = self.said.release
        match release.to:
            case "staff":
                return gettext("For now it is out for staff only.")
            case "segment":
                return gettext("For now it is out for the segment %(name)s only.") % {"name": self.called.segments.get(release.segment, release.segment)}
            case "percent":
                return gettext("For now it is out for %(percent)s %% of the members, always the same ones.") % {"percent": release.percent}
        return ""

    def thing(self, effect: str, code: str) -> str:
        return self.called.things.get(effect, {}).get(code, code)

    def money(self, cents: int) -> str:
        return show(cents, self.currency, get_language() or "en")


def _listed(texts: Iterable[str]) -> str:
    return gettext(", ").join(texts)


def _any(texts: Iterable[str]) -> str:
    *more, last = texts
    return gettext("%(one)s or %(other)s") % {"one": _listed(more), "other": last} if more else last


def _both(texts: Sequence[str]) -> str:
    return gettext("%(one)s and %(other)s") % {"one": texts[0], "other": texts[1]} if len(texts) > 1 else "".join(texts)


def _and(one: str, other: str) -> str:
    """Two parts of a sentence, one after the other."""
    return gettext("%(one)s, %(other)s") % {"one": one, "other": other}


def _points(points: int) -> str:
    return ngettext("%(points)s point", "%(points)s points", points) % {"points": f"{points:,}"}


def _times(times: int) -> str:
    return ngettext("%(times)s time", "%(times)s times", times) % {"times": f"{times:,}"}


def _day(day: date | None) -> str:
    return date_format(day, "DATE_FORMAT") if day else ""
