"""Ladder plans: how thresholds, terms and the evaluation change once members stand somewhere.

A **plan** proposes all of it at once: a threshold for every tier that figures lead into, and every value of the evaluation. A job then
**counts**, in slices, who would move: everybody is looked at with the figures of today, as if the plan were in force. What comes of it is a
matrix from tier to tier: **up**, at once; **down**, at the end of the term, unless they do more until then; **held**, who would fall but was
put where they are by hand and without an end. Nothing is written to anybody's standing by counting.

Draft → counting → counted → applied, or discarded before that. A plan that is changed is a draft again. Counted figures know what they
were counted against: once the ladder or the evaluation has changed, they are **stale** and the plan has to be counted again. Only counted
plans are applied; where nobody stands anywhere yet, a draft is, too. Where the settings ask for a second person, it is somebody who had no
hand in the plan, superusers included.

Applying changes thresholds and evaluation in one transaction and moves nobody. A job then lifts whoever the figures lift now, each in a
transaction of their own; who falls, falls when their term ends, by the evaluation of then.

Locks: the plan's row; then, one after the other, the members' standings, as `tiers.evaluation` takes them.
"""
