"""`mall.markdown_proposed`, `mall.markdown_started`, `mall.markdown_ended`: payload `markdown`, `percent`, `starts_at`, `ends_at`. No member.

Started is told when it is decided on: `starts_at` may be later.
"""

PROPOSED = "mall.markdown_proposed"
STARTED = "mall.markdown_started"
ENDED = "mall.markdown_ended"
