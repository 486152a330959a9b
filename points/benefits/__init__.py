"""What belonging brings by the calendar and on the way up: birthday gift, monthly allowance, level-up gift. Points always come from rules.

Each of them is a **fact** of our own making that says what the member's tier promises (`points`), and that rules about it answer like any
other; the demo's give as many as it says. `selectors` tells the ladder's page where no rule would answer a promise.

**birthday** {year}: once a year for every registered, active member, on the day, or on the first of its month where the terms say so; who
was born on 29 February celebrates on the 28th in other years. Its gift may grow with the orders of the twelve months before. **allowance**
{month}: by the standing, the ladder's promise and the orders at local midnight of the 1st. **tier_reached** {tier}: when growth has lifted a
member, once per member and tier, ever; a rise that a refund undoes withdraws its fact, the gift is taken back, and the tier can be reached
anew. A coupon on reaching a tier is told as `points.effect_won`, and taken back likewise.

Nights that were missed are made up for: birthdays a week back, each on its own day; allowances of this month and the last, as of their 1st,
whatever has changed since. A month's **round** remembers how far it is; who could not be served (their term is still to be decided on, the
books refused) is tried again the next night.

Always: one fact a member and key, whatever runs twice; each in a transaction of its own, so that one member's trouble stops no other's.
"""
