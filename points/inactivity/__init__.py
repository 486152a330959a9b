"""Inactivity (久未活动): points of members who were not seen for a year are voided in part. Off unless an operator switches it on.

Laws on gift cards, on consumer points or on unfair terms may forbid it; the terms' page says so. The **terms** say after how many days
without any activity of the member's own (`tiers.dormancy`: a purchase, a check-in, any behaviour) which part of the available points
is voided, and how many days ahead that is announced.

A **case** is one member's, of one last day of activity, ever: *told* when the message was made, *announced* when a channel has taken it (the
inbox alone counts only where the terms say so), then *voided* on its day, or *cancelled* by the first sign of life, or when the terms are
switched off. The day is never earlier than the announced days after the hand-over: what was not announced is never voided. A case that was
cancelled by switching off may be told again, as a further attempt, with all its days.

Voiding forfeits what the part makes of the points that are available then, those that expire first; points held, pending or owed are not
touched, nor is a frozen account before it is free. An activity that is told later, after the day, brings nothing back by itself.

Always: one case a member and day, one forfeit a case, whatever runs twice; the facts are asked again under the lock.
Locks: the member's account, then the case.
"""
