"""What this app keeps of members: what becomes of it when a member is erased, and which part of their copy it is."""

from accounts.leaving.services import erasable, portable

erasable("riskcontrol.BlockListEntry", cleared={"reason": "erased", "lift_reason": ""}, impersonal=("blocked_by", "lifted_by"))

# Why, and by whom, is the operators' own: the member learns that, since and until when.
portable("blocks", "riskcontrol.BlockListEntry", without=("reason", "blocked_by", "lifted_by", "lift_reason"))
