"""Notifications: what the programme tells its members, by which channel, and what became of it.

A **kind** is what a message is about (points expire, a tier is reached): a row with its purpose, its variables and its channels. A
**text** (`Template`) is what it says, for each channel and language. A **message** is one thing told to one member, once per key. A
**delivery** is its attempt chain on one channel, to one address; an **attempt** is one hand-over to the channel's provider, who may tell
more of it later, by a receipt. The **inbox** is the channel that needs no provider: an item is there with the transaction itself.

What always holds:
- (member, kind, key) makes one message, however often it is asked for. Everything is planned in the transaction of what it is about;
  everything is sent after it, by the job, from rows with a due time.
- A delivery is claimed by one conditional UPDATE before its hand-over, and the attempt is on record before the network is touched. So
  whatever happens to a worker, no hand-over is without a trace.
- Without an answer (silence, or a worker that died: its lease runs out) nobody knows whether the message went out. It is `unknown`, and
  sent again where the kind says so (expiry, as a rule), never for marketing; else by an operator, with a reason.
- Preferences, address and membership are asked again at the moment of sending. Whoever is closed gets nothing. What lies in the
  inbox is not taken back.
- No network inside a transaction. A message that cannot be rendered never fails the order that it tells of.

Quiet hours, in the programme's zone, put off everything but the inbox. Limits: so many a minute for a channel, so many marketing
messages a day for a member. What was handed over is told upwards (`accounts.notice_handed_over`).
Locks: the message (only where channels are tried one after the other), its delivery, the channel's pace; all of them last.
"""
