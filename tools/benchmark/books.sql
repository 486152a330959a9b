-- Our books, filled like the ceiling's: every member of the database gets so many open lots of 100 points, the first `due` of which
-- expired together last midnight. Before them lies `history`: so many earnings of 100 points, each spent whole. The books balance.

SET LOCAL session_replication_role = replica;  -- the rows fit together as they are; checking each foreign key would take minutes

INSERT INTO points_account (member_id, available, held, pending, debt, last_seq, frozen)
SELECT id, 100 * %(lots)s, 0, 0, 0, 2 * %(history)s + %(lots)s, false FROM accounts_member;

CREATE TEMPORARY TABLE plan ON COMMIT DROP AS
SELECT n, n > 2 * %(history)s AS stays, n > 2 * %(history)s OR mod(n, 2) = 1 AS earns, now() - (2 * %(history)s + %(lots)s - n + 2) * interval '1 day' AS at,
       date_trunc('day', now()) + CASE WHEN n > 2 * %(history)s + %(due)s THEN interval '30 days' + (n - 2 * %(history)s) * interval '10 days'
                                       ELSE interval '0' END AS expires_at
  FROM generate_series(1, 2 * %(history)s + %(lots)s) n;

INSERT INTO points_entry (id, member_id, seq, kind, points, available_change, held_change, pending_change, debt_change, balance_after, waived,
                          expires_at, key, digest, subject, actor, reason, occurred_at, recorded_at)
SELECT uuidv7(), m.id, p.n, CASE WHEN p.earns THEN 'earn' ELSE 'spend' END, 100, CASE WHEN p.earns THEN 100 ELSE -100 END, 0, 0, 0,
       CASE WHEN p.stays THEN 100 * (p.n - 2 * %(history)s) WHEN p.earns THEN 100 ELSE 0 END, 0,
       CASE WHEN p.earns THEN p.expires_at END, 'seed/' || p.n, '', '', 'bench', '', p.at, p.at
  FROM plan p, accounts_member m ORDER BY p.n;

INSERT INTO points_lot (id, member_id, entry_id, source, original, remaining, held, is_open, is_pending, earned_at, available_at, expires_at, terms, cost_centre)
SELECT uuidv7(), e.member_id, e.id, 'purchase', 100, CASE WHEN p.stays THEN 100 ELSE 0 END, 0, p.stays, false, p.at, p.at, p.expires_at, 'months:12', ''
  FROM points_entry e JOIN plan p ON p.n = e.seq AND p.earns;

INSERT INTO points_allocation (member_id, entry_id, lot_id, points, held)
SELECT spent.member_id, spent.id, l.id, 100, 0
  FROM points_entry spent JOIN points_entry earned ON earned.member_id = spent.member_id AND earned.seq = spent.seq - 1
  JOIN points_lot l ON l.member_id = earned.member_id AND l.entry_id = earned.id
 WHERE spent.kind = 'spend';
