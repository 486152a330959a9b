from bisect import bisect_right
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from loyalty.lib.configuration import forget, held
from loyalty.lib.refusals import BusinessError

from .models import Category, Reward, RewardPicture, RewardPrice, StockChange
from .rules import Offer, PriceChange, SetPrice, price_changes

MOST_CHANGES = 10_000


class RewardUnknown(BusinessError):
    code, status, title = "reward_unknown", 404, _("There is no such reward.")


class Section(NamedTuple):
    """A category of rewards, as the shelf knows it."""

    code: str
    name_zh: str
    name_en: str

    def name(self, language: str) -> str:
        return self.name_zh if language.startswith("zh") else self.name_en


class Catalogue(NamedTuple):
    """All rewards, those off the shelf too, and their categories in order."""

    by_code: Mapping[str, Offer]
    by_id: Mapping[int, Offer]
    categories: Mapping[str, Section]


def catalogue() -> Catalogue:
    """Held in the process: a change made elsewhere is in force here within CONFIGURATION_SECONDS. Stock is not part of it."""
    found = held(Reward, _read)  # type: ignore[arg-type]
    assert isinstance(found, Catalogue)
    return found


def _read() -> Catalogue:
    rows = Reward.objects.select_related("least_tier").prefetch_related("prices", "pictures").order_by("id")
    offers = [as_offer(row) for row in rows]
    shelves = {row.code: Section(row.code, row.name_zh, row.name_en) for row in Category.objects.order_by("position", "code")}
    return Catalogue({one.code: one for one in offers}, {one.id: one for one in offers}, shelves)


def as_offer(row: Reward) -> Offer:
    """A reward as `rules` take it."""
    plain = ("id", "code", "kind", "item", "name_zh", "name_en", "text_zh", "text_en", "counted", "active")
    money = ("points", "cents", "shipping_cents", "cost_cents", "sponsor_bps")
    limits = ("starts_at", "ends_at", "per_member", "per_member_day", "per_day", "in_all")
    return Offer(
        **{name: getattr(row, name) for name in (*plain, *money, *limits)},
        category=row.category_id or "",
        segment=row.segment_id or "",
        sponsor=row.sponsor_id or "",
        least_tier=row.least_tier_id or "",
        least_rank=row.least_tier.rank if row.least_tier else None,
        pictures=tuple(one.picture_id for one in row.pictures.all()),
        prices=tuple(_set_price(one) for one in row.prices.all()),
    )


def _set_price(row: Any) -> SetPrice:
    """A price as it stands, or as its history says that it stood."""
    return SetPrice(row.kind, row.points, row.cents, row.tier_id or "", row.starts_at, row.ends_at, row.left_at_most)


class Parts(NamedTuple):
    """What of a reward stands in rows of its own: the prices besides the list price, and the pictures in order."""

    prices: Sequence[SetPrice] = ()
    pictures: Sequence[str] = ()


def parts(*, reward_id: int) -> Parts:
    """As they stand in the database now. Two statements."""
    pictures = RewardPicture.objects.filter(reward_id=reward_id).order_by("position", "id").values_list("picture_id", flat=True)
    return Parts(tuple(map(_set_price, RewardPrice.objects.filter(reward_id=reward_id))), tuple(pictures))


class PartsChange(NamedTuple):
    """What a save did to the prices and pictures of a reward. `moved`: pictures stand in another order."""

    prices: Sequence[PriceChange]
    added: int
    removed: int
    moved: bool


def parts_changes(*, reward_id: int, saves: Sequence[datetime], until: datetime | None = None) -> list[PartsChange]:
    """What each of these saves, in the order of time, did to the reward's prices and pictures; `until`: when it was saved next. Two statements.

    A save writes the reward first: what is written from then until the next one is of that save.
    """
    prices, pictures = (_changed(model, reward_id, saves, until) for model in (RewardPrice, RewardPicture))
    changes = []
    for (old, new), (gone, come) in zip(prices, pictures, strict=True):
        before, after = ({one.picture_id for one in rows} for rows in (gone, come))
        about = price_changes([*map(_set_price, old)], [*map(_set_price, new)])
        changes.append(PartsChange(about, len(after - before), len(before - after), moved=bool(before & after)))
    return changes


def _changed(model: Any, reward_id: int, saves: Sequence[datetime], until: datetime | None) -> list[tuple[list[Any], list[Any]]]:
    """By save: the rows as they were before it and after it, those that it changed."""
    found: list[tuple[list[Any], list[Any]]] = [([], []) for _save in saves]
    stood: dict[int, Any] = {}
    for row in model.history.filter(reward_id=reward_id).order_by("history_date", "history_id")[:MOST_CHANGES]:
        which = bisect_right(saves, row.history_date) - 1
        before = stood.get(row.id)
        stood[row.id] = row
        if which < 0 or (until is not None and until <= row.history_date):
            continue
        old, new = found[which]
        old += [before] if before else [row] if row.history_type == "-" else []
        new += [row] if row.history_type != "-" else []
    return found


def offers_of(reward_ids: Collection[int]) -> Mapping[int, Offer]:
    """Rewards that sales and redemptions name, by their ids: also those that another process has made a moment ago."""
    found = catalogue().by_id
    if not found.keys() >= set(reward_ids):
        forget(Reward)
        found = catalogue().by_id
    return found


def offer_of(reward_id: int) -> Offer:
    return offers_of([reward_id])[reward_id]


def offer(code: str) -> Offer:
    """Refuses: RewardUnknown."""
    found = catalogue().by_code.get(code)
    if found is None:
        raise RewardUnknown(reward=code)
    return found


def stocks(*, reward_ids: Collection[int]) -> dict[int, int]:
    """What is on hand of each that is counted."""
    # By hand: a shelf names many, and to prepare so many parameters takes longer than to ask.
    with connection.cursor() as cursor:
        cursor.execute("SELECT reward_id, on_hand FROM mall_stock WHERE reward_id = ANY(%s::bigint[])", [list(reward_ids)])
        return dict(cursor.fetchall())


def changes(*, reward_id: int) -> QuerySet[StockChange]:
    """How a stock came to what it is, the newest first."""
    return StockChange.objects.filter(reward_id=reward_id).order_by("-number")


def categories() -> tuple[Section, ...]:
    """In the order in which they stand. Held like the catalogue."""
    return tuple(catalogue().categories.values())
