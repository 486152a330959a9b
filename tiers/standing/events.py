"""Published when another tier counts for a member than before: payload `tier` and `before` (codes, empty: none), `reason`, `until` and the
`cause`: by_hand, reached, fell, undone, time or merged. Of a rise that is undone, `before` is the tier that was not reached after all.
"""

STANDING_CHANGED = "tiers.standing_changed"
