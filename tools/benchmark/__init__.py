"""What `tools/bench.py` measures, and how. The figures and what they mean: docs/BENCHMARKS.md.

A **case** is one path, done by us and by what stands beside it: the least a ledger can be in raw SQL (`tools/ceiling/`), a view that
does nothing, one raw statement, our own bare earn; or by us alone, with an aim of its own. A **round** measures both sides of every case,
one right after the other, in turn the one or the other first; their quotient is the round's ratio, and the case's ratio is the median of
the rounds. The first round only warms up.

Both sides run on one server that flushes every commit to disk, with the same number of clients, each on a connection of its own that
stays open, walking over the same number of members in the same order, and never two on one member except where that is the case. Ours
are processes that call the verbs as a view does; the ceiling's are pgbench's. Each act is counted in the books afterwards: *writes per
call* is 1.000 only if every call booked what it should, and the run fails where it did not.

Ours writes an outbox row for each event as if somebody listened to all of them. Delivering it is not part of the act: it begins after
the commit, the ceiling has nothing like it, and here it is left to the job.

  cases      what is measured        load       clients at work          server  the web server, with a view that does nothing
  programme  200 rules, and baskets  bought.sql what members have bought
  report     ratios and the table    books.sql  our books, filled like the ceiling's
"""
