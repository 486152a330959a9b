"""The shelf (货架): what somebody who looks finds there, at their own price, cheapest first.

An **item** is a reward with its price for who looks, the price without discounts beside it, how many are left, and, where they cannot have it
now, why not: too early, a higher tier's, a limit reached, sold out, a coupon that cannot be had any more, a privilege that they have for as long as
another would last, or they themselves are stopped. What a member merely lacks are points: the item says how many. What is not theirs to know of is
not on their shelf: rewards off the shelf, over, or for a segment that they are not in.

**Who looks** is a member, a tier (an operator tries a shelf on), or nobody: then prices are those of somebody without a tier.

Always: prices and refusals come from `mall.rewards.rules`, as in the redemption itself, or from what the kind of the reward knows, so the shelf
promises nothing that the click would not keep (of a provider that is closed, or of rentals that are out, only the click knows); it only looks, and
a click a moment later decides anew. However many rewards there are, they are asked for together: the catalogue and the prices in it are held in the
process; stock, what was had before, shared limits and the balance are one statement each, what coupons and privileges know at most three.
"""
