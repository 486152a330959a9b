"""Channels: how a message leaves this installation, and what the world answers.

A **channel** is a way to a member: inbox (our own page, nothing leaves), e-mail, SMS, app push, WeChat. A **provider** serves a channel and
speaks its own protocol: a mail server by SMTP, Aliyun or Tencent for SMS, FCM and APNs for push, a WeChat official account. Its public
parameters are a row that operators edit; its secrets, and the address to which they are sent, come from the environment only.

**Handing over** asks one provider to take one message and gives an **outcome**:
accepted · it is the provider's now; `provider_id` finds it there.
refused · for what it says or to whom: the same again would be refused again; `address_gone` when nobody is there any more.
throttled · not now; again after `retry_after`, if the provider said.
unreachable · surely not handed over, and not because of this message: no connection, credentials refused, not set up. Again later.
unknown · perhaps: it was written, and no answer came that says what became of it. Whether to risk a second copy is the sender's decision.

Always: handing over never raises for what the network does, waits no longer than its time-outs, reads no more than a bounded answer, and
is asked for outside any transaction. Where only the answer is missing it says `unknown`; `unreachable` is never a guess. The key goes
along, so that what can be recognised as a second copy is: as Message-ID, OutId, apns-id and collapse-id, tag, client_msg_id. No secret, no
whole address and no text of a message is logged.

A **receipt** is what a provider tells later: delivered or bounced. It is believed only with the provider's signature or our token, kept
once, and published; those above say whether they know the message (`recognised`), and what nobody knows is counted.

`providers/` holds one module for each protocol; what all have in common is in `rules`.
"""
