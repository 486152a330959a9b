"""`mall.pool_low`: a pool has come to its mark, or below; payload `pool`, `left`, `low_water`. Of no member. Told once, until it is filled up again."""

POOL_LOW = "mall.pool_low"
