"""Standing (会员当前等级): to which tier a member belongs, since when, by whom and why.

A **standing** is one row per member; without a row, or after its `until`, the member belongs to the lowest active tier. What counts is
read by `selectors.standing`: one indexed query, the ladder being held in the process. Today operators set it by hand, with a reason.

Every move leaves a **change**, which is never updated and never deleted: from where, to where, who, when, why. It is also told upwards
(`tiers.standing_changed`) where another tier counts than before. A tier that is deactivated moves nobody: the rows stay, and
`tiers.ladder.rules.place` says which tier counts meanwhile; nothing is told of that.

From the instant of its `until` a standing no longer counts; the job that closes and tells it comes within a minute.

Locks: the member's own standing row. Callers that hold the member's points account lock it before, as everywhere.
"""
