"""Published when a member registers: payload `member` (the storefront's id) and `referred_by` (our id of the inviter, or null)."""

MEMBER_REGISTERED = "accounts.member_registered"
