"""Reconciliation of the mall: a second opinion on what was sold, from someone who did not sell it.

The auditor reads one snapshot, in SQL over whole tables, and shares no code with what wrote them. A **check** is a question whose answer is
empty where all is well; each row of an answer is a **breach**: the number of what should always hold, what it is about, what was expected and
what was found. Nothing is ever repaired here, and one wrong is never netted against another.

What should hold stands, numbered, at `manage.py audit_mall`, which exits 1 at the first breach. What is on its way is no breach: a voucher that
its provider has not answered for, a redemption whose deadline has passed and that the job has not released yet, what a merge or an erasure has
freed a moment ago. The books themselves are audited by `points.reconciliation`.
"""
