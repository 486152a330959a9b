"""Where points are spent: at checkout, and in the redemption mall.

Stands on everything else, and nothing stands on it.
"""
