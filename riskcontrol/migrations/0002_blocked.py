from django.db import migrations

# Asked before points are earned or used: the server keeps the plan, and planning takes longer than looking.
BLOCKED = """
CREATE FUNCTION riskcontrol_blocked(of_member uuid, moment timestamptz) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN EXISTS (SELECT FROM riskcontrol_blocklistentry b WHERE b.member_id = of_member AND b.lifted_at IS NULL AND (b.until IS NULL OR b.until > moment));
END $$"""


class Migration(migrations.Migration):
    dependencies = [("riskcontrol", "0001_initial")]

    operations = [migrations.RunSQL(BLOCKED, "DROP FUNCTION riskcontrol_blocked")]
