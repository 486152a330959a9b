"""Puts a programme of earning in place that is written down as data: tiers, rules, limits, budgets, missions, badges, boards and so on.

A rule that exists stays as it is, whatever the file says of it, and so does every other part of which there is any already. So an
operator's changes stay, it may be run again, and a run that was interrupted is completed by the next.

A rule that may not be published here, because a second person is needed or because it speaks of something that is not there, stays a
draft for an operator. Rules decide facts of any age.
"""

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser, no_translations
from django.db import models, transaction
from django.utils import timezone

from accounts.referrals.models import ReferralTerms
from loyalty.lib.localtime import local_date
from loyalty.lib.refusals import BusinessError
from loyalty.programme import selectors as programme
from points.boards.models import Board
from points.budgets import services as budgets
from points.budgets.models import Budget
from points.cards.models import CardKind
from points.checkin.models import CheckInTerms
from points.missions import services as missions
from points.missions.models import Badge, Mission
from points.missions.rules import Prize, Step
from points.proofs.models import ProofTask
from points.rulebook import rules
from points.rulebook import services as rulebook
from points.rulebook.models import Festival, FestivalDays, RuleVersion, SharedLimit
from tiers.ladder import services as ladder
from tiers.ladder.models import Tier, TierBenefit
from tiers.ladder.rules import Band

ACTOR = "load_programme"
FILE = Path(settings.BASE_DIR) / "loyalty" / "demo" / "programme.json"


class Command(BaseCommand):
    help = "Put a programme of earning in place that is written down as data. What is there already stays as it is; running it again changes nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--file", type=Path, default=FILE, metavar="FILE", help="the programme (default: the sample, loyalty/demo/programme.json)")
        parser.add_argument("--no-missions", action="store_true", help="leave the missions to a later run")

    @no_translations
    def handle(self, *args: Any, file: Path, no_missions: bool, **options: Any) -> None:
        said, now = json.loads(file.read_text(encoding="utf-8")), timezone.now()
        by = {"actor": ACTOR, "now": now}
        self._where_none(Tier, said["tiers"], lambda one: ladder.keep(**one, **by))
        self._where_none(TierBenefit, said["benefits"], lambda one: _benefit(one, **by))
        self._where_none(CardKind, said["card_kinds"], lambda one: CardKind(**one).save())
        self._where_none(Badge, said["badges"], lambda one: Badge(**one).save())
        self._where_none(Budget, said["budgets"], lambda one: budgets.keep(**one, **by))
        festivals = self._where_none(Festival, said["festivals"], _festival)
        if self._where_none(SharedLimit, said["limits"], lambda one: SharedLimit(**one).save()) or festivals:
            rulebook.changed_what_is_in_force()
        for rule in said["rules"]:
            self._rule(rule, now)
        if not no_missions:
            self._where_none(Mission, said["missions"], lambda one: _mission(one, now))
        self._where_none(ProofTask, said["proof_tasks"], lambda one: ProofTask(**one).save())
        today = local_date(now, programme.zone(now=now))
        self._where_none(Board, said["boards"], lambda one: Board(**one, starts_on=today).save())
        self._where_none(ReferralTerms, [said["referrals"]], lambda one: ReferralTerms(**one, id=1).save())
        self._where_none(CheckInTerms, [said["check_in"]], lambda one: CheckInTerms(**one, id=1).save())

    @transaction.atomic
    def _where_none(self, model: type[models.Model], parts: list[dict[str, Any]], make: Callable[[dict[str, Any]], object]) -> bool:
        """Make these where there is nothing of the kind; whether there was nothing."""
        if model._default_manager.exists():
            return False
        for one in parts:
            make(one)
        return True

    def _rule(self, said: dict[str, Any], now: datetime) -> None:
        about = {**said, "definition": rules.from_json(said["definition"])}
        version = RuleVersion.objects.filter(rule__code=said["code"]).order_by("number").first()
        if version is None:
            version = rulebook.make(**about, actor=ACTOR, now=now)
        if version.status == RuleVersion.Status.DRAFT and version.made_by == ACTOR:
            try:
                with transaction.atomic():
                    rulebook.publish(version_id=version.id, ever=True, actor=ACTOR, now=now)
            except BusinessError as refusal:
                self.stdout.write(f"The rule {said['code']} stays a draft: {refusal.message} {refusal.figures}")


def _benefit(said: dict[str, Any], *, actor: str, now: datetime) -> None:
    """For a tier that is there: an operator's own ladder may have others."""
    if Tier.objects.filter(code=said["tier"]).exists():
        ladder.keep_benefit(**{**said, "bands": [Band(**band) for band in said.get("bands", ())]}, actor=actor, now=now)


def _festival(said: dict[str, Any]) -> None:
    days = said.pop("days")
    festival = Festival(**said)
    festival.save()
    FestivalDays.objects.bulk_create([FestivalDays(festival=festival, first=first, last=last) for first, last in days])


def _mission(said: dict[str, Any], now: datetime) -> None:
    steps, prizes = [Step(**one) for one in said.pop("steps")], [Prize(**one) for one in said.pop("prizes", ())]
    made = missions.create(**said, steps=steps, prizes=prizes, actor=ACTOR, now=now)
    missions.publish(mission_id=made.id, actor=ACTOR, now=now)
