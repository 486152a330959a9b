"""Replay: a file of purchases and refunds, fed through the same verbs as the API, each row at its own time.

A **row** is a purchase or a refund of one customer (`rules.read`); an amount is authoritative, and where a basket's lines do not add up
to it the **difference** becomes a discount (or its opposite) of that kind. A **night** is a local midnight that the rows pass: then expire
what is due, mature what is pending, release what is overdue, as the nightly jobs would have done. `manage.py replay` reads the file.

Always: running a file again changes nothing, however far the first run came; a row that is refused leaves nothing behind and stops
nothing; a guest's row, one without a customer, is skipped. A refund whose customer is not the purchase's is refused. One that
precedes its purchase waits and is booked with it, at the purchase's time; one that names no purchase is parked for an operator. A
refund is known by its id within its purchase, as everywhere. The first row that is accepted fixes the currency.

Rows are booked in chunks of one transaction each, because a commit costs more than a purchase. A chunk locks its members' accounts up
front, in the order of their ids, and never reaches across a night. If anything in it refuses, all of it is rolled back and its rows are
booked one by one: nobody goes on after a refusal inside a transaction.
"""
