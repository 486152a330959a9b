"""Published on the inviter's line:

- `accounts.referral_completed`: the friend's first order was paid; payload `friend` (the storefront's id), `purchase`, `amount_cents`
  (what was paid in money for goods, net of refunds), `occurred_at`.
- `accounts.referral_reduced`: that order was refunded in part; `friend`, `purchase`, `amount_cents` (what is left of it).
- `accounts.referral_revoked`: wholly, or an operator cancelled it; `friend`, `purchase`.
- All three: `completion`, a name for it that tells nothing of the friend's order, for whatever the inviter may read.

And on the friend's, at the same times as the first and the last: `accounts.invitation_confirmed` and `accounts.invitation_withdrawn`,
with `by` (the storefront's id of the inviter), `purchase`, and the first with `occurred_at`.
"""

REFERRAL_COMPLETED = "accounts.referral_completed"
REFERRAL_REDUCED = "accounts.referral_reduced"
REFERRAL_REVOKED = "accounts.referral_revoked"
INVITATION_CONFIRMED = "accounts.invitation_confirmed"
INVITATION_WITHDRAWN = "accounts.invitation_withdrawn"
