from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connection

from mall.coupons.rules import LARGEST_CENTS
from points.reconciliation.selectors import snapshot

# What the questions speak of besides tables: what steps have given back; and of a redemption, how many of it are still out.
_WITH = """
WITH stepped AS (
    SELECT redemption_id, sum(quantity) FILTER (WHERE restocked) AS restocked, sum(points) AS points, sum(cents) AS cents, sum(shipping_cents) AS shipping
      FROM mall_step GROUP BY redemption_id
), redemption AS (
    SELECT r.*, 'redemption/' || r.id AS about, r.unit_points * r.quantity AS points, w.kind, m.status IN ('merged', 'erased') AS gone,
           CASE WHEN r.status IN ('cancelled', 'lapsed', 'returned') THEN 0 ELSE r.quantity - r.returned END AS kept,
           CASE WHEN r.hold_id IS NULL THEN 'confirmed' ELSE 'held' END AS begun,
           r.unit_points * CASE WHEN r.status <> 'cancelled' THEN r.returned WHEN r.spend_id IS NOT NULL OR r.revived THEN r.quantity ELSE 0 END AS back
      FROM mall_redemption r JOIN mall_reward w ON w.id = r.reward_id JOIN accounts_member m ON m.id = r.member_id
), found AS ({}) SELECT * FROM found LIMIT %(most)s"""

# Number and words of what should hold → the statement that finds where it does not: about, expected, found.
CHECKS: tuple[tuple[int, str, str], ...] = (
    (1, "stock on hand is the sum of its changes", """
        SELECT 'reward/' || r.code, coalesce(c.total, 0), s.on_hand FROM mall_stock s JOIN mall_reward r ON r.id = s.reward_id
          LEFT JOIN (SELECT reward_id, sum(change) AS total FROM mall_stockchange GROUP BY reward_id) c USING (reward_id)
         WHERE s.on_hand <> coalesce(c.total, 0)"""),
    (1, "changes of stock are numbered without a gap", """
        SELECT 'reward/' || r.code, s.changes, coalesce(c.count, 0) FROM mall_stock s JOIN mall_reward r ON r.id = s.reward_id
          LEFT JOIN (SELECT reward_id, count(*) AS count, max(number) AS last FROM mall_stockchange GROUP BY reward_id) c USING (reward_id)
         WHERE s.changes <> coalesce(c.count, 0) OR s.changes <> coalesce(c.last, 0)"""),
    (1, "each change of stock says what was on hand after it", """
        SELECT 'reward/' || r.code || ' change ' || c.number, c.before + c.change, c.on_hand_after
          FROM (SELECT *, lag(on_hand_after, 1, 0::bigint) OVER (PARTITION BY reward_id ORDER BY number) AS before FROM mall_stockchange) c
          JOIN mall_reward r ON r.id = c.reward_id WHERE c.on_hand_after <> c.before + c.change"""),
    (2, "a redemption has taken from stock what it kept", """
        SELECT r.about, CASE WHEN r.stocked THEN coalesce(s.restocked, 0) - r.quantity ELSE 0 END, coalesce(c.total, 0)
          FROM redemption r LEFT JOIN stepped s ON s.redemption_id = r.id
          LEFT JOIN (SELECT subject, sum(change) AS total FROM mall_stockchange WHERE subject LIKE 'redemption/%%' GROUP BY subject) c ON c.subject = r.about
         WHERE r.sale_id IS NULL AND CASE WHEN r.stocked THEN coalesce(s.restocked, 0) - r.quantity ELSE 0 END <> coalesce(c.total, 0)"""),
    (2, "what was cancelled or not paid is back in stock", """
        SELECT r.about, r.quantity, coalesce(s.restocked, 0) FROM redemption r LEFT JOIN stepped s ON s.redemption_id = r.id
         WHERE r.stocked AND r.status IN ('cancelled', 'lapsed') AND coalesce(s.restocked, 0) <> r.quantity"""),
    (2, "what was sold out of stock has a redemption", """
        SELECT c.subject, 'a redemption', 'none' FROM mall_stockchange c LEFT JOIN redemption r ON r.about = c.subject AND r.reward_id = c.reward_id
         WHERE c.kind IN ('sold', 'given_back') AND r.id IS NULL"""),
    (3, "what waits for payment is held", """
        SELECT r.about, 'open ' || r.points, h.status || ' ' || h.points FROM redemption r JOIN points_hold h ON h.id = r.hold_id
         WHERE r.status = 'held' AND (h.member_id <> r.member_id OR h.points <> r.points OR h.status = 'captured'
               OR (h.status <> 'open' AND r.pay_until > %(now)s AND NOT r.gone))"""),
    (3, "what goes on was paid in points", """
        SELECT r.about, r.points, coalesce(e.points, 0) FROM redemption r LEFT JOIN points_entry e ON e.id = r.spend_id
         WHERE NOT r.revived AND r.status NOT IN ('held', 'lapsed', 'cancelled')
           AND (e.id IS NULL OR e.member_id <> r.member_id OR e.points <> r.points OR e.kind <> CASE r.begun WHEN 'held' THEN 'capture' ELSE 'spend' END)"""),
    (3, "what was cancelled unpaid, or not paid in time, has cost nothing", """
        SELECT r.about, 'released', h.status FROM redemption r JOIN points_hold h ON h.id = r.hold_id
         WHERE r.spend_id IS NULL AND r.status IN ('cancelled', 'lapsed') AND h.status NOT IN ('released', 'lapsed')"""),
    (3, "the points that came back are those that were restored", """
        SELECT r.about, coalesce(s.points, 0), coalesce(e.points, 0) FROM redemption r LEFT JOIN stepped s ON s.redemption_id = r.id
          LEFT JOIN (SELECT refers_to_id, sum(points) AS points FROM points_entry WHERE kind = 'restore' GROUP BY refers_to_id) e
            ON e.refers_to_id = r.spend_id
         WHERE NOT r.revived AND coalesce(s.points, 0) <> coalesce(e.points, 0)"""),
    (3, "what came back is what its steps say", """
        SELECT r.about, r.back, coalesce(s.points, 0) FROM redemption r LEFT JOIN stepped s ON s.redemption_id = r.id
         WHERE coalesce(s.points, 0) <> r.back OR (r.status = 'returned') <> (r.returned = r.quantity)"""),
    (3, "the money to give back is that of what came back, and shipping at most once", """
        SELECT r.about, r.unit_cents * (r.back / r.unit_points) || ' + at most ' || r.shipping_cents,
               coalesce(s.cents - s.shipping, 0) || ' + ' || coalesce(s.shipping, 0)
          FROM redemption r LEFT JOIN stepped s ON s.redemption_id = r.id
         WHERE coalesce(s.cents - s.shipping, 0) <> r.unit_cents * (r.back / r.unit_points) OR coalesce(s.shipping, 0) > r.shipping_cents
            OR (r.status = 'cancelled' AND r.spend_id IS NOT NULL AND coalesce(s.shipping, 0) <> r.shipping_cents)"""),
    (3, "a redemption is paid for by an entry of its own", """
        SELECT 'entry ' || spend_id, 1, count(*) FROM mall_redemption WHERE spend_id IS NOT NULL GROUP BY spend_id HAVING count(*) > 1"""),
    (3, "points spent on a redemption have one", """
        SELECT e.subject, 'a redemption', 'none' FROM points_entry e LEFT JOIN mall_redemption r ON r.spend_id = e.id
         WHERE e.subject LIKE 'redemption/%%' AND e.kind IN ('spend', 'capture') AND r.id IS NULL"""),
    (4, "a redemption stands where its last step left it", """
        SELECT r.about, coalesce(s.status, r.begun), r.status FROM redemption r
          LEFT JOIN (SELECT DISTINCT ON (redemption_id) redemption_id, status FROM mall_step ORDER BY redemption_id, id DESC) s ON s.redemption_id = r.id
         WHERE r.status <> coalesce(s.status, r.begun)"""),
    (4, "each step begins where the one before it ended", """
        SELECT s.about, s.ended, s.before FROM (
            SELECT r.about, s.before, lag(s.status, 1, r.begun::varchar) OVER (PARTITION BY s.redemption_id ORDER BY s.id) AS ended
              FROM mall_step s JOIN redemption r ON r.id = s.redemption_id) s WHERE s.before <> s.ended"""),
    (5, "limits that members share count what is out", """
        SELECT counter || ' ' || starts, coalesce(r.taken, 0), coalesce(u.times, 0) FROM (
            SELECT 'reward/' || reward_id || '/all' AS counter, date '1970-01-01' AS starts, sum(kept) AS taken
              FROM redemption WHERE charged ? 'all' GROUP BY reward_id
             UNION ALL
            SELECT 'reward/' || reward_id || '/day', counted_on, sum(kept) FROM redemption WHERE charged ? 'day' GROUP BY reward_id, counted_on) r
          FULL JOIN (SELECT * FROM points_shareduse WHERE counter ~ '^reward/[0-9]+/(all|day)$') u USING (counter, starts)
         WHERE coalesce(r.taken, 0) <> coalesce(u.times, 0)"""),
    (6, "a redemption of codes has as many as were paid for, and no more", """
        SELECT r.about, r.kept, coalesce(c.codes, 0) FROM redemption r
          LEFT JOIN (SELECT redemption_id, handed_at IS NULL AS unseen, count(*) AS codes FROM mall_code WHERE voided_at IS NULL GROUP BY 1, 2) c
            ON c.redemption_id = r.id AND c.unseen = (r.status = 'held')
         WHERE r.kind = 'code' AND r.kept <> coalesce(c.codes, 0)"""),
    (6, "a code is with the member who redeemed it", """
        SELECT 'code ' || c.id, r.member_id::text, c.member_id::text FROM mall_code c JOIN redemption r ON r.id = c.redemption_id
         WHERE c.member_id <> r.member_id"""),
    (7, "a redemption of coupons has as many as were paid for, and no more", """
        SELECT r.about, r.kept, coalesce(c.coupons, 0) FROM redemption r
          LEFT JOIN (SELECT subject, status = 'reserved' AS unseen, count(*) AS coupons FROM mall_coupon
                      WHERE source = 'redemption' AND withdrawn_for NOT LIKE 'redemption/%%' GROUP BY 1, 2) c
            ON c.subject = r.about AND c.unseen = (r.status = 'held')
         WHERE r.kind = 'coupon' AND NOT r.gone AND r.kept <> coalesce(c.coupons, 0)"""),
    (7, "the limit of a coupon counts what was issued", """
        SELECT counter, coalesce(c.issued, 0), coalesce(u.times, 0)
          FROM (SELECT 'coupon/' || template_id AS counter, count(*) AS issued FROM mall_coupon WHERE counted AND status <> 'withdrawn' GROUP BY template_id) c
          FULL JOIN (SELECT counter, times FROM points_shareduse WHERE counter LIKE 'coupon/%%') u USING (counter)
         WHERE coalesce(c.issued, 0) <> coalesce(u.times, 0)"""),
    (7, "a used coupon took off no more than its terms allow", """
        SELECT 'coupon ' || c.id, 'at most ' || x.most, c.discount_cents
          FROM mall_coupon c, LATERAL (SELECT CASE c.terms->>'kind' WHEN 'amount' THEN (c.terms->>'amount_cents')::bigint WHEN 'percent'
                                         THEN least((c.terms->>'cap_cents')::bigint, %(largest)s * (c.terms->>'percent_bps')::bigint / 10000)
                                         ELSE %(largest)s END AS most) x
         WHERE c.discount_cents NOT BETWEEN 0 AND x.most"""),
    (8, "one voucher or its points, never both and never neither", """
        SELECT r.about, CASE WHEN o.state = 'delivered' THEN 'delivered' WHEN o.state IN ('refused', 'withdrawn') THEN 'points back' ELSE 'fulfilling' END,
               r.status
          FROM redemption r JOIN mall_voucherorder o ON o.redemption_id = r.id AND o.purpose = 'voucher'
         WHERE CASE WHEN o.state = 'delivered' THEN r.status <> 'delivered' WHEN o.state IN ('refused', 'withdrawn') THEN r.kept > 0 ELSE r.kept = 0 END
         UNION ALL
        SELECT r.about, 'an order at the provider', 'none' FROM redemption r
         WHERE r.kind = 'voucher' AND r.kept > 0 AND r.status <> 'held' AND NOT EXISTS (SELECT FROM mall_voucherorder o WHERE o.redemption_id = r.id)"""),
    (9, "what a sale set aside is sold, left or back on the shelf", """
        SELECT 'flash sale ' || f.sale_id, f.set_aside, f."left" + f.returned + coalesce(r.sold, 0) FROM mall_flashstock f
          LEFT JOIN (SELECT r.sale_id, sum(r.quantity - coalesce(s.restocked, 0) + coalesce(c.total, 0)) AS sold
                       FROM redemption r LEFT JOIN stepped s ON s.redemption_id = r.id
                       LEFT JOIN (SELECT subject, sum(change) AS total FROM mall_stockchange WHERE kind = 'given_back' GROUP BY subject) c
                         ON c.subject = r.about
                      WHERE r.sale_id IS NOT NULL GROUP BY r.sale_id) r USING (sale_id)
         WHERE f.set_aside <> f."left" + f.returned + coalesce(r.sold, 0)"""),
    (9, "units of a sale are promised to those whose turn it is, and to nobody else", """
        SELECT 'flash sale ' || f.sale_id, coalesce(t.units, 0), f.promised FROM mall_flashstock f
          LEFT JOIN (SELECT sale_id, sum(quantity) AS units FROM mall_flashticket WHERE status = 'admitted' GROUP BY sale_id) t USING (sale_id)
         WHERE f.closed_at IS NULL AND f.promised <> coalesce(t.units, 0)"""),
    (10, "a redemption of privileges has as many as were paid for, and no more", """
        SELECT r.about, CASE r.status WHEN 'held' THEN 0 ELSE r.kept END, coalesce(p.privileges, 0) FROM redemption r
          LEFT JOIN (SELECT redemption_id, count(*) AS privileges FROM mall_privilege WHERE ended_for <> 'redemption/returned' GROUP BY redemption_id) p
            ON p.redemption_id = r.id
         WHERE r.kind = 'privilege' AND NOT r.gone AND CASE r.status WHEN 'held' THEN 0 ELSE r.kept END <> coalesce(p.privileges, 0)"""),
    (10, "the uses left of a privilege are those granted less those that stand", """
        SELECT 'privilege ' || p.id, p.uses - coalesce(u.used, 0), p.uses_left FROM mall_privilege p
          LEFT JOIN (SELECT member_id, privilege_id, count(*) AS used FROM mall_privilegeuse WHERE given_back_at IS NULL GROUP BY 1, 2) u
            ON u.privilege_id = p.id AND u.member_id = p.member_id
         WHERE p.uses IS NOT NULL AND p.uses_left <> p.uses - coalesce(u.used, 0)"""),
    (11, "the parts of an order are the whole of it", """
        SELECT 'purchase/' || p.external_id, s.paid_cents || ' + ' || s.worth_cents || ' for ' || s.spent, x.paid || ' + ' || x.worth || ' for ' || x.points
          FROM mall_settlement s JOIN accounts_purchase p ON p.id = s.purchase_id,
               LATERAL (SELECT sum((part->>'worth_cents')::bigint) AS worth, sum((part->>'points')::bigint) AS points,
                               sum((part->>'due_cents')::bigint - (part->>'worth_cents')::bigint) AS paid
                          FROM jsonb_array_elements(s.split->'lines' || jsonb_build_array(s.split->'shipping')) part) x
         WHERE s.split IS NOT NULL AND (x.worth, x.points, x.paid) IS DISTINCT FROM (s.worth_cents, s.spent, s.paid_cents)"""),
    (11, "the lines of an order say what of them was paid in money", """
        SELECT 'purchase/' || p.external_id || ' line ' || parts.n, x.paid, l.paid_cents
          FROM mall_settlement s JOIN accounts_purchase p ON p.id = s.purchase_id
          CROSS JOIN LATERAL jsonb_array_elements(s.split->'lines') WITH ORDINALITY parts (part, n)
          CROSS JOIN LATERAL (SELECT (part->>'due_cents')::bigint - (part->>'worth_cents')::bigint AS paid) x
          JOIN accounts_purchaseline l ON l.member_id = s.member_id AND l.purchase_id = s.purchase_id AND l.position = parts.n - 1
         WHERE s.split IS NOT NULL AND coalesce(l.paid_cents, 0) <> x.paid"""),
    (11, "an order has spent and got back the points that its entries say", """
        SELECT 'purchase/' || p.external_id, s.spent || ' − ' || s.restored, coalesce(e.points, 0) || ' − ' || coalesce(b.points, 0)
          FROM mall_settlement s JOIN accounts_purchase p ON p.id = s.purchase_id LEFT JOIN points_entry e ON e.id = s.spend_entry_id
          LEFT JOIN (SELECT refers_to_id, sum(points) AS points FROM points_entry WHERE kind = 'restore' GROUP BY refers_to_id) b
            ON b.refers_to_id = s.spend_entry_id
         WHERE s.spent <> coalesce(e.points, 0) OR s.restored > coalesce(b.points, 0)"""),
    (12, "expired points pay for what they bought, and come back with it", """
        SELECT r.about, r.points || ' less ' || coalesce(s.points, 0), coalesce(u.points, 0) || ' less ' || coalesce(u.back, 0)
          FROM redemption r LEFT JOIN stepped s ON s.redemption_id = r.id
          LEFT JOIN (SELECT redemption_id, sum(points) AS points, sum(given_back) AS back FROM mall_revivaluse GROUP BY redemption_id) u
            ON u.redemption_id = r.id
         WHERE CASE WHEN r.revived THEN coalesce(u.points, 0) <> r.points OR u.back <> coalesce(s.points, 0) ELSE u.points IS NOT NULL END"""),
    (12, "of a lot no more is used than of it expired", """
        SELECT 'lot ' || u.lot_id, coalesce(e.expired, 0), u.used
          FROM (SELECT member_id, lot_id, sum(points - given_back) AS used FROM mall_revivaluse GROUP BY member_id, lot_id) u
          LEFT JOIN (SELECT a.member_id, a.lot_id, sum(a.points) AS expired FROM points_allocation a
                       JOIN points_entry e ON e.member_id = a.member_id AND e.id = a.entry_id AND e.kind = 'expire' GROUP BY a.member_id, a.lot_id) e
            USING (member_id, lot_id)
         WHERE u.used > coalesce(e.expired, 0)"""),
    (13, "lent once or points back, never both and never neither", """
        SELECT r.about, CASE n.state WHEN 'asked' THEN 'fulfilling' WHEN 'refused' THEN 'points back' ELSE 'delivered' END, r.status
          FROM redemption r JOIN mall_rental n ON n.redemption_id = r.id
         WHERE CASE n.state WHEN 'asked' THEN r.status <> 'fulfilling' WHEN 'refused' THEN r.kept > 0 ELSE r.status <> 'delivered' END
         UNION ALL
        SELECT r.about, 'a rental', 'none' FROM redemption r
         WHERE r.kind = 'rental' AND r.kept > 0 AND r.status <> 'held' AND NOT EXISTS (SELECT FROM mall_rental n WHERE n.redemption_id = r.id)"""),
    (13, "a rental stands where its partner's order says", """
        SELECT 'rental/' || n.id, n.state, o.state FROM mall_rental n JOIN mall_voucherorder o ON o.id = n.order_id
         WHERE o.member_id <> n.member_id OR o.redemption_id <> n.redemption_id OR o.purpose <> 'loan' OR CASE n.state
               WHEN 'lent' THEN o.state <> 'delivered' WHEN 'asked' THEN o.state NOT IN ('waiting', 'sending', 'unknown')
               WHEN 'ending' THEN o.state NOT IN ('waiting', 'sending', 'unknown') ELSE o.state NOT IN ('refused', 'withdrawn') END"""),
    (13, "what was lent is back in stock once it was taken back, and not before", """
        SELECT 'rental/' || n.id, CASE WHEN n.stocked AND n.state = 'taken_back' THEN n.quantity ELSE 0 END, coalesce(c.total, 0) FROM mall_rental n
          LEFT JOIN (SELECT subject, sum(change) AS total FROM mall_stockchange WHERE kind = 'taken_back' GROUP BY subject) c ON c.subject = 'rental/' || n.id
         WHERE CASE WHEN n.stocked AND n.state = 'taken_back' THEN n.quantity ELSE 0 END <> coalesce(c.total, 0)
         UNION ALL
        SELECT c.subject, 0, c.change FROM mall_stockchange c
         WHERE c.kind = 'taken_back' AND NOT EXISTS (SELECT FROM mall_rental n WHERE 'rental/' || n.id = c.subject)"""),
    (13, "a renewal is paid by an entry of its own, and its points are back where it was refused", """
        SELECT 'renewal ' || w.id, w.points || ' less ' || CASE w.state WHEN 'refused' THEN w.points ELSE 0 END,
               coalesce(e.points, 0) || ' less ' || coalesce(b.points, 0)
          FROM mall_renewal w LEFT JOIN points_entry e ON e.id = w.spend_id AND e.kind = 'spend'
          LEFT JOIN (SELECT refers_to_id, sum(points) AS points FROM points_entry WHERE kind = 'restore' GROUP BY refers_to_id) b ON b.refers_to_id = w.spend_id
         WHERE coalesce(e.points, 0) <> w.points OR coalesce(b.points, 0) <> CASE w.state WHEN 'refused' THEN w.points ELSE 0 END
         UNION ALL
        SELECT e.subject, '1 renewal', count(w.id) || ' renewals' FROM points_entry e LEFT JOIN mall_renewal w ON w.spend_id = e.id
         WHERE e.subject LIKE 'rental/%%' AND e.kind = 'spend' GROUP BY e.id, e.subject HAVING count(w.id) <> 1"""),
    (13, "a rental ends when its last renewal says, and was renewed so often", """
        SELECT 'rental/' || n.id, coalesce(w.done, 0) || ' until ' || coalesce(w.until, o.ends_at), n.renewals || ' until ' || n.ends_at
          FROM mall_rental n JOIN mall_voucherorder o ON o.id = n.order_id
          LEFT JOIN (SELECT rental_id, count(*) AS done, max(until) AS until FROM mall_renewal WHERE state = 'done' GROUP BY rental_id) w ON w.rental_id = n.id
         WHERE (coalesce(w.done, 0), coalesce(w.until, o.ends_at)) <> (n.renewals, n.ends_at)"""),
)  # fmt: skip
COUNTED = {
    "redemptions": "mall_redemption", "steps": "mall_step", "changes of stock": "mall_stockchange", "codes": "mall_code", "coupons": "mall_coupon",
    "orders of vouchers": "mall_voucherorder", "privileges": "mall_privilege", "orders": "mall_settlement",
    "rentals": "mall_rental",
}  # fmt: skip


class Breach(NamedTuple):
    """One wrong: which invariant, in words, what it is about."""

    invariant: int
    what: str
    about: str
    expected: Any
    found: Any

    def __str__(self) -> str:
        return f"[{self.invariant}] {self.about}: {self.what}; expected {self.expected}, found {self.found}"


class Audited(NamedTuple):
    checked: Counter[str]
    breaches: list[Breach]


def audit(*, most: int = 1000, now: datetime) -> Audited:
    """Ask every check, in one snapshot; of each at most so many breaches."""
    with snapshot():
        return Audited(_counted(), [breach for one in CHECKS for breach in _asked(*one, most=most, now=now)])


def _asked(invariant: int, what: str, sql: str, *, most: int, now: datetime) -> Iterator[Breach]:
    with connection.cursor() as cursor:
        cursor.execute(_WITH.format(sql), {"most": most, "largest": LARGEST_CENTS, "now": now})
        for about, expected, found in cursor.fetchall():
            yield Breach(invariant, what, about, expected, found)


def _counted() -> Counter[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT " + ", ".join(f"(SELECT count(*) FROM {table})" for table in COUNTED.values()))  # noqa: S608 (our own names)
        return Counter(dict(zip(COUNTED, cursor.fetchone(), strict=True)))
