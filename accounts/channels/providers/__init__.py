"""One module for each protocol. Each has `send(setup, to, message, key, now) → Outcome` and says in its docstring what it speaks and
what each answer means; `connections` holds what they share of the network."""
