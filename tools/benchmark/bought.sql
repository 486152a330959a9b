-- What the members of our books are known to be and to have done: a standing for two in three, a birthday, two purchases of so many lines, the last
-- within a month. `tools/benchmark/programme.py` makes its baskets in the same way.

SET LOCAL session_replication_role = replica;  -- as in books.sql

CREATE TEMPORARY TABLE who ON COMMIT DROP AS SELECT id, row_number() OVER (ORDER BY id) AS n FROM accounts_member;

UPDATE accounts_member m SET registered_at = now() - mod(w.n, 400) * interval '1 day', birthday = date '1980-01-15' + (mod(w.n, 7000))::int
  FROM who w WHERE m.id = w.id;

INSERT INTO tiers_standing (id, member_id, tier_id, since, set_by, reason)
SELECT uuidv7(), id, CASE mod(n, 3) WHEN 1 THEN 'silver' ELSE 'gold' END, now(), 'bench', 'bench' FROM who WHERE mod(n, 3) > 0;

INSERT INTO accounts_purchase (id, member_id, external_id, occurred_at, currency, paid_cents, shipping_cents, discounts, hold_ref, digest, recorded_at, channel, refunded)
SELECT uuidv7(), id, 'seed/' || n || '/' || k, now() - (30 * k + mod(n, 30) + 1) * interval '1 day' - mod(n, 1440) * interval '1 minute', 'CNY',
       (SELECT sum(500 + mod(37 * n + 911 * i, 9500)) FROM generate_series(0, %(lines)s - 1) i), 0, '[]', '', '', now(),
       (ARRAY['app', 'web', 'shop'])[mod(n, 3) + 1], false
  FROM who, generate_series(0, 1) k;

INSERT INTO accounts_purchaseline (id, member_id, purchase_id, position, external_id, sku, category, brand, quantity, amount_cents)
SELECT uuidv7(), p.member_id, p.id, i, i, 'sku-' || mod(w.n + 7 * i, 50), (%(categories)s::text[])[mod(w.n + 3 * i, 10) + 1], 'brand-' || mod(w.n + i, 9), 1,
       500 + mod(37 * w.n + 911 * i, 9500)
  FROM accounts_purchase p JOIN who w ON w.id = p.member_id, generate_series(0, %(lines)s - 1) i;
