"""What every app asks about the programme: name and unit of the points, currency, zone.

One row. How points expire is `points.terms`; what they are worth and how they may be spent is the mall's burn policy.

The currency is fixed by the first purchase. A change of zone takes effect at the next local midnight of the new zone: until then
the old one decides which business day it is. Stored expiry instants never move.
"""
