"""Boards: the month's best, such as the ten reviews with the most likes. Counted by a job, looked at, granted.

A **board** says what is counted (facts of one kind, `liked`), by which of their fields they name what they are about (`subject`), and which
kind of fact is ranked (`reviewed`: the one whose id they name; its member is placed). It has a span, a month or an ISO week, and so many
**places**. A **period** of a board is `proposed` when the job has counted it, some days after its end so that late facts are in, and
`confirmed` by an operator who has seen it, or at once where the board is automatic. A **result** is one place in it: `proposed`, then
`granted`, or `withdrawn` with a reason, before or after.

Granting records our fact `board_placed {board, period, place}`; the rules about that fact give the points, nothing here does.

What counts: facts that happened within the period in the programme's zone and are not withdrawn; not those of the ranked fact's own
member; whatever the age of the ranked fact. Equal counts: who did it earlier is ahead (the review, not its likes). A member is placed
once, with their best, unless the board lets them take several places. A struck result leaves its place empty; counting again moves the
others up, and leaves the member out.

Always: a period is counted by one job, however many run at once; a place is granted once; each grant is a transaction of its own, under
the lock of that one member's account; what was confirmed and not granted is granted by the next run.

Locks: the member's account, then the result. Confirming and counting again lock the period and no account.
"""
