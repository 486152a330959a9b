"""What operators and jobs did, for whoever asks later.

An **audit entry** says who did what to which object, why, with which figures. Verbs that an operator may call write it in their own
transaction, so no act is without its entry and no entry without its act. Entries are never changed or deleted, by trigger too.

A **job** is a Celery task that beat starts. It declares its name and schedule in code, finds its own work from rows with a due time,
works in batches, and stops when its time is up: a daily job then sends itself again, a frequent one is started again anyway. A
**run** is what a job did once: when, how long, with which counts, how it ended. A run gives a sign of
life every few seconds; one that is silent was killed: it is marked abandoned and its job is sent again.

Always: two runs of a job at once are harmless (the jobs see to it); an operator's change to a schedule is never overwritten, except
that daily jobs keep to the programme's zone; the table of runs is bounded: a run that found nothing to do is added to the one before
it if that found nothing either, and old runs are pruned.
"""
