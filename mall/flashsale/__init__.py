"""Flash sales (秒杀): a reward for a short time, at a price of its own, from a stock of its own, to whoever came first.

A **plan** says on which days of the week, at what time and on which terms there is one; the job makes its **sales** (sessions, 场次) ahead,
and a sale can be made by hand. Before it begins, its **units** are set aside from the reward's stock, and what is left goes back at its end.
They stand in a row of their own, so that editing a sale never moves any. Price and limits are the sale's, the same for all; the parcel costs what
it does on the shelf, nothing where the tier ships free; who has early access may come sooner by it. Redeeming is `mall/redemptions` with that price
and that stock, so paying, cancelling and returning work alike: what comes back while the sale is on is for the next in line, afterwards it goes to
the shelf.

Who buys takes a **ticket** first. Its number is drawn when the request arrives, one ticket a member at a time, and free units are promised to
tickets strictly in the order of their numbers; a promise holds for a **turn** of some minutes, then it passes to the next. So it helps to come
early, and neither to ask often nor to have many connections: asking again shows the same ticket. Nobody is told "yours" for a unit that
somebody else can take, and thousands who wait cost no lock. The line moves whenever somebody asks and by the job, in the same few statements.
Tickets go some months after their sale; a merged member's place is the survivor's, where that one has none that is better.

Always: units set aside = left + given back at the end + out with redemptions; 0 ≤ promised ≤ left; no unit is sold twice, none before its
turn, none after the end; a member has at most one live ticket in a sale; at its end a sale is closed once.

Locks: the member's account, their ticket, the sale's stock, the shelf's stock. Who draws shares the stock's row until the ticket is there; who
moves the line takes it alone, so that no lower number is still on its way, and skips locked tickets, as it comes from the other side. Drawing,
moving and redeeming are transactions of their own.
"""
