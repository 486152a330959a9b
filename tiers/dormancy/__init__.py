"""Dormancy (沉睡): for how long members have not been seen.

The **value** is the whole business days since a member last did anything: a purchase, a check-in, any behaviour of their own. A birthday,
an allowance, or what others do with what they shared, is no sign of life. Who never did anything counts from when they joined. The **terms**
make **stages** of it: active, quiet after days, **dormant** after months (three, counted as calendar months from the last day), lost.

Who becomes dormant is told upwards, `tiers.member_dormant`, and by a message; that is an **episode**. It ends with the first sign of life,
from that very moment: `selectors.episode` asks the facts, and the row follows at night. Who is idle so long that they count as lost when
they are looked at for the first time is not woken.

The row of a member is what the job knows: when it last saw them, their stage, and the **due** day on which that may change; nobody is looked
at before. Who sleeps is looked at each night.

Always: one row a member; one event an episode, whatever runs twice. Locks: the member's own row.
"""
