"""Batches: points for many members at once from one file, checked line by line, decided on by a second person, undone the same way.

A **batch** is of one kind: a **grant** (a make-good), a **correction** (points with a sign), or an **import** (opening balances, each a lot
with the day on which it was earned). A **line** is one row of its file. Checking is the dry run: it books nothing, and says for each line
what the member has before and after, or every fault by a sentence. **Victims** are whom a query finds behind a fault of the programme's;
what it finds is written down as a file, and goes the same way.

`uploaded → checking → checked → submitted → applying → applied`; before that `withdrawn` or `refused`, on the way `stopped`. What was applied
goes `reversal_asked → reversing → reversed`. Each arrow is a verb; who and when stand on the row, or in the audit trail.

Always: nobody decides on what they made or asked for, the superuser included, and constraints say so as well. A faulty line is never
applied. Each line is one act of the ledger with the key `batch/{id}/{line}`, at most once, whoever is killed or runs beside whom; once a
batch is paused or stopped, nothing of it is booked any more. A correction that a member cannot cover is refused line by line, or becomes
debt, as the batch says. Reversing takes grants and imports back as any clawback (the lot, other points, debt; what expired is waived), and
gives back what a correction took as a new lot. Imports may be dated before or after the programme opened, never after today: shops move
over in waves. Who got an opening balance by an earlier batch is pointed out, and so is a file that was taken before.

Locks: lines of a chunk, skipping those that others hold (only these jobs lock lines, and nobody waits for one), then the members' accounts
by their ids, then the batch, by a conditional UPDATE that misses once it was paused or stopped. The file is kept until it is checked.
"""
