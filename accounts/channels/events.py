"""`accounts.receipt_received`: a provider says what became of a message. Belongs to no member's line. Payload: `receipt` (its id here),
`channel`, `provider`, `provider_id` (as the outcome of handing over gave it), `key` (of the hand-over, where the provider tells it: so a
message whose hand-over was not answered is found), `state` (`delivered` or `bounced`), `detail` (the provider's
code and words), `address_gone`, `at` (ISO 8601). It may come before the hand-over's own outcome is written, and may name a message that
nobody here has sent: whoever knows the message calls `services.recognise`.
"""

RECEIPT_RECEIVED = "accounts.receipt_received"
