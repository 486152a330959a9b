from collections.abc import Callable, Mapping
from datetime import datetime

from django.db import models
from django.utils.translation import get_language, gettext, ngettext
from django.utils.translation import gettext_lazy as _

from loyalty.lib.configuration import held

from . import rules
from .models import Tier, TierBenefit
from .rules import Benefit, Step


def ladder() -> tuple[Step, ...]:
    """Every tier, the lowest first, those that are not active too; empty where there is none.

    Held in the process: a change made elsewhere is in force here within CONFIGURATION_SECONDS.
    """
    return held(Tier, lambda: tuple(tier.step for tier in Tier.objects.order_by("rank")))


def name(code: str) -> str:
    """What members call that tier, in the reader's language."""
    language = get_language() or ""
    return next((step.name(language) for step in ladder() if step.code == code), code)


def in_use(code: str) -> bool:
    """Whether any row of any table names this tier, be it only as what once was."""
    pointing = [field for field in Tier._meta.get_fields(include_hidden=True) if field.one_to_many or field.one_to_one]
    # Its benefits go with it, and what they were once keeps nobody.
    pointing = [field for field in pointing if field.on_delete is models.PROTECT]
    return any(field.related_model._default_manager.filter(**{field.field.name: code}).exists() for field in pointing)


def benefits(tier_code: str) -> Mapping[str, Benefit]:
    """What belonging to that tier brings besides its multiplier, by kind, in the order of the kinds. Held in the process like the ladder."""
    return _all_benefits().get(tier_code, {})


def benefit(tier_code: str, kind: str) -> Benefit | None:
    """That benefit of that tier; None where it has none."""
    return benefits(tier_code).get(kind)


def benefit_value(tier_code: str, kind: str, *, orders: int = 0) -> int:
    """What the benefit comes to for a member of that tier with so many orders in the last 12 months; 0 where the tier has it not."""
    found = benefit(tier_code, kind)
    return found.value_for(orders) if found else 0


def tiers_with(kind: str) -> list[str]:
    """The codes of the tiers that bring a benefit of that kind now."""
    return [tier for tier, found in _all_benefits().items() if kind in found]


def benefits_as_of(moment: datetime, *, kind: str) -> dict[str, Benefit]:
    """The benefits of that kind as they stood at an instant, by tier."""
    return {row.tier_id: row.plain for row in TierBenefit.history.as_of(moment).filter(kind=kind)}


def _all_benefits() -> dict[str, dict[str, Benefit]]:
    return held(TierBenefit, _read_benefits) or {}  # type: ignore[arg-type, return-value]


def _read_benefits() -> dict[str, dict[str, Benefit]]:
    found: dict[str, dict[str, Benefit]] = {}
    order = list(rules.BENEFITS)
    for row in sorted(TierBenefit.objects.order_by("tier__rank"), key=lambda row: order.index(row.kind)):
        found.setdefault(row.tier_id, {})[row.kind] = row.plain
    return found


# By kind of benefit: whether what is promised is given at that time.
_givers: dict[str, Callable[[datetime], bool]] = {}


def given_by(kind: str, gives: Callable[[datetime], bool]) -> None:
    """Whoever above gives a benefit declares how to find out whether it does: whether an earning rule answers, for points."""
    _givers[kind] = gives


# By kind of benefit: what is wrong with the code that it names.
_items: dict[str, Callable[[str], str | None]] = {}


def item_checked_by(kind: str, fault: Callable[[str], str | None]) -> None:
    """Whoever above gives a benefit that names a code declares how to find out whether there is such a thing: a sentence where there is not."""
    _items[kind] = fault


def item_fault(kind: str, item: str) -> str | None:
    """What is wrong with it as what a benefit of that kind names; None: nothing, as far as anybody knows."""
    return _items[kind](item) if kind in _items else None


def promised_in_vain(tier_code: str, *, now: datetime) -> list[str]:
    """The kinds of the tier's benefits that nobody would give now."""
    return [kind for kind in benefits(tier_code) if kind in _givers and not _givers[kind](now)]


# What operators and members read.

FAULTS = {
    "bands_do_not_grow": _("Each further line needs more orders than the one before, and gives more."),
    "bands_not_for_this": _("This benefit does not grow with orders. Leave it empty."),
    "bands_unread": _("Write orders and value with a colon, several with commas: 3: 200, 6: 300"),
    "bands_without_number": _("This benefit has no value that could grow. Leave it empty."),
    "item_missing": _("Give the code, of at most 60 characters."),
    "kind_unknown": _("There is no such benefit."),
    "orders_out_of_range": _("At most %(bands)s steps, from 1 to %(orders)s orders."),
    "out_of_range": _("From %(least)s to %(most)s."),
    "value_unread": _("Write a number, like 2, 1.5 or 500."),
}


def fault_in_words(fault: rules.Fault) -> str:
    return str(FAULTS[fault.code]) % fault.figures


def benefit_in_words(benefit: Benefit) -> str:
    """What a member reads about it, in the reader's language: the operator's own text, else one of ours."""
    if own := benefit.text(get_language() or ""):
        return own
    kind = rules.BENEFITS[benefit.kind]
    said = _words(benefit.kind, benefit.value, rules.shown(kind.unit, benefit.value))
    for band in benefit.bands:
        more = ngettext("%(value)s from %(orders)s order within 12 months", "%(value)s from %(orders)s orders within 12 months", band.orders)
        said = gettext("%(one)s, %(other)s") % {"one": said, "other": more % {"value": rules.shown(kind.unit, band.value), "orders": band.orders}}
    return said


def _words(kind: str, value: int, shown: str) -> str:
    figures = {"value": shown}
    match kind:
        case "birthday_multiplier":
            return gettext("Points × %(value)s for your birthday") % figures
        case "birthday_gift":
            return ngettext("%(value)s point for your birthday", "%(value)s points for your birthday", value) % figures
        case "redemption_discount":
            return gettext("%(value)s %% off when you redeem points") % figures
        case "free_shipping":
            return gettext("Free shipping")
        case "early_access":
            return _early(value)
        case "monthly_allowance":
            return ngettext("%(value)s point each month", "%(value)s points each month", value) % figures
        case "level_up_gift":
            return ngettext("%(value)s point when you reach this tier", "%(value)s points when you reach this tier", value) % figures
        case "level_up_coupon":
            return gettext("A coupon when you reach this tier")
        case "loan_limit":
            return ngettext("You may borrow up to %(value)s point", "You may borrow up to %(value)s points", value) % figures
    return gettext("Your own agent")


def _early(minutes: int) -> str:
    if minutes % 60:
        return ngettext("Flash sales and new rewards %(n)s minute before others", "Flash sales and new rewards %(n)s minutes before others", minutes) % {
            "n": minutes
        }
    hours = minutes // 60
    return ngettext("Flash sales and new rewards %(n)s hour before others", "Flash sales and new rewards %(n)s hours before others", hours) % {"n": hours}
