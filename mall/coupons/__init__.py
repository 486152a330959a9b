"""Coupons (优惠券): what takes money off an order, held by a member and used once.

A **template** says what its coupons do: an amount off, a percentage off with a cap, or free shipping; from which total on; on which categories;
how long they are good; how many there are; and with what they combine (points, other coupons). A **coupon** is one of it, one member's. It
keeps the template's **terms** of the day on which it was issued: a change holds for what is issued from then on.

Coupons are issued by a rule, a check-in or a tier (`points.effect_won`), redeemed for points (reward kind `coupon`), claimed by the member, or
issued by an operator, to many at once as a **batch**. Where money is due for it, it is `reserved` until that is paid: unseen by its member,
counted for every limit, and gone again where it is not. A code is `available` until it is `used` for a purchase or `withdrawn`; what is past
its expiry is expired, by time, without a job. When the purchase is undone as a whole the coupon is given back, if it is still good:
by the refund of an order that is recorded here, and by nothing else; by the storefront for a purchase of its own till.

What a cart gets is decided by `rules`, purely, for the quote and for the payment alike: the combination that takes off most. Percentages go
first, then amounts, then shipping; thresholds look at what the lines cost before any coupon; the shares of the lines add up to the discount.

A coupon that was won stands on its ground: where what won it is taken back it is withdrawn. Used already it stays used, but is withdrawn
instead of given back; so it is with a batch that an operator withdraws. Where limits leave nothing for what a rule gives, nothing is issued,
and the audit trail says so.

Always: one key, one issue; no coupon is used twice; discounts never exceed what is to be paid; `in all` and `per member` hold for every way in.

Locks: the member's account, then their coupons; the counter of a limit in all last of all.
"""
