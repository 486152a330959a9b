"""Markdowns (消费周): a week in which the whole shelf costs fewer points, for when members hold more than was planned.

The programme plans how many points members may hold together: the **budget**. When what they hold (available, held and pending, as the day's
totals have it) is above it by a stated excess, a nightly job **proposes** a markdown, or starts it where the terms say so; an operator may
start one by hand, with a reason. Either may begin later than now: until then it is **announced**, and members read of it (`GET /programme`). What is
only proposed nobody is told of. A markdown that runs takes its percent off every reward's points until its end, by the clock; the shelf
shows both prices. Who redeems pays the better of it and of their tier's discount, never both (`mall.rewards.rules.price`).

A figure of the whole programme decides nothing about anybody: it proposes, and the price of the day is the same for all.

Always: at most one markdown is proposed or running; each keeps the figures that it was proposed by, who decided and why; its percent and its
end do not change while it runs, it can only be ended early, with a reason. It counts from its start up to, not with, its end, whether or not a job has come by.

Locks: the terms' row, so that two deciders meet.
"""
