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
    kind    smallint NOT NULL,          -- 1 earn, 2 spend, 3 hold, 4 capture, 5 expire
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

-- Every function gives the number of its entry, or null: the key was answered before, or there are too few points. The lots are read in a
-- statement after the one that took the lock: one statement for both would see them as they were before a wait.

CREATE FUNCTION earn(m bigint, p bigint, until timestamptz, k uuid) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE n bigint; b bigint;
BEGIN
    PERFORM FROM entry WHERE member = m AND key = k;
    IF FOUND THEN RETURN NULL; END IF;
    INSERT INTO account AS a (member, available, entries) VALUES (m, p, 1)
        ON CONFLICT (member) DO UPDATE SET available = a.available + p, entries = a.entries + 1
        RETURNING a.entries, a.available INTO n, b;
    INSERT INTO lot (member, number, expires_at, original, remaining) VALUES (m, n, until, p, p);
    INSERT INTO entry (member, number, kind, change, balance, key) VALUES (m, n, 1, p, b, k);
    RETURN n;
END $$;

-- From as many lots as it takes.
CREATE FUNCTION spend(m bigint, p bigint, k uuid) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE n bigint; b bigint; got bigint;
BEGIN
    PERFORM FROM entry WHERE member = m AND key = k;
    IF FOUND THEN RETURN NULL; END IF;
    UPDATE account SET available = available - p, entries = entries + 1 WHERE member = m AND available >= p RETURNING entries, available INTO n, b;
    IF NOT FOUND THEN RETURN NULL; END IF;
    WITH part AS (
        SELECT number, least(remaining, p - before)::bigint AS points
          FROM (SELECT number, remaining, sum(remaining) OVER (ORDER BY expires_at, number) - remaining AS before
                  FROM lot WHERE member = m AND is_open AND expires_at > now()) o
         WHERE before < p),
    lots AS (UPDATE lot SET remaining = remaining - points, is_open = remaining > points FROM part WHERE member = m AND lot.number = part.number),
    allocations AS (INSERT INTO allocation SELECT m, n, number, points FROM part),
    entries AS (INSERT INTO entry (member, number, kind, change, balance, key) VALUES (m, n, 2, -p, b, k))
    SELECT sum(points) INTO got FROM part;
    IF got IS DISTINCT FROM p THEN RAISE 'the lots hold fewer points than the account'; END IF;
    RETURN n;
END $$;

-- The same where the first lot is known to be enough: fewer, simpler statements are faster.
CREATE FUNCTION spend_first(m bigint, p bigint, k uuid) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE n bigint; b bigint; l bigint;
BEGIN
    PERFORM FROM entry WHERE member = m AND key = k;
    IF FOUND THEN RETURN NULL; END IF;
    UPDATE account SET available = available - p, entries = entries + 1 WHERE member = m AND available >= p RETURNING entries, available INTO n, b;
    IF NOT FOUND THEN RETURN NULL; END IF;
    SELECT number INTO l FROM lot WHERE member = m AND is_open AND expires_at > now() ORDER BY expires_at, number LIMIT 1;
    UPDATE lot SET remaining = remaining - p, is_open = remaining > p WHERE member = m AND number = l;
    INSERT INTO allocation VALUES (m, n, l, p);
    INSERT INTO entry (member, number, kind, change, balance, key) VALUES (m, n, 2, -p, b, k);
    RETURN n;
END $$;

CREATE FUNCTION hold(m bigint, p bigint, until timestamptz, k uuid) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE n bigint; b bigint; l bigint;
BEGIN
    PERFORM FROM entry WHERE member = m AND key = k;
    IF FOUND THEN RETURN NULL; END IF;
    UPDATE account SET available = available - p, held = held + p, entries = entries + 1
     WHERE member = m AND available >= p RETURNING entries, available INTO n, b;
    IF NOT FOUND THEN RETURN NULL; END IF;
    SELECT number INTO l FROM lot WHERE member = m AND is_open AND expires_at > now() ORDER BY expires_at, number LIMIT 1;
    UPDATE lot SET remaining = remaining - p, is_open = remaining > p WHERE member = m AND number = l;
    INSERT INTO allocation VALUES (m, n, l, p);
    INSERT INTO entry (member, number, kind, change, balance, key) VALUES (m, n, 3, -p, b, k);
    INSERT INTO hold (member, entry, points, expires_at) VALUES (m, n, p, until);
    RETURN n;
END $$;

-- What was held has left its lots already; a capture settles the hold and says so.
CREATE FUNCTION capture(m bigint, h bigint, k uuid) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE n bigint; b bigint;
BEGIN
    PERFORM FROM entry WHERE member = m AND key = k;
    IF FOUND THEN RETURN NULL; END IF;
    UPDATE account SET held = held - (SELECT points FROM hold WHERE member = m AND entry = h), entries = entries + 1
     WHERE member = m RETURNING entries, available INTO n, b;
    UPDATE hold SET is_open = false WHERE member = m AND entry = h AND is_open AND expires_at > now();
    IF NOT FOUND THEN RAISE 'the hold is settled or past its deadline'; END IF;
    INSERT INTO entry (member, number, kind, change, balance, key) VALUES (m, n, 4, 0, b, k);
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
        SELECT member, entries, 5, -points, available, gen_random_uuid() FROM booked),
    allocations AS (
        INSERT INTO allocation SELECT g.member, b.entries, g.number, g.remaining FROM gone g JOIN booked b ON b.member = g.member)
    SELECT count(*) INTO lots FROM gone;
    RETURN lots;
END $$;
