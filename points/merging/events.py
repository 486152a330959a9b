"""Published when a member was merged: on the survivor's line, payload `merged` (our id of who was merged) and `merge`."""

MEMBERS_MERGED = "points.members_merged"
