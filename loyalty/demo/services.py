import json
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

from django.db import transaction

from accounts.activity.rules import Line, Purchase
from accounts.members import selectors as members
from accounts.segments import selectors as segments
from loyalty.lib.localtime import local_date, start_of_day
from loyalty.programme import selectors as programme
from mall.checkout import selectors as till
from mall.checkout import services as checkout
from mall.codes import services as codes
from mall.codes.models import CodePool
from mall.coupons import services as coupons
from mall.coupons.models import CouponTemplate
from mall.flashsale import services as flashsale
from mall.flashsale.models import FlashPlan, FlashSale
from mall.markdowns import services as markdowns
from mall.markdowns.models import MarkdownTerms
from mall.pictures import services as pictures
from mall.privileges import services as privileges
from mall.privileges.models import PrivilegeKind
from mall.redemptions import services as redemptions
from mall.redemptions.models import Redemption
from mall.redemptions.services import Recipient
from mall.rentals import selectors as renting
from mall.rentals import services as rentals
from mall.rentals.models import RentalTerms
from mall.revival.models import RevivalReward, RevivalWindow
from mall.rewards import selectors as rewards_seen
from mall.rewards import services as rewards
from mall.rewards.models import Category, Partner, Reward, RewardPicture, RewardPrice
from mall.vouchers import selectors as vouchers
from tiers.ladder import selectors as ladder

from . import rules

FILE = Path(__file__).with_name("mall.json")
REASON = "Sample"
# The shelf was filled so long before the first start; what members did with it came after that.
FILLED = timedelta(days=7)
CARRIER = "Sample Express"
# Less than what the sample's members hold by more than the fifth from which a markdown is proposed.
BUDGET = 90_000


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
    for one in _missing(RentalTerms, said["rental_terms"]):
        rentals.keep(terms=RentalTerms(**one), actor=actor, now=now)
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
    _season(said["revival"], now=now)
    names = {one["member"] for one in said["redemptions"]}
    if (who := members.ids_of(names)).keys() == names:
        _past(said, who, actor=actor, now=now)
    soon = said["flash_sale_soon"]
    begins = now + timedelta(minutes=soon["in_minutes"])
    _announce(soon, begins, begins + timedelta(hours=soon["hours"]), actor=actor, now=now)
    return len(there)


@transaction.atomic
def propose_markdown(*, now: datetime) -> None:
    """Plan for fewer points than the sample's members hold, where nobody has planned yet: a markdown is proposed."""
    if not MarkdownTerms.objects.exists():
        MarkdownTerms(pk=1, budget_points=BUDGET).save()
        markdowns.consider(now=now)


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
        rewards.restock(reward_id=row.id, change=stock, reason=REASON, actor=actor, now=now - FILLED)


def _price(said: dict[str, Any], now: datetime) -> RewardPrice:
    said = dict(said)
    tier, days = said.pop("tier", None), said.pop("days", 0)
    return RewardPrice(**said, tier_id=tier, starts_at=now if days else None, ends_at=now + timedelta(days=days) if days else None)


def _past(said: dict[str, Any], who: dict[str, UUID], *, actor: str, now: datetime) -> None:
    """What the sample members have redeemed, at which hour and how it went on, and a flash sale that is over: all in its order."""
    acts: list[tuple[int, Callable[[datetime], object]]] = []
    for number, one in enumerate(filter(_can_be_had, said["redemptions"]), 1):
        # What waits for money shall still do so when somebody looks.
        lapses = one.get("then", {}).get("lapse")
        pay_within = FILLED if lapses is None else timedelta(hours=one["hours"] - lapses)
        own = _Redeemed(member=one["member"], member_id=who[one["member"]], reward=one["reward"], pay_within=pay_within, number=number, actor=actor)
        acts.append((one["hours"], own.redeem))
        acts += [(hours, partial(own.go_on, step)) for step, hours in one.get("then", {}).items()]
    sale = said["flash_sale_over"]
    acts.append((sale["begins"], partial(_sell_out, sale, who, actor=actor)))
    for hours, act in sorted(acts, key=lambda one: -one[0]):
        act(now - timedelta(hours=hours))


def _can_be_had(said: dict[str, Any]) -> bool:
    """Not so for what was left out, nor for what comes from a provider that is not reached here."""
    of = rewards_seen.catalogue().by_code.get(said["reward"])
    if of is None or of.kind not in ("voucher", "rental"):
        return of is not None
    lent = renting.terms(of.item) if of.kind == "rental" else None
    product = lent.product if lent else vouchers.product(of.item)
    return product is not None and not vouchers.fault(product.provider)


class _Redeemed:
    """One sample redemption and how it goes on."""

    def __init__(self, *, member: str, member_id: UUID, reward: str, pay_within: timedelta, number: int, actor: str) -> None:
        self.member_id, self.reward, self.pay_within, self.number, self.actor = member_id, reward, pay_within, number, actor
        self.recipient = _recipient(member)

    def redeem(self, at: datetime) -> None:
        about: dict[str, Any] = {"recipient": self.recipient, "pay_within": self.pay_within, "actor": self.actor, "key": f"sample-{self.number}", "now": at}
        self.row = redemptions.redeem(member_id=self.member_id, reward=self.reward, **about).redemption

    def go_on(self, step: str, at: datetime) -> None:
        about: dict[str, Any] = {"redemption_id": self.row.id, "actor": self.actor, "now": at}
        match step:
            case "pay":
                redemptions.confirm(paid_cents=self.row.cents, payment=f"SAMPLE-PAY-{self.number}", **about)
            case "begin":
                redemptions.begin(**about)
            case "ship":
                redemptions.ship(carrier=CARRIER, tracking=f"SAMPLE-{self.number:04}", **about)
            case "deliver":
                redemptions.deliver(**about)
            case "cancel":
                redemptions.cancel(reason="Sample: redeemed by mistake.", **about)
            case "lapse":
                redemptions.lapse(**about)
            case "return":
                redemptions.return_(restock=True, reason="Sample: they have one already.", key="sample", **about)
            case "use":
                self._use(at)

    def _use(self, at: datetime) -> None:
        """Pay an order of 60.00 with the coupon that was redeemed."""
        row = Redemption.objects.select_related("reward").get(id=self.row.id, member_id=self.member_id)
        [got] = redemptions.handed(row)
        cart: dict[str, Any] = {"lines": (Line("1", "SAMPLE-BOWL", "HOME/KITCHEN", "Sample", 3, 6_000),), "discounts": ({"code": got["coupon"]},)}
        due_cents = till.quote(member_id=self.member_id, **cart, now=at).total_cents
        currency = programme.programme().currency or "CNY"
        facts = Purchase(id=f"SAMPLE-COUPON-{self.number}", occurred_at=at, currency=currency, paid_cents=due_cents, **cart)
        checkout.pay(member_id=self.member_id, facts=facts, actor=self.actor, now=at)


def _recipient(member: str) -> Recipient:
    return Recipient(f"Sample Member {member[2:]}", "", "1 Sample Street")


def _season(said: dict[str, Any], *, now: datetime) -> None:
    """This year's month in which what has expired in the year buys rewards once more."""
    zone = programme.zone(now=now)
    year = local_date(now, zone).year
    opens, closes = date(year, said["month"], 1), date(year + said["month"] // 12, said["month"] % 12 + 1, 1)
    began, ended, opens_at, closes_at = (start_of_day(day, zone) for day in (date(year, 1, 1), date(year + 1, 1, 1), opens, closes))
    names = {name: said[name] for name in ("name_zh", "name_en")}
    window = RevivalWindow.objects.create(**names, opens_at=opens_at, closes_at=closes_at, expired_from=began, expired_until=ended)
    for code, points in said["rewards"].items():
        RevivalReward.objects.create(window=window, reward=Reward.objects.get(code=code), points=points)


def _announce(said: dict[str, Any], at: datetime, ends_at: datetime, *, actor: str, now: datetime) -> FlashSale:
    about = {name: said[name] for name in ("points", "quantity", "name_zh", "name_en", "text_zh", "text_en") if name in said}
    sold = Reward.objects.get(code=said["reward"])
    return flashsale.keep_sale(sale=FlashSale(**about, reward=sold, starts_at=at, ends_at=ends_at), actor=actor, now=now)


def _sell_out(said: dict[str, Any], who: dict[str, UUID], at: datetime, *, actor: str) -> None:
    """A flash sale from its announcement to its end."""
    ends_at = at + timedelta(hours=said["begins"] - said["ends"])
    sale = _announce(said, at, ends_at, actor=actor, now=at - timedelta(days=1))
    flashsale.set_aside(sale_id=sale.id, actor=actor, now=at - timedelta(hours=1))
    for name in said["sold_to"]:
        flashsale.line_up(sale_id=sale.id, member_id=who[name], now=at)
        flashsale.redeem(sale_id=sale.id, member_id=who[name], recipient=_recipient(name), actor=actor, key=f"sample-sale-{name}", now=at)
    flashsale.close(sale_id=sale.id, actor=actor, now=ends_at)
