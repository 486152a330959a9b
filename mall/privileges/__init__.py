"""Privileges (特权): things that the shop does for a member, for a term or so many times: priority shipping, an agent of their own, early access.

A **kind** says what it is, how it is called, how long one lasts (so many days, to the end of the year, for ever) and how often it can be **used**, or
that it can be at will. A **privilege** is one of them, granted to one member by a redemption or by an operator with a reason; it keeps the terms
of its day. The storefront reads what a member has, does it, and says what it was used for (`purchase/A-1`): the same subject uses it once, asked
again it is told the same. When what used it is undone, the use is given back.

One that can be used at will gains nothing by lying beside another of its kind: in days, it begins where the one before ends; to a date that
the member has covered already, or for ever, it is refused before anything is paid. Ones with a number of uses lie side by side.

**Early access** may say by how much sooner rewards and flash sales open for who has it (used at will, while it is good); of several, and of what the
tier gives, the longest counts.

An operator **ends** one with a reason. What comes back from its redemption ends as well, where it was not used and is not over: those that end last first.

Always: one key, one grant, however many it is; uses left ≥ 0 and = those granted less those that stand; nothing is used before it begins, after it
is over or once it has ended. What is over is so by the clock, without a job. In a merge what is not over comes along, its uses with it.

Locks: the member's account, then their privileges.
"""
