"""Check-in (签到): members come by once a business day, and days in a row count.

A **check-in** is one row for a member and a date; the date is the programme's, by its zone at that moment, wherever the member is. A
**run** is dates in a row without a gap, and the **streak** of a day is how far into its run it stands. Streaks are derived from the dates each
time, never counted up; what a row keeps of its streak is what was so when it was made.

A check-in is the fact `checked_in {streak}`, and each **milestone** that it reaches the fact `streak_reached {days, start}`; rules about these
facts give the points. Nothing is computed here.

A **make-up** (补签) fills a missed day for points or with a card: never today or a day to come, none before the member joined, none too far
back, and so many in a month, counted in the month *in which they are made*. The made-up day earns nothing and re-prices no other, but it may
join the runs before and after it. **A milestone is newly reached when the joined run is that long and neither part of it was**, and it is
keyed by the joined run's start. So each milestone comes once for the same run of days: where a part had it, under whichever start, that part
was that long already; a run that starts earlier through a later make-up brings it no second time; two runs that each had it keep both.

Always: a member has one row a date and none goes or changes, also when the programme's zone does: what is taken stays taken, and asking again
gives the first answer. Fee and day are one transaction.

Locks: the member's account, then the member's check-ins and cards, then what the engine takes.
"""
