"""Lists of members that operators draw up: a rule is offered to a segment, a change is tried on `staff` before it is for everybody.

A **segment** has a code for good, which rules and missions name, and a name in both languages. Who is in it is a plain list: operators
paste or upload the storefront's ids. A member may be in any number of segments.

Always: adding who is inside, or removing who is not, changes nothing; an id that nobody has is told and never made a member; a segment
is not deleted, since rules may name it, but it can be emptied. Every change of the list is in the audit trail.

Locks: none. Two operators who change the same list at once both have their way, row by row.
"""
