"""Published after a fact was decided, or decided again.

`points.fact_decided`: payload `kind`, `fact` (its id), `points` (granted or offered in all, net of what was taken back). `points.effect_won` and
`points.effect_withdrawn`: a rule gave something else than points: `effect`, `item`, `count`, `subject`, `rule`.
"""

FACT_DECIDED = "points.fact_decided"
EFFECT_WON = "points.effect_won"
EFFECT_WITHDRAWN = "points.effect_withdrawn"
