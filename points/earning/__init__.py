"""How facts earn points: fact → decision → grant.

A **fact** comes in (a purchase by the till, a behaviour by `take`); the rulebook's versions that were in force when it happened are looked at
by `decide` (in `rules.py`, pure), with the member as they stand and what **rooms** (limits and budgets) have left. Every evaluation leaves a
**decision**, zero awards included: each rule considered, how each of its conditions came out, what it wanted, what it was granted, what
cut it. What is granted together under the same terms is one **grant**: one lot, which names the version that gave most of it. A grant that
must be claimed is an **offer** until then.

The quote, the real thing, the refund and the simulation decide with the same code, so that none can promise what another does not keep.
A refund decides its purchase alone anew, on what is left of it, under its own versions and with the rooms as they were: what it gives
less is taken back, and capacity, cards and things won return. It never grants more.

Always: one fact of a member has one decision; what its grants give adds up to what was granted; a decision's charges stand in the
counters until they are given back; a roll is a keyed hash of rule and fact, so that deciding again rolls the same.

Locks: the member's account, then the counters that members share, last, before anything is written.
"""
