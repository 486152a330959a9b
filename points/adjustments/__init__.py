"""Adjustments: an operator corrects a member's points by hand, with a reason, and never alone beyond a limit.

A **request** (`loyalty.approvals`) names the member, the points (above zero: given; below: taken) and why. A **limit** belongs to a role (a
group): how many points its members may move alone per adjustment, and in one business day. Within both, the request is applied at once;
above either, it waits for a **second person**.

Always: an operator without a limit, the superuser included, moves nothing alone; an applied request has exactly one entry in the ledger
(its key is `adjustment/{id}`), booked in the same transaction; what one operator moved alone on one day never exceeds the limit in force.
Points taken count like points given: a limit is about what can go wrong, in either direction.

An operator in several roles has the widest limit of them. What waits does not count towards the day; what is approved counts for nobody.

Locks: the member's account, then the request's row, then the operator's counter of the day, by one conditional UPDATE. The id of a request
is made by the form, so that a form sent twice is one request.
"""
