"""How facts earn points: fact → decision → grant.

A **rule version** is what decided; a published one never changes, and every lot names the version that made it. Today there is one
rule: points per unit of money by category, on what was paid in money for goods, one floor per order. Rules that operators write take
their place here; version 1 stays what it is, and the lots that point to it stay explained.

`decide` (in `rules.py`) is pure and serves the quote, the purchase and what is left after a refund alike, so that none of them can
promise what another does not keep.
"""
