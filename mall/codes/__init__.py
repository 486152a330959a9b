"""Codes (兑换码): texts that somebody else honours – keys, cards, passes – bought in advance and handed out one each.

A **pool** holds the codes of one thing; a reward of the kind *code* names its pool. Codes come in by a file with a line for each, in an
**import** that is checked first: what is new, twice in the file, there already, empty, too long, unreadable or over, by line number. The file is
not kept. A code may have a last day; after it nobody gets it any more, without a job having to say so.

Redeeming takes codes, those that end first, first. For points alone they are handed over at once; with money due they are **reserved** until it is
paid, and go back to the pool, unseen, where it is not. Codes that were seen never go back: what comes back is **voided**. An operator may **replace** one
that does not work, and **withdraw** an import by mistake: what nobody has of it is voided.

Always: in a pool no code stands twice; no code is reserved for or handed to two; as many as were redeemed or none; a code past its last day is
handed to nobody. Operators see codes by their last characters only; members see theirs.

Locks: codes one by one, last of all, skipping those that others hold, so buyers never wait for each other. A pool that runs **low** is found by a job
(`mall.pool_low`): counting is nothing that a buyer waits for.
"""
