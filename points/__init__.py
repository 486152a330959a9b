"""What a member's points are: the ledger, the terms they live by, and how facts earn them.

Asks screening, standing and facts below; is heard above through `points.earned`, `points.spent`, `points.expired` and their like.
"""
