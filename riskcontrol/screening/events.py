MEMBER_BANNED = "riskcontrol.member_banned"
MEMBER_CLEARED = "riskcontrol.member_cleared"
