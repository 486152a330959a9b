"""What this app keeps of members: what becomes of it when a member is erased, and which part of their copy it is."""

from accounts.leaving.services import erasable, portable

erasable("tiers.Standing", cleared={"reason": "erased"}, impersonal=("set_by",))
erasable("tiers.StandingChange", cleared={"reason": ""}, impersonal=("actor",))
erasable("tiers.GrowthEntry", hashed=("subject",), cleared={"reason": ""}, impersonal=("fact", "actor"))
erasable("tiers.Evaluation", cleared={"left": None}, impersonal=("figures", "how"))
erasable("tiers.Dormancy", impersonal=("due_on",))
erasable("tiers.Score", impersonal=("day",))

portable("tier", "tiers.Standing")
portable("tier_changes", "tiers.StandingChange")
portable("growth", "tiers.GrowthEntry")
portable("tier_evaluations", "tiers.Evaluation", without=("left",))
portable("dormancy", "tiers.Dormancy")
portable("scores", "tiers.Score")
