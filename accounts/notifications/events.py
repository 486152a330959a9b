"""Published on the member's line when a message was handed over by a channel: payload `kind`, `key`, `channel`, `at` (ISO 8601).

Of the inbox as well, at once. Once for each channel of a message, whatever receipts say later.
"""

NOTICE_HANDED_OVER = "accounts.notice_handed_over"
