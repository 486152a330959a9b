"""Webhooks: the storefront is told what happens, by requests to addresses of its own, signed as Standard Webhooks (standardwebhooks.com) say.

An **endpoint** is an address and the types of events it wants (`rules.TOPICS`: to add one, add a line). A **delivery** is one event on its
way to one endpoint, `{type, timestamp, data}`, in which members have the storefront's ids; an **attempt** is one request. A **line** is all
deliveries for one member to one endpoint.

What always holds:
- An event whose type no endpoint wants is not written, neither here nor in the outbox.
- Delivered means answered with 2xx. At least once: `webhook-id` stays the same over attempts and replays, and tells a second copy.
- A line is sent in the order in which things happened, one after the other. What fails is tried again for three days, longer each time, and
  holds back its own line alone. After the last attempt it is a dead letter; its line waits until an operator replays or drops it.
- An endpoint that fails several times in a row rests, and is then asked with a single delivery: an outage costs neither attempts nor senders,
  and once it answers, all that waits goes on at once. Failing for five days, or answering 410, it is switched off; what waits is kept.
- No request in a transaction, none to an address inside the network unless its host is named in WEBHOOK_INTERNAL_HOSTS, and that of the very
  address that was checked. No redirect is followed. Of a refusal the first words are kept.

A **secret** is in no table: it is derived from SECRET_KEY, the endpoint and its generation, and shown once. We keep a digest, so that an
installation with another SECRET_KEY (a copy for tests, say) sends nothing rather than with signatures nobody can verify. Rotated, the secret
before it signs as well for as long as the operator says.

Locks: the delivery, then its endpoint.
"""
