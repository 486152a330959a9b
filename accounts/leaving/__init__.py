"""Leaving: closing a membership, a copy of everything that is kept of a member, and being forgotten.

**Closing** stops what a member does: tokens end, the profile is not written, events, holds and spending are refused, purchases are
recorded and earn nothing. What puts right what was before goes on: captures, refunds, expiry. A closed member can be opened again.

A **copy** holds everything about a member, one file for each part that an app hands over (`portable`), as JSON in a zip. A job writes it
in slices; it can be downloaded for some days, each download is in the audit trail, then it is deleted.

An **erasure** is asked for with a reason, approved by a second person (`loyalty.approvals`), and carried out after some days in which it can be
called off. What each app keeps of a member is declared field by field (`erasable`): cleared, replaced by a hash whose key is thrown away, or kept because
it says nothing about anybody. Rows and figures stay, so the books still add up. What others' rows, stored answers, events, the audit trail
and operators' logs say of the member is replaced too.

Always: nobody approves their own erasure; who was erased cannot be found again, by us neither. Of their purchases' ids a keyed hash stays
that belongs to nobody: told again, or refunded, such a purchase is *gone*. The database lets texts of immutable rows change only within the
transaction of an erasure that is on record. A merged member is erased with who answers for them.

Locks: the member's account (by `before_erasure` of the app that has it), then everything else of the member's.
"""
