"""Two years of a programme, day by day: baskets, refunds, spends, tiers that are reached, kept and lost, and no point that dies unannounced.

What happens is done by the same verbs as in life, each at its own time; in between the night's jobs run at theirs, and mails are taken by a mail
server of our own. All of it must come to what an independent reckoning comes to, month by month and member by member. The baskets are
those of a few of the sample's households, or all of the file that JOURNEY_CSV names; docs/EXTENDING.md says how to run it.
"""

import email
import email.policy
import json
import os
import socket
import sys
from collections import Counter, defaultdict
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import time_machine
from aiosmtpd.controller import Controller

from accounts.channels.models import ChannelSettings
from accounts.members.models import Member
from accounts.notifications.models import Delivery, NotificationKind, NotificationSettings
from loyalty.audit.services import JOBS
from loyalty.lib.localtime import local_date
from loyalty.programme import services as programme_verbs
from mall.checkout import services as checkout
from mall.replay import rules as replaying
from points.earning import services as earning
from points.ledger import selectors as books
from points.ledger import services as ledger
from points.ledger.models import Account, Allocation, Entry
from points.reminders.models import ExpiryNotice, ReminderTerms
from points.rulebook import services as publishing
from points.rulebook.rules import Definition, Effect
from points.terms.models import Terms
from tests.flows.test_earning_against_oracle import refunds_of
from tests.oracle import earning_oracle, life_oracle
from tiers.evaluation.models import Evaluation, EvaluationPolicy
from tiers.ladder import services as ladder
from tiers.standing import selectors as standings

# Jobs and channels read what is committed.
pytestmark = pytest.mark.django_db(transaction=True)

ROOT = Path(__file__).parents[2]
WHOLE_FILE = os.environ.get("JOURNEY_CSV")
FILE = Path(WHOLE_FILE or ROOT / "loyalty" / "demo" / "journey_sample.csv.gz")
# Of the sample, half a year of baskets and what becomes of them.
LAST = {} if WHOLE_FILE else {"until": "2018-01-15"}
PROGRAMME = json.loads((ROOT / "tests" / "oracle" / "life_programme.json").read_text()) | LAST
ZONE = ZoneInfo(PROGRAMME["zone"])
REGISTERED = datetime.combine(date.fromisoformat(PROGRAMME["registered_on"]), time(12), ZONE).astimezone(UTC)
# The night's jobs that move something here, in the order of their times; then what runs all day, at the hour of the reminders.
NIGHTLY = ("points.expire_due",)
DAILY = ("points.remind",)
SEND = "accounts.send_messages"


class Postbox:
    """Takes every mail, as a mail server that delivers at once would."""

    def __init__(self):
        self.mails = []

    async def handle_DATA(self, server, session, envelope):  # noqa: N802 (the mail server calls it so)
        self.mails.append((envelope.rcpt_tos[0], envelope.content))
        return "250 taken"

    def read(self):
        """(day, member, text) of each mail, in the order of their coming."""
        for to, content in self.mails:
            message = email.message_from_bytes(content, policy=email.policy.default)
            yield local_date(message["Date"].datetime, ZONE), to.partition("@")[0], message.get_body(("plain",)).get_content()


@pytest.fixture
def postbox(settings):
    box = Postbox()
    server = Controller(box, hostname="127.0.0.1", port=free_port())
    server.start()
    # However busy the machine: what is not answered in time is rightly sent again, and would be read twice.
    settings.CHANNEL_CONNECT_SECONDS = settings.CHANNEL_ANSWER_SECONDS = 600
    settings.CHANNELS = {**settings.CHANNELS, "SMTP_HOST": "127.0.0.1", "SMTP_PORT": str(server.port), "SMTP_SECURITY": "none", "SMTP_USER": ""}
    ChannelSettings(provider="smtp", in_use=True, parameters={"from_address": "points@shop.example"}).save()
    yield box
    server.stop()


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@pytest.fixture
def world(postbox):
    """The programme is set, and every household a member with an address."""
    now = REGISTERED - timedelta(days=10)
    programme_verbs.change_zone(zone=PROGRAMME["zone"], now=now)
    Terms(pk=1, expiry=Terms.Expiry.MONTHS, length=PROGRAMME["expire_months"]).save()
    for code, effect in (("base", Effect("per_unit", rate=PROGRAMME["rate"] * 10_000)), ("tier", Effect("tier_multiplier"))):
        version = publishing.make(code=code, fact="purchase", name_zh="", name_en=code, definition=Definition(effect=effect), actor="tests", now=now)
        publishing.publish(version_id=version.id, ever=True, actor="tests", now=now)
    for tier in PROGRAMME["tiers"]:
        ladder.keep(**tier, name_zh=tier["code"], name_en=tier["code"], actor="tests", now=now)
    policy = {name: PROGRAMME[name] for name in ("term_months", "at_end", "grace_days", "sprint_days")}
    EvaluationPolicy(pk=1, mode="growth", **policy).save()
    NotificationSettings(pk=1, email_per_minute=0).save()
    # What is read from the mail server is reminders alone.
    NotificationKind.objects.exclude(purpose="expiry").update(active=False)
    ReminderTerms(pk=1, days=PROGRAMME["reminder_days"], hour=PROGRAMME["reminder_hour"]).save()
    rows = [
        row
        for row in earning_oracle.read(FILE)
        if row["customer_id"] and (WHOLE_FILE or (int(row["customer_id"]) % 250 == 0 and row["occurred_at"] < "2017-07"))
    ]
    for customer in sorted({row["customer_id"] for row in rows}):
        earning.register(external_id=customer, email=f"{customer}@members.example", language="en", occurred_at=REGISTERED, actor="tests", now=REGISTERED)
    return rows


def acts(rows):
    """What members do, in order: (instant, act). At one instant purchases come first, each with its own spend; refunds last."""
    found = []
    for place, row in enumerate(rows):
        found.append((datetime.fromisoformat(row["occurred_at"]), 0, place, row))
        found += [(datetime.fromisoformat(refund["occurred_at"]), 1, place, refund) for refund in refunds_of(row)]
    return sorted(found, key=lambda one: one[:3])


def do(row, member_id, now):
    if row["kind"] == "refund":
        facts = replaying.refund(replaying.read(row), "USD", now)
        checkout.refund(purchase_ref=row["refers_to"], facts=facts, actor="tests", now=now)
        return
    checkout.pay(member_id=member_id, facts=replaying.purchase(replaying.read(row), "USD", now), actor="tests", now=now)
    if int(row["order_id"]) % PROGRAMME["spend_every"] == 0:
        half = books.balance(member_id=member_id, now=now).available // 2
        if half >= PROGRAMME["spend_from"]:
            ledger.spend(member_id=member_id, points=half, actor="tests", key=f"spend/{row['order_id']}", now=now)


def jobs_of(day):
    """When which jobs run on a local day, in UTC."""
    # In life each minute: terms end at midnight, and are decided on before the first order of the day.
    yield datetime.combine(day, time(0, 1), ZONE).astimezone(UTC), ("tiers.end_lapsed",)
    for name in NIGHTLY:
        yield datetime.combine(day, JOBS[name].schedule.daily_at, ZONE).astimezone(UTC), (name,)
    yield datetime.combine(day, time(PROGRAMME["reminder_hour"], 1), ZONE).astimezone(UTC), DAILY


def live(rows):
    """Every act and every job at its time, until the last day is over. What was noted as told, day by day: notices are not kept for two years."""
    members = dict(Member.objects.values_list("external_id", "id"))
    day, last = local_date(REGISTERED, ZONE), date.fromisoformat(PROGRAMME["until"])
    waiting = [(at, names) for n in range((last - day).days + 1) for at, names in jobs_of(day + timedelta(days=n))]
    waiting.sort(key=lambda one: one[0])
    told = []
    for at, _kind, _place, row in acts(rows):
        while waiting and waiting[0][0] <= at:
            told += run(*waiting.pop(0))
        do(row, members[row["customer_id"]], at)
    for at, names in waiting:
        told += run(at, names)
    return told


def run(at, names):
    """Do these jobs; what was told with them."""
    with time_machine.travel(at, tick=False):
        for name in names:
            JOBS[name].task()
        if names is DAILY:
            due = Delivery.objects.filter(state=Delivery.State.WAITING, due_at__lte=at)
            left, before = due.count(), None
            while left and left != before:
                JOBS[SEND].task()
                left, before = due.count(), left
            return list(ExpiryNotice.objects.filter(day=local_date(at, ZONE)))
    return []


def month(moment):
    return f"{local_date(moment, ZONE):%Y-%m}"


def lived(postbox, told):
    """By month, what has become of everybody, as the tables, the notices and the mails say."""
    found = defaultdict(Counter)
    for outcome, at, until in Evaluation.objects.values_list("outcome", "at", "until"):
        # A term counts where it ended: one to which an undone rise leads back may have ended before.
        found[month(until if outcome in ("kept", "fell") else at)][outcome] += 1
    for day, _member, _text in postbox.read():
        found[f"{day:%Y-%m}"]["messages"] += 1
    for one in told:
        found[f"{one.day:%Y-%m}"]["told" if one.step else "told_gone"] += one.points
    for points, at in Entry.objects.filter(kind=Entry.Kind.EXPIRE).values_list("points", "occurred_at"):
        found[month(at)]["expired"] += points
    return found


def ended(postbox):
    """For each member: tier, points there, debt, and how often what has happened."""
    names, now = dict(Member.objects.values_list("id", "external_id")), datetime.combine(date.fromisoformat(PROGRAMME["until"]), time.max, ZONE)
    places = standings.standings(member_ids=names, now=now)
    found = {name: defaultdict(int) for name in names.values()}
    for member_id, outcome in Evaluation.objects.values_list("member_id", "outcome"):
        found[names[member_id]][outcome] += 1
    for _day, member, _text in postbox.read():
        found[member]["messages"] += 1
    for member_id, points in Entry.objects.filter(kind=Entry.Kind.EXPIRE).values_list("member_id", "points"):
        found[names[member_id]]["expired"] += points
    for member_id, available, debt in Account.objects.values_list("member_id", "available", "debt"):
        found[names[member_id]] |= {"tier": places[member_id].code, "available": available, "debt": debt}
    return {name: dict(one) for name, one in found.items()}


def assert_every_dead_point_was_announced(notices):
    """Four times ahead, each time handed over to the mail server, and once after."""
    died = Allocation.objects.filter(entry__kind=Entry.Kind.EXPIRE).values_list("lot_id", "points")
    told = defaultdict(dict)
    for one in notices:
        assert one.handed_over_at
        told[one.lot_id][one.step] = one.points
    assert len(died) > 50
    steps = {*PROGRAMME["reminder_days"], 0}
    assert {lot: told[lot] for lot, points in died if set(told[lot]) != steps or told[lot][0] != points or min(told[lot].values()) < points} == {}


def test_two_years_of_tiers_and_expiry_come_to_what_the_oracle_says_for_every_month_and_member(world, postbox, assert_books_balance):
    told = live(world)
    oracle = life_oracle.Life(PROGRAMME).run(row for _at, _kind, _place, row in acts(world))

    months = lived(postbox, told)
    assert {name: dict(one) for name, one in sorted(months.items())} == {name: dict(+one) for name, one in sorted(oracle.months.items()) if +one}
    assert ended(postbox) == oracle.totals()
    assert_books_balance()
    assert_every_dead_point_was_announced(told)
    all_of_it = sum(months.values(), Counter())
    assert all(all_of_it[kind] for kind in life_oracle.KINDS)
    sys.stdout.write("\n" + "\n".join(f"{name}: {dict(one)}" for name, one in sorted(months.items())) + "\n")
