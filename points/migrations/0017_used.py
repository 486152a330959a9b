from django.db import migrations

# Asked with every decision: the server keeps the plan, and planning takes longer than looking. By `counter@first day`: points and times.
USED = """
CREATE FUNCTION points_used(of_member uuid, days date[]) RETURNS json LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT json_object_agg(u.counter || '@' || u.starts, json_build_array(u.points, u.times))
              FROM points_memberuse u WHERE u.member_id = of_member AND u.starts = ANY (days));
END $$"""


class Migration(migrations.Migration):
    # What a decision asks of a member is asked of all these in one statement.
    dependencies = [("points", "0016_explanations_kept"), ("accounts", "0013_known"), ("tiers", "0002_standing_of")]

    operations = [migrations.RunSQL(USED, "DROP FUNCTION points_used")]
