-- So many members with so many open lots of 100 points, the first `due` of which expired together last midnight; and member 0, whose
-- points have no end.

INSERT INTO account (member, available, entries) SELECT m, 100 * %(lots)s, %(lots)s FROM generate_series(1, %(members)s) m;
INSERT INTO lot (member, number, expires_at, original, remaining)
SELECT m, n, date_trunc('day', now()) + CASE WHEN n > %(due)s THEN interval '30 days' + n * interval '10 days' ELSE interval '0' END, 100, 100
  FROM generate_series(1, %(lots)s) n, generate_series(1, %(members)s) m;
INSERT INTO entry (member, number, kind, change, balance, key, at)
SELECT m, n, 1, 100, 100 * n, gen_random_uuid(), now() - (%(lots)s - n + 2) * interval '1 day'
  FROM generate_series(1, %(lots)s) n, generate_series(1, %(members)s) m;

INSERT INTO account VALUES (0, 1e12, 0, 1);
INSERT INTO lot VALUES (0, 1, now() + interval '1 year', 1e12, 1e12);
INSERT INTO entry VALUES (0, 1, 1, 1e12, 1e12, gen_random_uuid());
