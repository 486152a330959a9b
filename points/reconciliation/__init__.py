"""Reconciliation: a second opinion on the books, from someone who did not keep them.

The **auditor** reads one snapshot and shares no code with the ledger. Two ways of looking, because they fail differently:
- **sums**, in SQL over whole tables (`selectors.py`): what an account stores against its entries, its lots and its holds; what a lot
  lacks against its allocations; rows that hang on nothing, or on another member's row;
- the **replay**, one member after the other (`rules.py`): the entries in their order, from nothing, with their allocations. At each it
  asks whether that was the only right thing to write then: these lots and no others, so much debt, so much waived. At the end it
  holds an account, lots and holds of its own, and compares them with the stored ones, column by column.

A **breach** names the invariant by its number, the member, what was expected and what was found. Nothing is ever repaired here, and
members are never netted against each other: two wrongs in two accounts are two breaches.

Each night a **round** goes over everybody, a slice of members at a time, each slice in a snapshot of its own; one that is killed goes on
behind the last member it reached. A breach becomes a **finding**: it freezes that member's spending once, unless somebody froze it
already, stands on the overview until an operator closes it with a reason, and unfreezing is an act of its own.

What the replay takes from a lot's row on trust are its pinned columns. A lot's first expiry stands on the entry that made it; where
one entry made several lots (a transfer received from several), their rows are all there is, and once such a lot's expiry is postponed its
place in the order before that is no longer known: it is left out of the question of order, not out of the sums.
"""
