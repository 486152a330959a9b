from django.db import migrations

# Asked with every decision: the server keeps the plan, and planning takes longer than looking.
STANDING_OF = """
CREATE FUNCTION tiers_standing_of(of_member uuid, moment timestamptz, OUT tier text, OUT since timestamptz, OUT until timestamptz)
LANGUAGE plpgsql STABLE AS $$
BEGIN
    SELECT s.tier_id, s.since, s.until INTO tier, since, until
      FROM tiers_standing s WHERE s.member_id = of_member AND (s.until IS NULL OR s.until > moment);
END $$"""


class Migration(migrations.Migration):
    dependencies = [("tiers", "0001_initial")]

    operations = [migrations.RunSQL(STANDING_OF, "DROP FUNCTION tiers_standing_of")]
