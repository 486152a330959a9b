from collections.abc import Callable
from datetime import datetime

from accounts.activity import selectors as activity
from loyalty.outbox.rules import Event
from loyalty.outbox.services import subscribe
from points.benefits import services as benefits
from points.cards import services as cards
from points.earning import services as earning
from points.inactivity import selectors as inactivity_seen
from points.inactivity import services as inactivity
from points.ledger import selectors as books
from points.ledger import services as ledger
from points.missions import selectors as missions_seen
from points.missions import services as missions
from points.proofs import services as proofs
from points.reminders import services as reminders


@subscribe("riskcontrol.member_banned")
@subscribe("riskcontrol.member_cleared")
def freeze_banned(event: Event) -> None:
    """A blocked member's account is frozen, unless it is already; the freeze that this very block brought ends with it, and no other.

    One subscriber for both, so that no end of a block overtakes its beginning and the freeze stays.
    """
    in_force = books.freeze_in_force(member_id=event.member_id)
    why = {"reason": event.payload["reason"], "actor": event.payload["actor"], "now": event.now}
    if event.topic == "riskcontrol.member_banned" and in_force is None:
        ledger.freeze(member_id=event.member_id, key=_key(event, "freeze"), **why)
    elif event.topic == "riskcontrol.member_cleared" and in_force == _key(event, "freeze"):
        ledger.unfreeze(member_id=event.member_id, key=_key(event, "unfreeze"), **why)


def _about_a_card(event: Event) -> bool:
    return event.payload["effect"] == "card"


@subscribe("points.effect_won", wants=_about_a_card)
@subscribe("points.effect_withdrawn", wants=_about_a_card)
def keep_cards(event: Event) -> None:
    """Cards that a rule or a mission gave, or whose ground fell. One subscriber for both, so that no withdrawal overtakes its grant."""
    told = event.payload
    about = {"kind": told["item"], "count": told["count"], "subject": told["subject"], "key": f"effect/{event.id}"}
    if event.topic == "points.effect_won":
        cards.grant(member_id=event.member_id, **about, actor="rule", now=event.now)
    else:
        cards.withdraw_won(member_id=event.member_id, **about, now=event.now)


@subscribe("points.fact_decided", wants=lambda event: event.payload["kind"] == proofs.KIND)
def receive_proof(event: Event) -> None:
    """An upload becomes a proof, for an operator to decide on."""
    proofs.receive(member_id=event.member_id, external_id=event.payload["fact"], now=event.now)


def _while_it_counts(topic: str, kind: str) -> Callable[[Event], bool]:
    """Of `topic` only while facts of that kind are in use. What was given is taken back also after they were switched off."""
    return lambda event: event.topic != topic or activity.fact_kind(kind).active


@subscribe("accounts.referral_completed", wants=_while_it_counts("accounts.referral_completed", "referral_completed"))
@subscribe("accounts.referral_reduced")
@subscribe("accounts.referral_revoked")
def reward_inviter(event: Event) -> None:
    """A friend's first order is a fact of the inviter's. One subscriber for all three, so that no refund overtakes its order."""
    told = event.payload
    about = {"member_id": event.member_id, "kind": "referral_completed", "external_id": told["completion"], "actor": "referrals", "now": event.now}
    if event.topic == "accounts.referral_revoked":
        earning.withdraw(**about)
        return
    data = {name: told[name] for name in ("friend", "purchase", "amount_cents")}
    if event.topic == "accounts.referral_completed":
        earning.take(**about, data=data, occurred_at=datetime.fromisoformat(told["occurred_at"]))
    else:
        earning.amend(**about, data=data)


@subscribe("accounts.invitation_confirmed", wants=_while_it_counts("accounts.invitation_confirmed", "referred"))
@subscribe("accounts.invitation_withdrawn")
def reward_friend(event: Event) -> None:
    """The same order is why the friend has come by invitation."""
    told = event.payload
    about = {"member_id": event.member_id, "kind": "referred", "external_id": told["purchase"], "actor": "referrals", "now": event.now}
    if event.topic == "accounts.invitation_confirmed":
        earning.take(**about, data={"by": told["by"]}, occurred_at=datetime.fromisoformat(told["occurred_at"]))
    else:
        earning.withdraw(**about)


@subscribe("points.fact_decided", wants=lambda event: missions_seen.matters(kind=event.payload["kind"]))
def complete_missions(event: Event) -> None:
    missions.hear(member_id=event.member_id, kind=event.payload["kind"], fact=event.payload["fact"], now=event.now)


@subscribe("accounts.notice_handed_over", wants=lambda event: inactivity_seen.announces(kind=event.payload["kind"], channel=event.payload["channel"]))
def hear_announcements(event: Event) -> None:
    """What is voided for inactivity was announced to the member."""
    at = datetime.fromisoformat(event.payload["at"])
    inactivity.mark_handed_over(member_id=event.member_id, key=event.payload["key"], at=at, now=event.now)


@subscribe("tiers.standing_changed", wants=lambda event: event.payload["cause"] in ("reached", "undone"))
def give_for_reaching(event: Event) -> None:
    """What a tier promises to who reaches it. One subscriber for both causes, so that no undoing overtakes its rise."""
    about = {"member_id": event.member_id, "at": event.now, "actor": "benefits", "now": event.now}
    if event.payload["cause"] == "reached":
        benefits.reach(tier=event.payload["tier"], **about)
    else:
        benefits.unreach(tier=event.payload["before"], **about)


def _about_a_badge(event: Event) -> bool:
    return event.payload["effect"] == "badge"


@subscribe("points.effect_won", wants=_about_a_badge)
@subscribe("points.effect_withdrawn", wants=_about_a_badge)
def keep_badges(event: Event) -> None:
    """Badges that a rule or a mission gave, or whose ground fell. One subscriber for both, so that no withdrawal overtakes its award."""
    told = event.payload
    if event.topic == "points.effect_won":
        missions.award(member_id=event.member_id, badge=told["item"], subject=told["subject"], now=event.now)
    else:
        missions.take_back(member_id=event.member_id, badge=told["item"])


@subscribe("accounts.notice_handed_over", wants=lambda event: reminders.announces(kind=event.payload["kind"], channel=event.payload["channel"]))
def mark_announced(event: Event) -> None:
    at = datetime.fromisoformat(event.payload["at"])
    reminders.mark_handed_over(member_id=event.member_id, key=event.payload["key"], at=at, now=event.now)


def _key(event: Event, act: str) -> str:
    return f"screening/{event.payload['entry_id']}/{act}"
