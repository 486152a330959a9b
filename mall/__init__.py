"""Where points are spent: checkout now, the redemption mall next.

Stands on everything else, and nothing stands on it.
"""
