"""Events upwards: what happens below is told to those above, a moment later, and is never lost.

An **event** is a fact in the past tense (`points.expired`), published in the transaction of the fact itself. A **subscriber** is a
function that some app registers for a topic in its `subscribers.py`. A **row** is one event on its way to one subscriber, so that a
subscriber that fails does not repeat the others. A **line** is all rows of one member to one subscriber.

What always holds:
- An event that nobody listens to is not written. A subscriber added later hears of what happens from then on, not of the past.
- Delivery is at least once. The subscriber runs inside the transaction that marks its row delivered, so one that only writes to
  this database has its effect exactly once. Anything slow or remote it leaves to a row and a task of its own.
- A line is delivered in the order in which its rows were written: `id` is given by the database, because clocks of two machines may
  disagree, and writers hold the member's lock. Only a line's first open row may be claimed; a deliverer that finds it locked goes on
  to another line, never to the row behind it. Rows without a member are in no order.
- A failure puts the row off, longer each time; after the last attempt it is a dead letter and its line waits behind it until an
  operator retries or drops it. Dropping is an act with a reason, on record.

A request delivers its own lines after its commit; the job takes what a crash or a failure left. Locks: the row first, then whatever
the subscriber's verbs lock; nobody locks a row while holding anything else.
"""
