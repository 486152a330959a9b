"""The terms that points live by: when they expire, when pending ones mature, how much grace a return is given.

An **expiry policy** is one of: the end of a calendar year (+ N years), the end of a fiscal year with its first month (+ N years), N months
rolling, N days rolling, through a day that was given, never. It says on which instant a lot that becomes available at some moment expires:
always the first instant after a local day in the programme's zone. The programme has a default; a grant may bring its own. Terms are pinned
to the lot when it is made: changing the setting changes no lot.
"""
