from django.db import migrations

# What every act begins with, in one call whose plans the server keeps. Nothing is decided here, and nothing written.
# Each statement sees what was committed when it begins, so what follows the lock is as it is under the lock. The lots come in the
# order in which they are spent, and a cursor stops at the one that fills the need, however many lie behind it. What is due comes first.
LOOK = """
CREATE FUNCTION points_look(
    of_member uuid, act_key text, need bigint, moment timestamptz,
    OUT available bigint, OUT held bigint, OUT pending bigint, OUT debt bigint, OUT last_seq bigint, OUT frozen boolean,
    OUT overdue boolean, OUT answer uuid, OUT digest text,
    OUT lot uuid, OUT lot_remaining bigint, OUT lot_held bigint, OUT lot_expires_at timestamptz, OUT lot_earned_at timestamptz
) RETURNS SETOF record LANGUAGE plpgsql AS $$
DECLARE
    lots CURSOR FOR
        SELECT l.id, l.remaining, l.held, l.expires_at, l.earned_at FROM points_lot l
         WHERE l.member_id = of_member AND l.is_open AND NOT l.is_pending ORDER BY l.expires_at, l.earned_at, l.id;
    missing bigint := need;
BEGIN
    SELECT a.available, a.held, a.pending, a.debt, a.last_seq, a.frozen INTO available, held, pending, debt, last_seq, frozen
      FROM points_account a WHERE a.member_id = of_member FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    overdue := held > 0 AND EXISTS (SELECT FROM points_hold h WHERE h.member_id = of_member AND h.status = 'open' AND h.expires_at <= moment);
    SELECT e.id, e.digest INTO answer, digest FROM points_entry e WHERE e.member_id = of_member AND e.key = act_key;
    FOR one IN lots LOOP
        IF one.expires_at IS NULL OR one.expires_at > moment THEN
            EXIT WHEN missing <= 0;
            missing := missing - one.remaining;
        END IF;
        lot := one.id;
        lot_remaining := one.remaining;
        lot_held := one.held;
        lot_expires_at := one.expires_at;
        lot_earned_at := one.earned_at;
        RETURN NEXT;
    END LOOP;
    IF lot IS NULL THEN
        RETURN NEXT;
    END IF;
END $$"""


class Migration(migrations.Migration):
    dependencies = [("points", "0003_adjustments_and_totals")]

    operations = [migrations.RunSQL(LOOK, "DROP FUNCTION points_look")]
