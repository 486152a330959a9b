"""The ladder (等级): the tiers of the programme, from the lowest to the highest.

A **tier** is a row that operators edit: a code by which rules name it and which never changes, names in both languages, a **rank**
(higher is better, no two alike), and what it brings; today that is the **multiplier** of what purchases earn, in basis points (12,000
is 1.2 times).

A member without a standing of their own belongs to the lowest active tier. An empty ladder is a state: nobody belongs anywhere, and
everything counts once.

What always holds: a tier that somebody belongs to, or once did, is never deleted. It is deactivated instead: nobody is put into it any
more, and whoever is in it counts as in the next lower active tier (the lowest one, where there is none below) until it is active again.

The ladder is read with every order, so each process holds it like configuration; a change is in force everywhere within
CONFIGURATION_SECONDS. `rules.place` alone decides which tier counts.
"""
