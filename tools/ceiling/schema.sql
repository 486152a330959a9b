-- The least that a ledger of expiring lots can be. One function call books one act; the account's row is the member's lock.

CREATE TABLE account (
    member    bigint PRIMARY KEY,
    available bigint NOT NULL CHECK (available >= 0),
    held      bigint NOT NULL DEFAULT 0 CHECK (held >= 0),
    entries   bigint NOT NULL          -- how many there are: entries are numbered without a gap
) WITH (fillfactor = 50);

CREATE TABLE lot (
    member     bigint NOT NULL,
    number     bigint NOT NULL,        -- of the entry that earned it
    expires_at timestamptz NOT NULL,
    original   bigint NOT NULL CHECK (original > 0),
    remaining  bigint NOT NULL CHECK (remaining BETWEEN 0 AND original),
    is_open    boolean NOT NULL DEFAULT true CHECK (is_open = (remaining > 0)),
    PRIMARY KEY (member, number)
) WITH (fillfactor = 80);
CREATE INDEX lot_in_order ON lot (member, expires_at, number) WHERE is_open;
CREATE INDEX lot_due ON lot (expires_at, member) WHERE is_open;

CREATE TABLE entry (
    member  bigint NOT NULL,
    number  bigint NOT NULL,
    kind    text NOT NULL,
    change  bigint NOT NULL,           -- of what is available
    balance bigint NOT NULL,           -- available afterwards
    key     uuid NOT NULL,
    at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (member, number)
);
CREATE UNIQUE INDEX entry_key ON entry (member, key);

CREATE TABLE allocation (
    member bigint NOT NULL,
    entry  bigint NOT NULL,
    lot    bigint NOT NULL,
    points bigint NOT NULL,            -- taken from the lot
    PRIMARY KEY (member, entry, lot)
);

CREATE TABLE hold (
    member     bigint NOT NULL,
    entry      bigint NOT NULL,
    points     bigint NOT NULL CHECK (points > 0),
    is_open    boolean NOT NULL DEFAULT true,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (member, entry)
);

-- Every function gives the number of its entry, or null: the key was answered before, or there are too few points.

CREATE FUNCTION earn(m bigint, p bigint, until timestamptz, k uuid) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE n bigint; b bigint;
BEGIN
    UPDATE account SET available = available + p, entries = entries + 1
     WHERE member = m AND NOT EXISTS (SELECT FROM entry e WHERE e.member = m AND e.key = k)
    RETURNING entries, available INTO n, b;
    IF NOT FOUND THEN
        INSERT INTO account (member, available, entries) VALUES (m, p, 1) ON CONFLICT DO NOTHING RETURNING entries, available INTO n, b;
        IF NOT FOUND THEN RETURN NULL; END IF;
    END IF;
    INSERT INTO lot (member, number, expires_at, original, remaining) VALUES (m, n, until, p, p);
    INSERT INTO entry (member, number, kind, change, balance, key) VALUES (m, n, 'earn', p, b, k);
    RETURN n;
END $$;

-- The lots are read in a statement after the one that took the lock: one statement for both would see them as they were before a wait.
CREATE FUNCTION take(m bigint, n bigint, p bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE l record; lots bigint[]; points bigint[]; need bigint := p;
BEGIN
    SELECT number, remaining INTO l FROM lot WHERE member = m AND is_open AND expires_at > now() ORDER BY expires_at, number LIMIT 1;
    IF l.remaining >= p THEN
        UPDATE lot SET remaining = remaining - p, is_open = remaining > p WHERE member = m AND number = l.number;
        INSERT INTO allocation VALUES (m, n, l.number, p);
        RETURN;
    END IF;
    FOR l IN SELECT number, remaining FROM lot WHERE member = m AND is_open AND expires_at > now() ORDER BY expires_at, number LOOP
        lots := lots || l.number;
        points := points || least(l.remaining, need);
        need := need - least(l.remaining, need);
        EXIT WHEN need = 0;
    END LOOP;
    IF need > 0 THEN RAISE 'the lots hold fewer points than the account'; END IF;
    UPDATE lot SET remaining = remaining - t.points, is_open = remaining > t.points
      FROM unnest(lots, points) t (lot, points) WHERE member = m AND number = t.lot;
    INSERT INTO allocation SELECT m, n, t.lot, t.points FROM unnest(lots, points) t (lot, points);
END $$;

CREATE FUNCTION spend(m bigint, p bigint, k uuid) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE n bigint; b bigint;
BEGIN
    UPDATE account SET available = available - p, entries = entries + 1
     WHERE member = m AND available >= p AND NOT EXISTS (SELECT FROM entry e WHERE e.member = m AND e.key = k)
    RETURNING entries, available INTO n, b;
    IF NOT FOUND THEN RETURN NULL; END IF;
    PERFORM take(m, n, p);
    INSERT INTO entry (member, number, kind, change, balance, key) VALUES (m, n, 'spend', -p, b, k);
    RETURN n;
END $$;

CREATE FUNCTION hold(m bigint, p bigint, until timestamptz, k uuid) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE n bigint; b bigint;
BEGIN
    UPDATE account SET available = available - p, held = held + p, entries = entries + 1
     WHERE member = m AND available >= p AND NOT EXISTS (SELECT FROM entry e WHERE e.member = m AND e.key = k)
    RETURNING entries, available INTO n, b;
    IF NOT FOUND THEN RETURN NULL; END IF;
    PERFORM take(m, n, p);
    INSERT INTO entry (member, number, kind, change, balance, key) VALUES (m, n, 'hold', -p, b, k);
    INSERT INTO hold (member, entry, points, expires_at) VALUES (m, n, p, until);
    RETURN n;
END $$;

-- What was held has left its lots already; a capture settles the hold and says so.
CREATE FUNCTION capture(m bigint, h bigint, k uuid) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE n bigint; b bigint; p bigint;
BEGIN
    UPDATE account SET held = held - (SELECT points FROM hold WHERE member = m AND entry = h), entries = entries + 1
     WHERE member = m AND NOT EXISTS (SELECT FROM entry e WHERE e.member = m AND e.key = k)
    RETURNING entries, available INTO n, b;
    IF NOT FOUND THEN RETURN NULL; END IF;
    UPDATE hold SET is_open = false WHERE member = m AND entry = h AND is_open AND expires_at > now();
    IF NOT FOUND THEN RAISE 'the hold is settled or past its deadline'; END IF;
    INSERT INTO entry (member, number, kind, change, balance, key) VALUES (m, n, 'capture', 0, b, k);
    RETURN n;
END $$;

-- Books what is due of at most so many members; gives the number of lots.
CREATE FUNCTION sweep(most int) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE members bigint[]; lots bigint;
BEGIN
    SELECT array_agg(member) INTO members FROM (
        SELECT member FROM account
         WHERE member IN (SELECT member FROM lot WHERE is_open AND expires_at <= now() ORDER BY expires_at, member LIMIT most * 8)
         ORDER BY member LIMIT most FOR UPDATE SKIP LOCKED) a;
    WITH gone AS (
        UPDATE lot l SET remaining = 0, is_open = false
          FROM (SELECT member, number, remaining FROM lot WHERE member = ANY (members) AND is_open AND expires_at <= now()) d
         WHERE l.member = d.member AND l.number = d.number
        RETURNING d.member, d.number, d.remaining),
    booked AS (
        UPDATE account a SET available = available - g.points, entries = entries + 1
          FROM (SELECT member, sum(remaining)::bigint AS points FROM gone GROUP BY member) g WHERE a.member = g.member
        RETURNING a.member, a.entries, a.available, g.points),
    entries AS (
        INSERT INTO entry (member, number, kind, change, balance, key)
        SELECT member, entries, 'expire', -points, available, gen_random_uuid() FROM booked),
    allocations AS (
        INSERT INTO allocation SELECT g.member, b.entries, g.number, g.remaining FROM gone g JOIN booked b ON b.member = g.member)
    SELECT count(*) INTO lots FROM gone;
    RETURN lots;
END $$;
