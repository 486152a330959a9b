"""Published when the last days of a term begin: payload `tier`, `until`, `missing` (what is still needed to keep it), `keeps_with` (the
threshold) and `unit` (growth, cents or score).
"""

TERM_ENDING = "tiers.term_ending"
