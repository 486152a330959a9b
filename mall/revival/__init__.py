"""Revival (复活): points that expired buy once more, for a while, and never as money.

A **window** (each December, say) says when it is open, which expired points it takes (those whose end fell between two instants), and which
rewards they buy, at prices of its own in points alone: no money is due, for shipping neither. A member's **revivable** points are what of their
lots expired then, without what was taken back afterwards, less what windows have used of the very lots. Redeeming with them is a redemption like
any other (stock, limits, parcels), paid by **uses** of expired lots, the one that expired first first, instead of an entry: no bucket of the books
changes, no lot comes back to life, nothing can be paid at checkout with it.

Always: of a lot never more is used than of it expired, over all windows together; a cancelled or returned redemption gives its uses back, to be
used again while a window that takes them is open; after its end nothing is. What a merged member's lots lost stays with that member.

Locks: the member's account, then as `mall.redemptions`.
"""
