"""Missions: do this so many times, win that. Newcomer packs, daily and weekly missions, achievements, and the badges they bring.

A **mission** has **steps** (a kind of fact, or purchases, how many, under what condition) and a reward: points, and **effects** (a badge,
cards, a benefit). Its kind says in which **period** facts count: a newcomer's first days, a business day, a week from Monday, for an
achievement ever; for a wake-up mission from when `tiers.dormancy` found the member dormant until some days after the return (what brings them
back counts, and nobody else is offered it). A **completion** is one member's, of one mission, in one period: `offered` until the member
claims it (or `granted` at once where the mission is automatic), `lapsed` when nobody claimed it in time, `withdrawn` when what completed it
did not hold.

Progress is counted from the facts each time it is asked for, never kept: a refund lowers it by itself. A completion is found when a
fact has been decided, and again whenever the member looks; both come to the same.

Always: one completion per member, mission and period; a published mission's steps and reward never change (another mission is its copy);
a completion remembers the fact that completed it. It stays, whatever becomes of the other facts; only when that very fact no
longer counts and nothing stands in for it is the completion withdrawn, and its points and effects with it. Then it may be completed
again. Points are given by the rule about the fact `mission_completed`, like all points; other effects are told as `points.effect_won`.

Badges are kept here, whoever awards them: a member has a badge once, however often it was won.

Locks: the member's account, then the member's completions and badges.
"""
