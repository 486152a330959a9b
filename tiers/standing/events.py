"""Published when another tier counts for a member than before: payload `tier` and `before` (codes, empty: none) and `reason`."""

STANDING_CHANGED = "tiers.standing_changed"
