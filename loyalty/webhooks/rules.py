"""Which events there are, how a request is signed, when it is tried again, where it may go."""

import base64
import hashlib
import hmac
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any
from urllib.parse import urlsplit

# Marks a text for translation; it is translated where it is shown.
_ = str


@dataclass(frozen=True, slots=True)
class Topic:
    """A type of event that endpoints can ask for, and what it means.

    `source`: the outbox's topic that it is made of, where `when` says yes to its payload. `gives`: what of the payload is told. Of those,
    `members` hold our ids of members and are told as the storefront's.
    """

    name: str
    about: str
    source: str
    gives: tuple[str, ...] = ()
    members: tuple[str, ...] = ()
    when: Callable[[Mapping[str, Any]], bool] = lambda _told: True


def _turned(status: str) -> Callable[[Mapping[str, Any]], bool]:
    return lambda told: told["status"] == status and told["before"] != status


def _stayed(told: Mapping[str, Any]) -> bool:
    return bool(told["status"] == told["before"])


def _given_back(told: Mapping[str, Any]) -> bool:
    return (told["before"], told["status"]) == ("used", "available")


_ENTRY = ("entry", "points", "subject", "occurred_at")
_FRIEND = ("friend", "completion")
_REDEMPTION = ("mall.redemption_changed", ("redemption", "reward", "kind", "quantity", "points", "cents", "shipping_cents", "status", "before"))
_RENTAL = ("mall.rental_changed", ("rental", "redemption", "reward", "quantity", "status", "before", "ends_at", "renewals", "cause"))
_COUPON = ("mall.coupon_changed", ("coupon", "code", "template", "status", "before", "source", "subject", "purchase", "expires_at"))

TOPICS: Mapping[str, Topic] = {
    topic.name: topic
    for topic in (
        Topic("member.registered", _("A member has registered."), "accounts.member_registered"),
        Topic("member.tier_changed", _("Another tier counts than before."), "tiers.standing_changed", ("tier", "before", "until", "cause")),
        Topic("member.tier_ending", _("The last days of a tier have begun."), "tiers.term_ending", ("tier", "until", "missing", "keeps_with", "unit")),
        Topic("member.dormant", _("A member was not seen for long."), "tiers.member_dormant", ("days", "since")),
        Topic("member.blocked", _("A member was blocked."), "riskcontrol.member_banned"),
        Topic("member.unblocked", _("A member is blocked no more."), "riskcontrol.member_cleared"),
        Topic("member.merged", _("Another record was merged into this member."), "points.members_merged", ("merged",), members=("merged",)),
        Topic("points.earned", _("Points were earned, available or pending."), "points.earned", _ENTRY),
        Topic("points.spent", _("Points were spent."), "points.spent", _ENTRY),
        Topic("points.expired", _("Points have expired."), "points.expired", _ENTRY),
        Topic("points.restored", _("Spent points came back."), "points.restored", _ENTRY),
        Topic("points.clawed_back", _("Earned points were taken back."), "points.clawed_back", (*_ENTRY, "waived")),
        Topic("points.adjusted", _("Points were adjusted: given or taken."), "points.adjusted", _ENTRY),
        Topic("referral.completed", _("A friend's first order was paid."), "accounts.referral_completed", (*_FRIEND, "amount_cents", "occurred_at")),
        Topic("referral.reduced", _("That order was refunded in part."), "accounts.referral_reduced", (*_FRIEND, "amount_cents")),
        Topic("referral.revoked", _("That order was refunded in full, or the invitation cancelled."), "accounts.referral_revoked", _FRIEND),
        Topic("redemption.held", _("A reward waits for its money to be paid."), *_REDEMPTION, when=_turned("held")),
        Topic("redemption.confirmed", _("A reward was redeemed and paid."), *_REDEMPTION, when=_turned("confirmed")),
        Topic("redemption.fulfilling", _("Somebody fulfils it."), *_REDEMPTION, when=_turned("fulfilling")),
        Topic("redemption.shipped", _("It was shipped."), *_REDEMPTION, when=_turned("shipped")),
        Topic("redemption.delivered", _("It has arrived, or was handed out."), *_REDEMPTION, when=_turned("delivered")),
        Topic("redemption.changed", _("A part was returned, or its tracking number corrected; its status stays."), *_REDEMPTION, when=_stayed),
        Topic("redemption.cancelled", _("It was cancelled; its points are back."), *_REDEMPTION, when=_turned("cancelled")),
        Topic("redemption.lapsed", _("It was not paid in time; its points are free again."), *_REDEMPTION, when=_turned("lapsed")),
        Topic("redemption.returned", _("All of it was returned."), *_REDEMPTION, when=_turned("returned")),
        Topic("rental.lent", _("A partner's benefit was lent."), *_RENTAL, when=_turned("lent")),
        Topic("rental.renewed", _("Its term was made longer."), *_RENTAL, when=lambda told: told["status"] == told["before"] == "lent"),
        Topic("rental.ended", _("Its term is over, or it was given back; the partner takes it back."), *_RENTAL, when=_turned("ending")),
        Topic("coupon.issued", _("A coupon was issued or claimed."), *_COUPON, when=lambda told: not told["before"]),
        Topic("coupon.used", _("A coupon was used."), *_COUPON, when=_turned("used")),
        Topic(
            "coupon.given_back", _("A used coupon can be used again."), *_COUPON, when=lambda told: (told["before"], told["status"]) == ("used", "available")
        ),
        Topic("coupon.withdrawn", _("A coupon was withdrawn."), *_COUPON, when=_turned("withdrawn")),
    )
}
SOURCES = tuple(dict.fromkeys(topic.source for topic in TOPICS.values()))
TEST = "webhook.test"


def topics_of(source: str, payload: Mapping[str, Any]) -> list[Topic]:
    """Which types of events an event of the outbox is; as a rule one, or none."""
    return [topic for topic in TOPICS.values() if topic.source == source and topic.when(payload)]


# Signatures.


def derived(key: str, *, endpoint: str, generation: int) -> bytes:
    """The secret of an endpoint, 32 bytes."""
    return hmac.new(key.encode(), f"loyalty/webhooks/{endpoint}/{generation}".encode(), hashlib.sha256).digest()


def digest(secret: bytes) -> str:
    """What is kept of a secret: it tells whether one is the right one, and nothing else."""
    return hashlib.sha256(secret).hexdigest()


def shown(secret: bytes) -> str:
    """A secret as its receiver configures it."""
    return "whsec_" + base64.b64encode(secret).decode()


def headers(secrets: Sequence[bytes], *, message: str, body: bytes, now: datetime) -> dict[str, str]:
    """The headers of a request: one signature for each secret, any of which will do."""
    timestamp = str(int(now.timestamp()))
    signed = f"{message}.{timestamp}.".encode() + body
    signatures = ["v1," + base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode() for secret in secrets]
    return {
        "content-type": "application/json",
        "user-agent": "loyalty-webhooks/1",
        "webhook-id": message,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(signatures),
    }


# When to try again.

BACK_OFF = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
# So much of a wait is left to luck: what failed together is not tried again together.
JITTER = 0.2
# So many failures in a row, and the endpoint rests: at first for SHORTEST_REST, twice as long after each further one, at most LONGEST_REST.
RESTS_AFTER = 3
SHORTEST_REST, LONGEST_REST = timedelta(seconds=10), timedelta(minutes=10)
LONGEST_ASKED = timedelta(hours=1)
GIVES_UP_AFTER = timedelta(days=5)


def next_attempt(*, failures: int, luck: float, now: datetime) -> datetime | None:
    """When to try again after so many failures (at least one); None when it is time to give up. `luck`: from 0 to 1."""
    return now + BACK_OFF[failures - 1] * (1 - JITTER / 2 + JITTER * luck) if failures <= len(BACK_OFF) else None


def rests_until(*, failures: int, asked: timedelta | None, now: datetime) -> datetime | None:
    """Until when an endpoint is left alone that has failed so many times in a row, or has `asked` for a pause; None: not at all."""
    rest = min(SHORTEST_REST * 2 ** min(failures - RESTS_AFTER, 10), LONGEST_REST) if failures >= RESTS_AFTER else timedelta(0)
    rest = max(rest, min(asked, LONGEST_ASKED) if asked else rest)
    return now + rest if rest else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What became of a request. `status` None: no whole answer came; `detail` says why, or how the answer begins."""

    status: int | None = None
    detail: str = ""
    milliseconds: int = 0
    retry_after: timedelta | None = None

    @property
    def accepted(self) -> bool:
        return self.status is not None and 200 <= self.status < 300

    @property
    def gone(self) -> bool:
        return self.status == 410

    def __str__(self) -> str:
        return " ".join(filter(None, (f"HTTP {self.status}" if self.status else "", self.detail)))


# Where requests may go.

# Code → sentence.
NO_ADDRESS: Mapping[str, str] = {
    "no_url": _("This is no address such as https://shop.example.com/webhooks."),
    "not_https": _("The address must begin with https://, so that nobody on the way reads or changes what is sent."),
    "has_user": _("The address must hold neither a user nor a password. Requests are signed; that tells who they come from."),
    "internal": _("This address is inside a network. If the storefront is there, name its host in WEBHOOK_INTERNAL_HOSTS of the environment."),
}
# What stands in the log of attempts, where no address of the host may be called.
NOT_CALLED = "not called: the name leads inside a network, and is not in WEBHOOK_INTERNAL_HOSTS"
_HOST = re.compile(r"[a-z0-9._:-]+", re.ASCII)
# Addresses that stand for one of IPv4 behind a translator.
_NAT64 = (ip_network("64:ff9b::/96"), ip_network("64:ff9b:1::/48"))


def url_fault(url: str, *, internal: Collection[str]) -> str:
    """Why no request may go there, a code of NO_ADDRESS; empty when it may, as far as the address itself tells."""
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname or "", parts.port
    except ValueError:
        return "no_url"
    if parts.scheme not in ("http", "https") or not _HOST.fullmatch(host) or parts.fragment or any(not " " < sign < "\x7f" for sign in url):
        return "no_url"
    if parts.username is not None or parts.password is not None:
        return "has_user"
    if host in internal:
        return ""
    try:
        inside = not is_public(host)
    except ValueError:
        inside = host == "localhost" or "." not in host or host.endswith((".localhost", ".local", ".internal"))
    if inside:
        return "internal"
    return "" if parts.scheme == "https" else "not_https"


def is_public(address: str) -> bool:
    """Whether an IP address is one of the whole internet's, and does not lead inside by a detour. ValueError for no IP address."""
    found: IPv4Address | IPv6Address = ip_address(address)
    if isinstance(found, IPv6Address):
        if found.scope_id or found.is_site_local:
            return False
        within = found.ipv4_mapped or found.sixtofour or (found.teredo[1] if found.teredo else None)
        if any(found in network for network in _NAT64):
            within = IPv4Address(int(found) & 0xFFFFFFFF)
        if within is not None:
            return is_public(str(within))
    return found.is_global and not found.is_multicast and not found.is_reserved
