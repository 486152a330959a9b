"""Redemptions (兑换单): a reward for points, or for points and money, from the click to the doorstep and back.

A **redemption** keeps the price of its day, and what shipping cost or would have cost. For points alone they are spent and the redemption is
confirmed in one transaction. With money due, be it for shipping, they are **held**: the storefront takes the money and confirms, which captures
the hold; the deadline releases it. What happens once it is confirmed depends on the reward's kind: goods wait for those who fulfil (confirmed →
fulfilling → shipped → delivered); coupons, codes and privileges are handed out in the same transaction and delivered at once; a provider's voucher
is ordered after the commit, and its points come back where the provider finally refuses. Each kind's feature declares how it hands out and takes
back (`services.hands_out`).

Until goods are shipped it can be **cancelled**; once they are, parts or all of it can come back (**returned**): points go back to their own
lots, the stock to the shelf by the operator's choice. Money is the storefront's: answers say how much of it to give back: all of it for what is
cancelled; for what is returned its price, and what shipping cost only where whoever takes it back says so, once.

Always: one key, one redemption; a status moves along its arrows, each a verb, who and when kept as a **step**; points restored ≤ points paid,
in whole units; money given back ≤ money paid, to the cent; what was taken from stock and shared limits is given back exactly once where nothing was
handed over; a held redemption past its deadline is never confirmed. Nobody redeems by a tier whose term is over.

Locks: the member's account, the redemption, shared counters, stock, then what is handed out (codes one by one, skipping locked ones).
"""
