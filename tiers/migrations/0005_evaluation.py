from django.db import migrations

# Asked with every decision: the server keeps the plan, and planning takes longer than looking. A term goes on until it is decided on;
# what was set by hand until a time is over at it.
STANDING_OF = """
CREATE FUNCTION tiers_standing_of(
    of_member uuid, moment timestamptz, OUT tier text, OUT since timestamptz, OUT until timestamptz, OUT sprint boolean)
LANGUAGE plpgsql STABLE AS $$
BEGIN
    SELECT s.tier_id, s.since, s.until, coalesce(s.sprint_from <= moment AND s.until > moment, false) INTO tier, since, until, sprint
      FROM tiers_standing s WHERE s.member_id = of_member AND (NOT s.by_hand OR s.until IS NULL OR s.until > moment);
END $$"""

STANDING_OF_BEFORE = """
CREATE FUNCTION tiers_standing_of(of_member uuid, moment timestamptz, OUT tier text, OUT since timestamptz, OUT until timestamptz)
LANGUAGE plpgsql STABLE AS $$
BEGIN
    SELECT s.tier_id, s.since, s.until INTO tier, since, until
      FROM tiers_standing s WHERE s.member_id = of_member AND (s.until IS NULL OR s.until > moment);
END $$"""

# The first line of a subject, and what it makes of the member, in one round trip: a purchase asks no more than this. The standing is locked,
# so that no term ends on figures from before this line. Growth and rate come twice: as they are, and as in a sprint.
GROW = """
CREATE FUNCTION tiers_grow(
    of_member uuid, entry uuid, of_kind text, of_fact text, of_subject text, happened timestamptz, moment timestamptz,
    cents bigint, counted smallint, plain bigint, plain_rate bigint, hurried bigint, hurried_rate bigint,
    day_from timestamptz, day_until timestamptz, most bigint, hurried_most bigint, counts_from timestamptz, counts_until timestamptz,
    OUT written boolean, OUT tier text, OUT due_at timestamptz, OUT growth bigint, OUT spend bigint, OUT interaction bigint)
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    own tiers_standing%ROWTYPE;
    amount bigint := plain;
    at_rate bigint := plain_rate;
    limited bigint := most;
BEGIN
    SELECT * INTO own FROM tiers_standing s WHERE s.member_id = of_member FOR NO KEY UPDATE;
    IF own.sprint_from <= happened AND happened < own.until THEN
        amount := hurried;
        at_rate := hurried_rate;
        limited := hurried_most;
    END IF;
    IF limited IS NOT NULL THEN
        amount := greatest(0, least(amount, limited - coalesce((
            SELECT sum(e.growth) FROM tiers_growthentry e
             WHERE e.member_id = of_member AND e.occurred_at >= day_from AND e.occurred_at < day_until AND e.fact = of_fact), 0)));
    END IF;
    INSERT INTO tiers_growthentry
           (id, member_id, kind, fact, subject, number, growth, amount_cents, orders, rate, occurred_at, recorded_at, actor, reason)
    VALUES (entry, of_member, of_kind, of_fact, of_subject, 0, amount, cents, counted, at_rate, happened, moment, '', '')
        ON CONFLICT DO NOTHING;
    written := FOUND;
    tier := own.tier_id;
    due_at := own.due_at;
    SELECT coalesce(sum(e.growth), 0), coalesce(sum(e.amount_cents), 0), coalesce(sum(e.growth) FILTER (WHERE e.kind = 'behaviour'), 0)
      INTO growth, spend, interaction
      FROM tiers_growthentry e WHERE e.member_id = of_member AND e.occurred_at >= counts_from AND e.occurred_at < counts_until;
END $$"""

DROP_STANDING_OF = "DROP FUNCTION tiers_standing_of(uuid, timestamptz)"


class Migration(migrations.Migration):
    dependencies = [("tiers", "0004_growth")]

    operations = [
        migrations.RunSQL(f"{DROP_STANDING_OF}; {STANDING_OF}", f"{DROP_STANDING_OF}; {STANDING_OF_BEFORE}"),
        migrations.RunSQL(GROW, "DROP FUNCTION tiers_grow"),
    ]
