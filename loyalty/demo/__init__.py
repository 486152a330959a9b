"""The sample mall of the demo: rewards of every kind with pictures, put in place where there are no rewards yet.

Everything in it is a sample and says so. `mall.json` is the mall: categories, partners, what rewards hand out (coupon templates, a pool of
codes, kinds of privileges, products of the sample provider), and the rewards with prices, stock, limits and the name of their picture. It is
put in place by the verbs that operators use. Where the sample members are known, what they did with it in the week before comes along, by the
verbs as well: a redemption in every state, a coupon that was used, a benefit that is lent, a flash sale that is over. Another one begins soon,
and December is a season in which expired points buy once more.

The pictures are drawn here, by code: flat shapes on a coloured ground, so that nothing is anybody else's. The same name gives the same
picture, bit by bit.

Always: where there is a reward already, nothing is touched.
"""
