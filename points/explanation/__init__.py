"""Why an entry is what it is: sentences for support and for the member, made from what was kept when it was decided.

An **explanation** is of one entry. Points that came in are told by their decision: what each rule gave, what multiplied it, what a limit
cut, which rules were looked at and did not hold, and why. What went out is told by what it was for and which points it took; what was
taken back, by the earning that it belongs to.

The member's version leaves out what is not theirs to see: rules that gave them nothing, budgets, margins, lists and risk control. Sentences
are made in the reader's language when they are read. When the time for which decisions are kept is over, the explanation says that.
"""
