"""Member tokens: how a member's app or browser calls for that member alone.

The storefront's server, which knows who is logged in, asks for a **token** (`POST /members/{member}/token`) and hands it to the
member's app, which sends it as `Authorization: Bearer …` to the paths under `/api/v1/me/`. It is a signed JWT that lives
`MEMBER_TOKEN_MINUTES` and carries our id of the member and the version of the member's tokens.

Always: a token speaks for one active member and never for a storefront; it may read and do what a view's `members_may` names.
Raising the version (`revoke`) ends all tokens of a member at once; so does closing the member.
"""
