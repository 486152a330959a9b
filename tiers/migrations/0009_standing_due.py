from django.db import migrations

# `due`: whether a term, or a time set by hand, is over and was not decided on yet, so that whoever decides by the tier has it decided first.
STANDING_OF = """
CREATE FUNCTION tiers_standing_of(
    of_member uuid, moment timestamptz, OUT tier text, OUT since timestamptz, OUT until timestamptz, OUT sprint boolean, OUT due boolean)
LANGUAGE plpgsql STABLE AS $$
DECLARE
    own tiers_standing%ROWTYPE;
BEGIN
    SELECT * INTO own FROM tiers_standing s WHERE s.member_id = of_member;
    due := coalesce(own.due_at <= moment, false);
    sprint := false;
    IF NOT own.by_hand OR own.until IS NULL OR own.until > moment THEN
        tier := own.tier_id;
        since := own.since;
        until := own.until;
        sprint := coalesce(own.sprint_from <= moment AND own.until > moment, false);
    END IF;
END $$"""

STANDING_OF_BEFORE = """
CREATE FUNCTION tiers_standing_of(
    of_member uuid, moment timestamptz, OUT tier text, OUT since timestamptz, OUT until timestamptz, OUT sprint boolean)
LANGUAGE plpgsql STABLE AS $$
BEGIN
    SELECT s.tier_id, s.since, s.until, coalesce(s.sprint_from <= moment AND s.until > moment, false) INTO tier, since, until, sprint
      FROM tiers_standing s WHERE s.member_id = of_member AND (NOT s.by_hand OR s.until IS NULL OR s.until > moment);
END $$"""

DROP_STANDING_OF = "DROP FUNCTION tiers_standing_of(uuid, timestamptz)"


class Migration(migrations.Migration):
    dependencies = [("tiers", "0008_redaction")]

    operations = [migrations.RunSQL(f"{DROP_STANDING_OF}; {STANDING_OF}", f"{DROP_STANDING_OF}; {STANDING_OF_BEFORE}")]
