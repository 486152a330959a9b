"""Points for money (购买积分): members buy points, and what they bought is set apart from what they earned.

Off until an operator switches it on in its **terms**: how many points one unit of money brings, the least and the most in one go, the most of
a member in a month. The storefront takes the money and tells; a **top-up** books the points as a lot of its own source, *bought*, which never
expires, since money was paid for it, and grows no tier.

What was bought and not spent can be **given back**: the points go, and the answer says how much money to give back. Points that were spent
stay spent; nobody comes to owe points by a top-up that is given back. What members merged into a member have bought counts as theirs; its points went
along in the merge, so an operator takes those by an adjustment.

Always: one payment of the storefront, one top-up of a member; points given back ≤ points bought; money given back ≤
money paid, to the cent when all of it comes back.

Locks: the member's account, then the top-up.
"""
