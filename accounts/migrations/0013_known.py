from django.db import migrations

# What every decision asks of a member, as functions: the server keeps their plans, and planning takes longer than looking.
KNOWN_SINCE = """
CREATE FUNCTION accounts_known_since(of_member uuid, OUT registered_at timestamptz, OUT birthday date) LANGUAGE plpgsql STABLE AS $$
BEGIN
    SELECT m.registered_at, m.birthday INTO registered_at, birthday FROM accounts_member m WHERE m.id = of_member;
END $$"""

SEGMENTS_OF = """
CREATE FUNCTION accounts_segments_of(of_member uuid) RETURNS text[] LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN ARRAY(SELECT s.segment_id FROM accounts_segmentmember s WHERE s.member_id = of_member);
END $$"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0012_bought_before")]

    operations = [
        migrations.RunSQL(KNOWN_SINCE, "DROP FUNCTION accounts_known_since"),
        migrations.RunSQL(SEGMENTS_OF, "DROP FUNCTION accounts_segments_of"),
    ]
