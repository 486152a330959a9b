"""Budgets (预算): how many points a rule, a campaign, a cost centre, or all rules together may give in a period.

A **budget** is a row that operators edit: what it pays for (`scope`, `of`), how many points in each **period** of business days, and what
happens at its end: *stop* (a fact that no longer fits whole gets nothing from the rules it pays for), *cut* (what is left is granted) or
*go on* (it only raises alarms). Reaching 50, 80 and 100 % raises an **alarm**, once each in a period.

What is spent stands in a **shared use**: one row per counter and beginning of a period, `budget/{id}` for a budget. A rule's limit for
all members together is such a counter too, under a name of its own. `services.take` charges everything that one fact costs in one
statement, all of it or nothing; who is refused asks `selectors.left` under the lock that the refusal left behind, and decides anew.

What always holds: no counter is ever above a limit it was charged under, whoever comes at once; what a fact gave back is free again; a
counter never falls below zero. A limit lowered below what is spent takes nothing back: it just stops.

Locks: the rows of shared uses, by counter, and after every row of a member's, as everywhere. All members share them, so they are charged
as the last thing before the commit.
"""
