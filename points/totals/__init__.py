"""Totals: what the programme's points come to, day by day, for people who look at charts. Never for a decision.

A **day** is a business day of the programme's zone. Its row says how many points were earned, spent, expired, given back and taken back
on it, by when that was booked, and what all accounts together held when the row was last put together. Questions about the whole
programme are answered from these few rows, so that no screen ever sums millions.

A job puts today's row together every ten minutes, and finishes those of earlier days that were not complete yet; every night all of the
last two weeks are put together anew, for what was booked into days gone by. A row may be thrown
away at any time: the next run writes it again. Nothing reads a total in order to allow or refuse anything; truth is checked per member.
"""
