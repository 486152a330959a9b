"""The rulebook: what earns points, written by operators, versioned, never changed once published.

A **rule** answers one kind of fact; its **versions** say how. A version is a **definition**: *conditions* that must all hold, one
*effect* (points: fixed, per unit of money, by bands, by a streak's ladder, as the fact states, random; a multiplier on what the others give;
or something else to win), how it *combines* (base rules add up; within a **group** the best or the first counts, or multipliers
multiply), *limits*, and the *terms* of what it grants: expiry, waiting, claiming, who pays, who gets it already (staged release).

A version is a draft, is submitted, published from a time on, and retired; publishing ends the version before it at that time. A fact is
decided by the versions that were in force when it happened. **Shared limits** bound what several rules give together ("1,000 a day from
behaviours"); **festivals** are named days that conditions speak of.

Always: a published definition never changes (a trigger holds it); two published versions of a rule never overlap; nothing is
published that `rules.problems` finds fault with; where the settings ask for a second person, maker and checker differ. Each change of
what is in force raises the **generation** in its transaction, so that every process notices before its next decision.
"""
