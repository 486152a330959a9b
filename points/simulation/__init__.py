"""What a change of the rules would have cost: history decided again, old beside new, nothing written to the books.

A **simulation** takes one or more versions that are not in force and a span of business days. Every fact in it is decided twice, by the same
code as in life: on the **old side** by the rules that were in force when it was asked for, on the **new side** with the drafts in the place of
their rules. Each side keeps its own use of limits and budgets, and its own outcome of refunds; both begin empty, so a replay of that history
from nothing under the changed rules gives the same points.

Facts are taken in the order in which they happened, refunds at their time, members as they stand today (tier, segments); a card counts
where it was used then. Facts that were withdrawn do not count, amended ones as they turned out, what risk control refused then is decided
here, and what has to be claimed counts as claimed. Purchases before the span count for conditions on history, but earn nothing here.

The job works in slices, each one transaction: what members have so far is kept in a row each, of which a slice reads those whose facts it
decides, so neither its memory nor its time grows with the programme. A killed worker's slice is done again, two workers do not meet, and
the result is the same. Where the rules, limits or budgets in force change meanwhile, it begins again.

**The gate.** A version's figure for publishing is that of the last simulation that tried it alone, over at least four weeks, and in which it
made itself felt. What several versions cost together says nothing about one of them, which could be published without the others.
"""
