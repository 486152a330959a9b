"""Screening (风控): the one door that is asked before a member earns, holds or spends points.

`services.assess` gives a **verdict**: allowed, or refused with a code. The caller decides what a refusal means there: a spend raises
`Screened`, a paid purchase is recorded all the same and earns nothing, with the verdict in its decision.

For now the door answers from the **block list** (黑名单). An entry says why a member is blocked, by whom, since when and, where the
block is not for good, until when. It is lifted by an operator with a reason, or by its time.

What always holds: a member has at most one open entry; an entry is never deleted and its reason never changes; each block and each
lift is told upwards (`riskcontrol.member_banned`, `riskcontrol.member_cleared`), in order, and the ledger freezes and unfreezes the
account by them. From the instant of its `until` a block no longer counts for the verdict; the job that lifts it comes within a minute.

A blocked member neither gains nor moves points. What only puts right what was done before goes on: capture of a hold, restore,
clawback, adjustment by an operator, expiry. The door would let these through, and is not asked for them yet.

Locks: the member's open entry; nothing else is locked under it.
"""
