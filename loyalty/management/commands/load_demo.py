"""Puts the demo programme in place: settings, rules, two operators, a storefront key, real purchases as a sample, and something to look at.

Everything in it is a sample and says so. What is there already stays as it is, so it may be run again, also after it was interrupted.
The logins and the key are made on this machine and written to DEMO_JSON, readable by its owner only. They are kept nowhere else: where
the file is gone, new ones take the place of the old ones.
"""

import json
import os
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser, no_translations
from django.db import transaction
from django.utils import timezone

from accounts.activity.rules import Line, Purchase, Refund
from accounts.channels import selectors as channels_seen
from accounts.channels import services as channels
from accounts.keys import rules as key_rules
from accounts.keys import selectors as keys_seen
from accounts.keys import services as keys
from accounts.keys.models import Scope
from accounts.members import selectors as members_seen
from accounts.members import services as members
from accounts.segments import services as segments
from accounts.segments.models import Segment
from loyalty.console import services as console
from loyalty.demo import services as demo
from loyalty.outbox import services as outbox
from loyalty.programme.models import Programme
from mall.checkout import selectors as till
from mall.checkout import services as checkout
from mall.checkout.rules import Band
from mall.vouchers import selectors as vouchers_seen
from mall.vouchers import services as vouchers
from mall.vouchers.models import Provider, ProviderProduct
from points.adjustments import services as adjustments
from points.adjustments.models import AdjustmentLimit
from points.checkin import services as checkin
from points.earning import services as earning
from points.rulebook import selectors as rulebook
from points.terms.models import Terms
from points.totals import services as totals
from tiers.standing import selectors as standings
from tiers.standing import services as placing

ACTOR = "demo"
SAMPLE = Path(settings.BASE_DIR) / "loyalty" / "demo" / "journey_sample.csv.gz"
# The sample's currency; the stores' zone. Its times carry no zone and are taken as UTC.
CURRENCY, ZONE = "USD", "America/New_York"
KEY_NAME = "Sample storefront (demo)"
# Role → login.
OPERATORS = {"administrator": "sample-administrator", "finance": "sample-finance"}
# What each role may move alone: points per adjustment, per day. The sample adjustment is beyond it.
LIMITS = {"administrator": (1000, 5000), "finance": (500, 2000)}
# Who invited them, and so many days before the programme's first start they registered.
MEMBERS = {"M-1001": ("", 14), "M-1002": ("", 10), "M-1003": ("M-1001", 2), "M-1004": ("", 12), "M-1005": ("", 11), "M-1006": ("", 11)}
# Who stands there by hand.
TIERS = {"M-1002": "gold", "M-1006": "diamond"}
# Days before, number, member, lines.
ORDERS = (
    (9, "SAMPLE-3", "M-1001", (Line("1", "SAMPLE-CREAM", "BEAUTY", "Sample", 1, 8_800), Line("2", "SAMPLE-BOWL", "HOME/KITCHEN", "Sample", 2, 3_200))),
    (9, "SAMPLE-5", "M-1004", (Line("1", "SAMPLE-SOFA", "HOME/LIVING", "Sample", 1, 190_000),)),
    (9, "SAMPLE-6", "M-1005", (Line("1", "SAMPLE-SOFA", "HOME/LIVING", "Sample", 1, 190_000),)),
    (9, "SAMPLE-7", "M-1006", (Line("1", "SAMPLE-BED", "HOME/LIVING", "Sample", 1, 90_000),)),
    (5, "SAMPLE-4", "M-1002", (Line("1", "SAMPLE-MILK", "MILK POWDER", "Sample", 1, 6_000),)),
    (0, "SAMPLE-1", "M-1002", (Line("1", "SAMPLE-MUG", "HOME/KITCHEN", "Sample", 2, 12_800), Line("2", "SAMPLE-LAMP", "HOME/LIGHT", "Sample", 1, 20_000))),
    (0, "SAMPLE-2", "M-1003", (Line("1", "SAMPLE-MUG", "HOME/KITCHEN", "Sample", 2, 12_800), Line("2", "SAMPLE-LAMP", "HOME/LIGHT", "Sample", 1, 20_000))),
)
# Days before, kind, member, id, data.
BEHAVIOURS: tuple[tuple[int, str, str, str, dict[str, Any]], ...] = (
    (14, "phone_verified", "M-1001", "SAMPLE-phone", {}),
    (14, "profile_completed", "M-1001", "SAMPLE-address", {"item": "address"}),
    (10, "phone_verified", "M-1002", "SAMPLE-phone", {}),
    (7, "reviewed", "M-1001", "SAMPLE-review-1", {"purchase": "SAMPLE-3", "line": "1", "pictures": 2}),
    (3, "reviewed", "M-1002", "SAMPLE-review-2", {"purchase": "SAMPLE-4", "line": "1", "pictures": 0}),
    (2, "phone_verified", "M-1003", "SAMPLE-phone", {}),
    (2, "profile_completed", "M-1003", "SAMPLE-gender", {"item": "gender"}),
    (1, "liked", "M-1002", "SAMPLE-like-1", {"subject": "SAMPLE-review-1"}),
    (1, "liked", "M-1003", "SAMPLE-like-2", {"subject": "SAMPLE-review-1"}),
    (1, "liked", "M-1001", "SAMPLE-like-3", {"subject": "SAMPLE-review-2"}),
    (1, "commented", "M-1003", "SAMPLE-comment", {"subject": "SAMPLE-review-1"}),
    (1, "proof_uploaded", "M-1002", "SAMPLE-proof", {"task": "show-your-order", "url": "https://pictures.example/sample-order.jpg"}),
    (0, "review_featured", "M-1001", "SAMPLE-featured", {"review": "SAMPLE-review-1", "grade": 2}),
    *((0, "shared", "M-1001", f"SAMPLE-share-{n}", {"subject": f"SAMPLE-{n}"}) for n in (1, 2, 3)),
)
# M-1001 missed one day. The last seven are a streak.
CHECKED_IN = (12, 11, 10, 9, 7, 6, 5, 4, 3, 2, 1)
# Product → SKU at the provider of sample vouchers that `make run` starts, names. The last one is always refused: its points come back.
VOUCHERS = {
    "sample-film-ticket": ("SAMPLE-FILM", "电影票(示例)", "Film ticket (sample)"),
    "sample-video-month": ("SAMPLE-VIDEO", "视频会员月卡(示例)", "A month of films at home (sample)"),
    "sample-miles": ("SAMPLE-MILES", "航空里程(示例)", "Air miles (sample)"),
    "sample-slow-ticket": ("SLOW", "慢慢出票的门票(示例)", "Ticket that takes its time (sample)"),
    "sample-sold-out": ("SOLD-OUT", "已售罄的演出票(示例)", "Concert that is sold out (sample)"),
}
ADJUSTMENT = uuid5(NAMESPACE_URL, "loyalty:demo:adjustment")


class Command(BaseCommand):
    help = "Put the demo programme in place: settings, sample operators, a sample key, real purchases as a sample. Running it again changes nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--file", type=Path, default=SAMPLE, metavar="FILE", help="the purchases to replay (default: the sample in loyalty/demo)")

    @no_translations
    def handle(self, *args: Any, file: Path, **options: Any) -> None:
        if not os.environ.get("DEMO_JSON"):
            raise CommandError("Say in DEMO_JSON to which file the sample logins and the sample key shall be written.")
        self._settings(now=timezone.now())
        # Daily jobs keep to the programme's zone.
        call_command("schedule_jobs", stdout=self.stdout)
        # The missions come after the purchases: nobody of the sample has registered, and they would be looked for after each of them.
        call_command("load_programme", no_missions=True, stdout=self.stdout)
        # The moment at which the programme began: to there the purchases are moved.
        start = rulebook.version(code="purchase", number=1).published_at
        self.stdout.write("Sample purchases: 50 households of 84.51°'s Complete Journey, moved to end this week. See loyalty/demo/README.md.")
        call_command("replay", file, shift_to=start, stdout=self.stdout, stderr=self.stderr)
        call_command("load_programme", stdout=self.stdout)
        self._samples(start)
        if stocked := demo.stock_mall(actor=ACTOR, now=timezone.now()):
            self.stdout.write(f"The sample mall has {stocked} rewards.")
        self._secrets(Path(os.environ["DEMO_JSON"]), now=timezone.now())
        totals.refresh(again=True, now=timezone.now())
        demo.propose_markdown(now=timezone.now())

    def _settings(self, *, now: datetime) -> None:
        """Settings that nobody has made yet."""
        if not Programme.objects.exists():
            Programme(id=1, currency=CURRENCY, zone=ZONE).save()
        if not Terms.objects.exists():
            Terms(id=1, expiry=Terms.Expiry.MONTHS, length=12).save()
        if till.burn_policy(now=now) is None:
            # 30 % of an order, half of it from 100.00 on, 80 % from 300.00 on; of what costs 500.00 or more apiece 70 %.
            bands = [Band(10_000, 5_000), Band(30_000, 8_000)]
            checkout.publish_policy(
                points_per_unit=100, threshold=0, step=1, max_share_bps=3_000, bands=bands, dear_cents=50_000, dear_share_bps=7_000, actor=ACTOR, now=now
            )
        if Group.objects.filter(name__in=OPERATORS).count() < len(OPERATORS):
            console.load_roles()
        if not AdjustmentLimit.objects.exists():
            for role, (alone, daily) in LIMITS.items():
                AdjustmentLimit(group=Group.objects.get(name=role), per_adjustment=alone, per_day=daily).save()
        if settings.CHANNELS["MAIL_DIR"] and channels_seen.untouched(channel="email"):
            # Nothing leaves this machine: mails are files, to be looked at.
            channels.set_up(provider="mailbox", parameters={"from_address": "points@shop.example", "from_name": "Sample shop"}, in_use=True)

        if vouchers_seen.product("sample-film-ticket") is None:
            about = {"base_url": "http://127.0.0.1:8100", "key_id": "sample-shop", "active": True}
            provider = Provider(code="sample", name_zh="示例服务商", name_en="Sample provider", **about)
            products = [
                ProviderProduct(code=code, provider=provider, sku=sku, name_zh=chinese, name_en=english) for code, (sku, chinese, english) in VOUCHERS.items()
            ]
            vouchers.keep(provider=provider, products=products, actor=ACTOR, now=now)

    def _samples(self, start: datetime) -> None:
        """Members whose ids are easy to type with what they did, in its order, and two refunds that wait for an operator."""
        acts: list[tuple[int, Callable[[datetime], object]]] = []
        for name, (inviter, days) in MEMBERS.items():
            acts.append((days, partial(self._register, name, inviter)))
        acts.append((10, self._distinguish))
        for days, number, name, lines in ORDERS:
            acts.append((days, partial(self._order, number, name, lines)))
        for days, kind, name, number, data in BEHAVIOURS:
            acts.append((days, partial(self._behave, kind, name, number, data)))
        acts += [(days, self._check_in) for days in CHECKED_IN]
        for days, act in sorted(acts, key=lambda one: -one[0]):
            act(start - timedelta(days=days))
        checkout.park_refund(facts=Refund("SAMPLE-R-1", start, 6400), member_ref="M-1002", actor=ACTOR, now=start)
        checkout.refund(purchase_ref="SAMPLE-99", facts=Refund("SAMPLE-R-2", start, 1500), actor=ACTOR, now=start)
        while outbox.deliver_due(limit=500, now=timezone.now()):
            pass

    def _register(self, name: str, inviter: str, at: datetime) -> None:
        if members.ensure(external_id=name, now=at).registered_at is None:
            profile = {"name": f"Sample Member {name[2:]}", **({"referred_by": inviter} if inviter else {})}
            earning.register(external_id=name, occurred_at=at, actor=ACTOR, now=at, **profile)

    def _distinguish(self, at: datetime) -> None:
        """Some are somebody special, unless an operator has thought otherwise."""
        for name, tier in TIERS.items():
            member = members_seen.get(name)
            if not standings.changes(member_id=member.id).exists():
                placing.set_standing(member_id=member.id, tier=tier, reason="Sample", actor=ACTOR, now=at)
        if not Segment.objects.filter(code="vip").exists():
            with transaction.atomic():
                Segment(code="vip", name_zh="贵宾", name_en="VIP", description="Sample: members whom a rule or a mission can be for.").save()
                segments.add(segment="vip", external_ids=["M-1002"], actor=ACTOR, reason="Sample", now=at)

    def _order(self, number: str, name: str, lines: tuple[Line, ...], at: datetime) -> None:
        paid = sum(line.amount_cents for line in lines)
        checkout.pay(member_id=members_seen.get(name).id, facts=Purchase(number, at, CURRENCY, paid, lines), actor=ACTOR, now=at)

    def _behave(self, kind: str, name: str, number: str, data: dict[str, Any], at: datetime) -> None:
        earning.hear(member_ref=name, kind=kind, external_id=number, data=data, occurred_at=at, actor=ACTOR, now=at)

    def _check_in(self, at: datetime) -> None:
        checkin.check_in(member_id=members_seen.get("M-1001").id, actor=ACTOR, now=at)

    def _secrets(self, path: Path, *, now: datetime) -> None:
        """Operators, the adjustment that one of them asks for, and the key. Writes the file where anything in it is new."""
        known = self._read(path)
        operators = []
        for role, name in OPERATORS.items():
            operators.append(self._operator(name, role, next((one for one in known.get("operators", []) if one["name"] == name), {})))
        asking = get_user_model().objects.get(username=OPERATORS["finance"])
        asked = members.ensure(external_id="M-1003", now=now)
        adjustments.request(
            member_id=asked.id,
            points=2500,
            reason="Sample: a parcel was lost. Beyond the limit, so a second person decides.",
            operator_id=asking.pk,
            key=ADJUSTMENT,
            now=now,
        )
        shown = {
            "url": os.environ.get("LOYALTY_URL", settings.PUBLIC_URL),
            "currency": Programme.current().currency,
            "storefront_key": self._key(known.get("storefront_key", ""), now),
            "operators": operators,
        }
        if shown != known:
            _write_private(path, json.dumps(shown, indent=1, ensure_ascii=False))
            self.stdout.write(f"The sample logins and the sample key are in {path}.")

    def _read(self, path: Path) -> dict[str, Any]:
        try:
            known = json.loads(path.read_text())
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise CommandError(f"{path} cannot be read: {error}. Move it away, and new logins and a new key are made.") from error
        return known if isinstance(known, dict) else {}

    def _operator(self, name: str, role: str, known: dict[str, str]) -> dict[str, str]:
        operator, made = get_user_model().objects.get_or_create(username=name, defaults={"is_staff": True, "last_name": "Sample"})
        if made:
            operator.groups.set([Group.objects.get(name=role)])
        if not known or not operator.check_password(known["password"]):
            known = {"name": name, "password": secrets.token_urlsafe(12), "role": role}
            operator.set_password(known["password"])
            operator.save(update_fields=["password"])
            if not made:
                self.stdout.write(f"{name} has a new password; what the file said of it was not there or not right.")
        return known

    def _key(self, known: str, now: datetime) -> str:
        written = key_rules.read(known)
        key = keys_seen.by_prefix(written[0]) if written else None
        if written and key and key_rules.opens(key.lock, written[1], now):
            return known
        old = keys_seen.by_name(KEY_NAME)
        if old is None:
            return keys.issue(name=KEY_NAME, scopes=Scope.values, actor=ACTOR, now=now)[1]
        self.stdout.write("The sample key has a new secret; what the file said of it was not there or not right.")
        return keys.rotate(key_id=old.id, grace=timedelta(0), actor=ACTOR, reason="The file with its text is gone.", now=now)[1]


def _write_private(path: Path, text: str) -> None:
    """Replace a file in one step; only its owner may read it."""
    beside = path.with_name(f"{path.name}.{os.getpid()}")
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    beside.replace(path)
