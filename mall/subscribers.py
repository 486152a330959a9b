"""What the mall does when something happens below; and what features declare to each other."""

import mall.vouchers.services  # noqa: F401 (declares how its rewards are handed out)
