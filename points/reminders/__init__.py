"""Reminders: no points die unannounced. Members are told what expires, ahead of time and once it has happened.

A **step** is a number of days ahead: 30 days before the last day on which points are good, then 7, 3, 1; and **after**, once they are
gone. A **pass** is one local day's round over everybody, from the hour that is set. It gathers what each member has to be told that day,
however many lots it is, and tells it in one message. A **notice** is the note that a lot was told at a step, with the expiry that was
told; `accounts.notice_handed_over` adds when the message left for a channel that counts.

A lot is told at the nearest step that it has reached, once: after an outage the steps that went by are told as one, with the days
that are left, and never again. Whoever spends meanwhile is told only what is left when their turn comes. Days are the programme's;
stored instants never move with a change of zone, and a member who was told today is told the rest tomorrow.

Where **nothing may expire unannounced**, a lot has N days from the hand-over of a notice about it. What has fewer and was not told is
postponed, by an entry, to today + N, and told; what was handed over late is postponed to that day + N; what nobody could deliver is
postponed again as its end comes near, and tried again. Held points count as well. Postponing happens ahead, never at the end: a due lot is gone
for every verb. Where the jobs were down over that instant, or points came back to a lot that was over, the points expire unannounced
all the same: the next pass gives the same number back as a lot good for N days, keyed by the entry that expired them.

Always: one notice a lot, expiry and step; one message a member and day; a pass that is killed goes on where it was, because what was
told is noted in the transaction that tells it. Locks: the member's account (by the ledger's verbs), then their notices.
"""
