"""Proofs: a member shows by a picture or a page that they did something, an operator looks at it and decides.

A **proof task** is what may be proved, with the grades a proof of it can get and how many of one member count in a month. A **proof**
begins with the fact `proof_uploaded {task, url}` of the storefront's and is `waiting` until an operator **approves** it with a grade or
**refuses** it with a reason that the member reads. What nobody could decide is refused as it comes in: an address that we do not open, a
task that does not exist or is closed, more in a month than the task takes. An approval by mistake is **withdrawn**; that is final.

Approving records our fact `proof_reviewed {proof, task, grade}`; the rules about that fact give the points, nothing here does. The proof
keeps how many it were. It is made by a subscriber of `points.fact_decided`, a moment after the upload, because uploads are decided below.

Always: one proof for one upload; one decision, whoever else decides at the same moment is told who was first; a refusal and a withdrawal
have a reason; at most so many proofs of a task by one member in a business month wait or are approved. An address is text of strangers:
https only, shown as a link that tells its page nothing of us; a picture is loaded from hosts that `PROOF_IMAGE_HOSTS` names, from
others only when the operator asks.

Who opens a waiting proof is noted for ten minutes, so that colleagues are led to another. It keeps nobody from deciding.

Locks: the member's account, then the proof.
"""
