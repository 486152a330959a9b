"""What this app keeps of members: what becomes of it when a member is erased, and which part of their copy it is."""

from datetime import datetime
from uuid import UUID

from accounts.leaving.services import Erasing, before_erasure, erasable, erases, portable
from loyalty.lib.redaction import replace
from points.adjustments import services as adjustments
from points.batches.models import Batch, BatchLine
from points.earning import services as earning
from points.ledger import services as ledger
from points.merging import services as merging
from points.proofs import services as proofs
from points.simulation.models import Simulation

# Where a constraint asks for a text, one of ours stands in its place.
STILL_SAID = "CASE WHEN {0} = '' THEN '' ELSE 'erased' END"

# Keys like #12 are the ledger's own numbers.
erasable("points.Entry", hashed=("key", "subject"), spared="^#[0-9]+$", cleared={"digest": "", "reason": ""}, impersonal=("actor",))
erasable("points.Hold", hashed=("subject",))
erasable("points.Lot", impersonal=("terms", "cost_centre"))
erasable("points.Decision", hashed=("subject",), cleared={"given": {}, "trace": None}, impersonal=("fact", "screened"))
erasable("points.MemberUse", impersonal=("counter", "starts"))
erasable("points.Adjustment", cleared={"reason": "erased", "decision_reason": ""}, impersonal=("cost_centre",))
erasable("points.BatchLine", cleared={"reason": "", "faults": [], "cells": None}, impersonal=("earned_on", "expiry", "cost_centre"))
erasable("points.Merge", members=("merged", "survivor"), cleared={"reason": "erased", "decision_reason": ""}, impersonal=("figures",))
erasable("points.BoardResult", hashed=("fact",), said={"reason": STILL_SAID.format("reason")}, impersonal=("withdrawn_by",))
erasable("points.Card", hashed=("subject", "key", "used_by"), said={"withdrawn_for": STILL_SAID.format("withdrawn_for")}, impersonal=("actor",))
erasable("points.CheckIn", impersonal=("date", "made_up_on", "milestones", "zone", "actor"))
erasable("points.MemberBadge", hashed=("subject",))
erasable("points.MissionCompletion", hashed=("completed_fact",), impersonal=("period", "completed_kind"))
erasable(
    "points.Proof",
    cleared={"url": ""},
    said={
        "reason": STILL_SAID.format("reason"),
        "task_code": "CASE WHEN EXISTS (SELECT FROM points_prooftask t WHERE t.code = task_code) THEN task_code ELSE 'erased' END",
    },
    impersonal=("decided_by", "seen_by"),
)
erasable("points.Finding", cleared={"breaches": [], "reason": ""}, impersonal=("closed_by",))
erasable("points.ExpiryNotice", impersonal=("day",))
erasable("points.InactivityCase", impersonal=("announced_at", "since"))
erasable("points.SimulatedMember", deleted=True)

portable("account", "points.Account", without=("last_seq",))
portable("entries", "points.Entry", without=("digest",))
portable("lots", "points.Lot", without=("cost_centre",))
portable("holds", "points.Hold")
portable("decisions", "points.Decision", without=("given",))
portable("grants", "points.Grant")
portable("limits_used", "points.MemberUse")
portable("cards", "points.Card")
portable("check_ins", "points.CheckIn")
portable("missions", "points.MissionCompletion")
portable("badges", "points.MemberBadge")
portable("proofs", "points.Proof", without=("decided_by", "seen_by", "seen_at"))
portable("boards", "points.BoardResult", without=("withdrawn_by",))
portable("adjustments", "points.Adjustment", without=("requested_by", "decided_by", "cost_centre"))
portable("batch_lines", "points.BatchLine", without=("cells", "faults", "cost_centre"))
portable("expiry_notices", "points.ExpiryNotice")
portable("inactivity", "points.InactivityCase")
portable("merges", "points.Merge", members=("merged", "survivor"), without=("requested_by", "decided_by", "figures"))


@before_erasure
def settle_points(*, member_ids: list[UUID], actor: str, now: datetime) -> dict[str, int]:
    """Open holds are released, pending points taken back, what is available forfeited; what is owed stays owed by nobody. Requests are withdrawn."""
    ledger.lock_all(member_ids=member_ids)
    forfeited = sum(ledger.void_all(member_id=member_id, actor=actor, reason="erased", key="erasure", now=now) for member_id in member_ids)
    return {
        "points forfeited": forfeited,
        "offers withdrawn": earning.withdraw_offers(member_ids=member_ids),
        "adjustments withdrawn": adjustments.withdraw_all(member_ids=member_ids, now=now),
        "merges withdrawn": merging.withdraw_all(member_ids=member_ids, now=now),
        "proofs refused": proofs.refuse_all(member_ids=member_ids, actor=actor, now=now),
    }


@erases
def lists_of_members(about: Erasing) -> int:
    """Examples of simulations, what batches of points were looked for by, and cells of files that could not be read."""
    shown = replace(Simulation, "state", "result", "cursor", names=about.names, token=about.token)
    sought = replace(Batch, "reason", "found_by", "result", "error", names=about.names, token=about.token)
    # Cells are kept of faulty lines only.
    return shown + sought + replace(BatchLine, "faults", "cells", names=about.names, token=about.token, where="cells IS NOT NULL")
