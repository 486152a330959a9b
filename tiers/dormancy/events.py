"""Published when a member has become dormant: payload `days`, whole ones without a sign of life, and `since`, the day of the last (ISO 8601)."""

MEMBER_DORMANT = "tiers.member_dormant"
