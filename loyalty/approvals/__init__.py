"""Approvals (审批): what one operator asks for, a second person decides on.

A **request** is `waiting` until another operator approves it (`applied`) or declines it with a reason (`refused`), or who asked takes it back
(`withdrawn`). A feature makes its own table of it: what is asked for, what its refusals are called, and what happens once it is approved.

Always: nobody decides on what they asked for, the superuser included, and a constraint says so as well; each request is decided once; who
asked and who decided, when and why, stays on the row.

Locks: the feature's own first, then the request's row.
"""
