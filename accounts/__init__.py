"""Who the members are and what they did: members, the storefront's keys, purchases and refunds.

Nothing here knows of points. Every other app may ask it; it asks only `loyalty`'s lower end.
"""
