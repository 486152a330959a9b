from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from loyalty.audit import services as audit
from loyalty.lib.configuration import forget
from loyalty.lib.refusals import BusinessError, ReasonMissing

from . import rules, selectors
from .models import Reward, RewardPrice, Stock, StockChange
from .rules import PriceChange, SetPrice
from .selectors import Parts

Kind = StockChange.Kind


class SoldOut(BusinessError):
    """`left` among the figures: how many there are."""

    code, status, title = "sold_out", 409, _("It is sold out.")
    fewer = _("There are not so many left.")

    def __init__(self, *, left: int = 0) -> None:
        if left:
            self.title = self.fewer
        super().__init__(ngettext("Only %(left)s is left.", "Only %(left)s are left.", left) % {"left": left} if left else "", left=left)


class StockBelowZero(BusinessError):
    code, status, title = "stock_below_zero", 422, _("So many cannot be taken off: there are fewer on hand.")


class StockMoved(BusinessError):
    code, status, title = "stock_moved", 409, _("The stock has moved since it was counted. Count again.")


class NotCounted(BusinessError):
    code, status, title = "reward_not_counted", 422, _("This reward has no stock.")


class RewardInvalid(BusinessError):
    code, status, title = "reward_invalid", 422, _("The reward cannot be kept as it is.")


# By kind of reward: what is wrong with what it would hand out; None: nothing.
_items: dict[str, Callable[[str], str | None]] = {}
# By kind of reward: what it could hand out, rows with a code and a name.
_choices: dict[str, Callable[[], QuerySet[Any]]] = {}
MOST_CHOICES = 500


def item_checked_by(kind: str, fault: Callable[[str], str | None], *, among: Callable[[], QuerySet[Any]]) -> None:
    """Whoever hands out rewards of a kind says how to find out whether its `item` exists, a sentence where it does not; and among which it may be chosen."""
    _items[kind], _choices[kind] = fault, among


def item_choices() -> dict[str, list[tuple[str, str]]]:
    """By kind: codes of what a reward of it could hand out, and their names, to be offered. What is not among them may exist all the same."""
    return {kind: [(row.code, row.name) for row in among().order_by("code")[:MOST_CHOICES]] for kind, among in _choices.items()}


def item_fault(kind: str, item: str) -> str | None:
    """What is wrong with it as what a reward of that kind hands out; None: nothing."""
    return _items[kind](item) if kind in _items else None


# The stock is moved and the change written by one statement, or neither. Stock is the last thing that a redemption locks.
_MOVE = """
WITH moved AS (
    UPDATE mall_stock SET on_hand = on_hand + %(change)s, changes = changes + 1
     WHERE reward_id = %(reward)s AND on_hand + %(change)s >= 0 RETURNING on_hand, changes)
INSERT INTO mall_stockchange (reward_id, number, kind, change, on_hand_after, subject, actor, reason, at)
SELECT %(reward)s, m.changes, %(kind)s, %(change)s, m.on_hand, %(subject)s, %(actor)s, %(reason)s, %(now)s FROM moved m RETURNING on_hand_after"""


def move_stock(*, reward_id: int, change: int, kind: str, subject: str = "", actor: str, reason: str = "", now: datetime) -> int:
    """Move the stock of a reward that is counted; what is on hand then. Part of the caller's transaction, and the last thing it locks.

    Refuses: SoldOut where it would fall below zero.
    """
    values = {"reward": reward_id, "change": change, "kind": kind, "subject": subject, "actor": actor, "reason": reason, "now": now}
    with connection.cursor() as cursor:
        cursor.execute(_MOVE, values)
        row = cursor.fetchone()
    if row is None:
        # Some may have come back since the statement missed.
        on_hand = Stock.objects.filter(reward_id=reward_id).values_list("on_hand", flat=True).first() or 0
        raise SoldOut(left=min(on_hand, -change - 1))
    return int(row[0])


@transaction.atomic(savepoint=False)
def restock(*, reward_id: int, change: int, reason: str, actor: str, key: str = "", now: datetime) -> int:
    """So many more are on hand, or, below zero, fewer; what is on hand then. The same key again does nothing.

    Refuses: NotCounted, ReasonMissing, StockBelowZero.
    """
    assert change, "a restock moves the stock"
    stock = _by_hand(reward_id, reason)
    if _done(reward_id, key):
        return stock.on_hand
    try:
        after = move_stock(reward_id=reward_id, change=change, kind=Kind.RESTOCK, subject=_hand(key), actor=actor, reason=reason.strip(), now=now)
    except SoldOut as short:
        raise StockBelowZero(on_hand=stock.on_hand) from short
    _audit("stock.restocked", reward_id, actor=actor, reason=reason, figures={"change": change, "on_hand": after}, now=now)
    return after


@transaction.atomic(savepoint=False)
def take_stock(*, reward_id: int, counted: int, seen: int, reason: str, actor: str, key: str = "", now: datetime) -> int:
    """So many were counted, when the books said `seen`: what is missing or too many is booked as a change; what is on hand then.

    What was sold between the counting and now stays sold: the difference is taken to what `seen` was at the time of counting. The same key
    again does nothing. Refuses: NotCounted, ReasonMissing, StockMoved where the difference would fall below zero.
    """
    stock = _by_hand(reward_id, reason)
    if _done(reward_id, key):
        return stock.on_hand
    try:
        after = move_stock(reward_id=reward_id, change=counted - seen, kind=Kind.STOCK_TAKE, subject=_hand(key), actor=actor, reason=reason.strip(), now=now)
    except SoldOut as short:
        raise StockMoved(on_hand=stock.on_hand) from short
    _audit("stock.taken", reward_id, actor=actor, reason=reason, figures={"counted": counted, "seen": seen, "on_hand": after}, now=now)
    return after


def _by_hand(reward_id: int, reason: str) -> Stock:
    """The stock, locked: who moves it by hand says why."""
    if not reason.strip():
        raise ReasonMissing
    stock = Stock.objects.select_for_update(no_key=True).filter(reward_id=reward_id).first()
    if stock is None:
        raise NotCounted
    return stock


def _hand(key: str) -> str:
    return f"by-hand/{key}" if key else ""


def _done(reward_id: int, key: str) -> bool:
    return bool(key) and StockChange.objects.filter(reward_id=reward_id, subject=_hand(key)).exists()


def _audit(verb: str, reward_id: int, *, actor: str, reason: str = "", figures: Mapping[str, Any], now: datetime) -> None:
    offer = selectors.catalogue().by_id.get(reward_id)
    audit.record(actor=actor, verb=verb, subject=f"reward/{offer.code if offer else reward_id}", reason=reason.strip(), figures=dict(figures), now=now)


@transaction.atomic(savepoint=False)
def keep(*, reward: Reward, prices: Sequence[RewardPrice] | None = None, actor: str, now: datetime) -> Reward:
    """Write a reward as it stands in hand, and its prices where they are given. Stock is not touched; one that is counted gets its row.

    Refuses: RewardInvalid, with a sentence for each field.
    """
    try:
        reward.full_clean(validate_unique=reward._state.adding)
    except ValidationError as error:
        raise RewardInvalid(fields=error.message_dict) from error
    if reward.kind != Reward.Kind.GOODS and (fault := item_fault(reward.kind, reward.item)):
        raise RewardInvalid(fields={"item": [fault]})
    before = selectors.parts(reward_id=reward.id) if reward.id else Parts()
    reward.save()
    if prices is not None:
        reward.prices.all().delete()
        for one in prices:
            one.reward = reward
            try:
                one.full_clean()
            except ValidationError as error:
                raise RewardInvalid(prices=error.message_dict) from error
            one.save()
    if reward.counted:
        Stock.objects.get_or_create(reward=reward)
    audit.record(actor=actor, verb="reward.kept", subject=f"reward/{reward.code}", figures={"points": reward.points, "cents": reward.cents}, now=now)
    parts_kept(reward=reward, before=before, actor=actor, now=now)
    return reward


def parts_kept(*, reward: Reward, before: Parts, actor: str, now: datetime) -> None:
    """Its prices and pictures stand as they should, and were `before`: the audit trail says what was changed, where anything was."""
    changed()
    after = selectors.parts(reward_id=reward.id)
    if prices := [_price_told(one) for one in rules.price_changes(before.prices, after.prices)]:
        audit.record(actor=actor, verb="reward.prices_kept", subject=f"reward/{reward.code}", figures={"prices": prices}, now=now)
    if before.pictures != after.pictures:
        added, removed = (len(set(one) - set(other)) for one, other in ((after.pictures, before.pictures), (before.pictures, after.pictures)))
        audit.record(actor=actor, verb="reward.pictures_kept", subject=f"reward/{reward.code}", figures={"added": added, "removed": removed}, now=now)


def _price_told(change: PriceChange) -> dict[str, Any]:
    def plain(one: SetPrice) -> dict[str, Any]:
        times = {name: at.isoformat() for name, at in (("starts_at", one.starts_at), ("ends_at", one.ends_at)) if at}
        few = {} if one.left_at_most is None else {"left_at_most": one.left_at_most}
        return {"points": one.points, "cents": one.cents, **few, **times}

    either = change.after or change.before
    assert either is not None, "a change is of something"
    about = {"kind": either.kind, **({"tier": either.tier} if either.tier else {})}
    return {**about, "before": change.before and plain(change.before), "after": change.after and plain(change.after)}


@transaction.atomic(savepoint=False)
def duplicate(*, reward_id: int, code: str, actor: str, now: datetime) -> Reward:
    """A reward of its own under a new code, with the same texts, pictures, prices and limits; off the shelf, and with nothing in stock.

    Refuses: RewardInvalid where the code is taken or malformed.
    """
    row = Reward.objects.prefetch_related("prices", "pictures").get(id=reward_id)
    prices, pictures = list(row.prices.all()), list(row.pictures.all())
    for one in (row, *prices, *pictures):
        one.pk = None
        one._state.adding = True
    row.code, row.active, row._prefetched_objects_cache = code, False, {}
    made = keep(reward=row, prices=prices, actor=actor, now=now)
    before = selectors.parts(reward_id=made.id)
    for one in pictures:
        one.reward = made
        one.save()
    parts_kept(reward=made, before=before, actor=actor, now=now)
    return made


def changed() -> None:
    """The catalogue was changed in this transaction: this process reads it anew."""
    forget(Reward)
