from loyalty.outbox.rules import Event
from loyalty.outbox.services import subscribe
from points.cards import services as cards
from points.ledger import selectors as books
from points.ledger import services as ledger


@subscribe("riskcontrol.member_banned")
def freeze_banned(event: Event) -> None:
    """A blocked member's account is frozen, unless an operator has frozen it already."""
    if books.freeze_in_force(member_id=event.member_id) is None:
        ledger.freeze(member_id=event.member_id, reason=event.payload["reason"], actor=event.payload["actor"], key=_key(event, "freeze"), now=event.now)


@subscribe("riskcontrol.member_cleared")
def unfreeze_cleared(event: Event) -> None:
    """The freeze that this very block brought ends with it; one that an operator made stays."""
    if books.freeze_in_force(member_id=event.member_id) == _key(event, "freeze"):
        ledger.unfreeze(member_id=event.member_id, reason=event.payload["reason"], actor=event.payload["actor"], key=_key(event, "unfreeze"), now=event.now)


@subscribe("points.effect_won")
@subscribe("points.effect_withdrawn")
def keep_cards(event: Event) -> None:
    """Cards that a rule gave, or whose ground fell. One subscriber for both, so that no withdrawal overtakes its grant."""
    told = event.payload
    if told["effect"] != "card":
        return
    about = {"kind": told["item"], "count": told["count"], "subject": told["subject"], "key": f"effect/{event.id}"}
    if event.topic == "points.effect_won":
        cards.grant(member_id=event.member_id, **about, actor="rule", now=event.now)
    else:
        cards.withdraw_won(member_id=event.member_id, **about, now=event.now)


def _key(event: Event, act: str) -> str:
    return f"screening/{event.payload['entry_id']}/{act}"
