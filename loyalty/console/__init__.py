"""The console: where operators see and steer everything, in Chinese and English.

It dresses Django's admin (theme, navigation, dashboard, language) and owns the pages that need more than one app: the **member's page**,
which puts balance, entries, lots, holds and purchases side by side. Every other page is its feature's own `admin.py`. The **navigation**
is built from what is registered: a new feature's pages appear in its app's group by themselves; a line in `rules.py` gives an icon or
another group.

A **role** is a group of users: viewer, service, marketer, risk, finance, administrator. `rules.py` says what each may do, by patterns,
so that a new feature's permissions reach the roles without an edit. `manage.py load_roles` sets those six groups to exactly that, each
time the database is migrated: for other mixes make other groups, which it never touches. Only a superuser makes superusers.

Always: no page writes the books; what moves points goes through a verb, with a reason, and is confirmed first. A page shows nothing that
its reader may not view. No page sums or counts an unbounded table; figures of the whole programme come from `points.totals`. Five wrong
passwords lock a name at an address for a quarter of an hour. An operator who has a second factor must give it at each login; where
`OPERATOR_SECOND_FACTOR` is set, everybody must have one, and sees nothing but its set-up until then.
"""
