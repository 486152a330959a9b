"""Merging (会员合并): two records turn out to be one person. One of them, the **survivor**, answers for both from then on.

A **merge** is a request (`loyalty.approvals`): who is merged, who survives, and why; it is applied when a second person approves it. Within
one transaction: what waits to be claimed is claimed, open holds are released, what the merged one owes moves first and then all that is
available, lot by lot with its own expiry; growth counts for the survivor, who gets the better tier; cards, segments and referrals that are
still open come along. Pending points stay until they mature, as only then they have an expiry; the survivor's balance shows them.

The merged one's purchases, facts, check-ins, missions, proofs and badges stay on record under them: a streak is not joined to another's,
and what counts once counts no second time for it. So a later refund finds its purchase and its lots where they were; what is given back or
owed there is **forwarded** to the survivor in the same transaction. Whatever else still arrives (pending points that mature, a message that
was on its way) is forwarded by whoever brought it or, at the latest, by the job.

Always: points, debt and expiries are the same in sum before and after; a merged member is neither merged again nor merged into; a chain (A
into B, B into C) leads to its end. Frozen or blocked members are not merged: decide that first.

Locks: accounts by member id. Who locks a merged member's locks those of who answers for them with it, so that forwarding needs no other order.
"""
