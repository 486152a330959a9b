from django.db import migrations

# What prices and limits look at, in one call whose plans the server keeps; with `locking`, under the member's lock, and no row where there is no account
# to lock. Each statement sees what was committed when it begins, so limits are counted as they are once the lock is had.
KNOWN = """
CREATE FUNCTION mall_known(
    of_member uuid, moment timestamptz, today date, of_rewards bigint[], of_sale bigint, act_key text, locking boolean,
    OUT standing json, OUT segments text[], OUT blocked boolean, OUT early integer, OUT earlier uuid, OUT had json
) RETURNS SETOF record LANGUAGE plpgsql AS $$
BEGIN
    IF locking THEN
        PERFORM FROM points_account a WHERE a.member_id = of_member FOR NO KEY UPDATE;
        IF NOT FOUND THEN
            RETURN;
        END IF;
    END IF;
    standing := to_json(tiers_standing_of(of_member, moment));
    segments := accounts_segments_of(of_member);
    blocked := riskcontrol_blocked(of_member, moment);
    early := mall_early_of(of_member, moment);
    SELECT r.id INTO earlier FROM mall_redemption r WHERE r.member_id = of_member AND r.key = act_key;
    IF cardinality(of_rewards) > 0 THEN
        SELECT json_object_agg(b.reward_id, ARRAY[b.in_all, b.in_day]) INTO had FROM (
            SELECT r.reward_id, sum(r.quantity - r.returned) AS in_all, sum(r.quantity - r.returned) FILTER (WHERE r.counted_on = today) AS in_day
              FROM mall_redemption r
             WHERE r.member_id = ANY(ARRAY(SELECT m.id FROM accounts_member m WHERE m.merged_into_id = of_member) || of_member)
               AND r.reward_id = ANY(of_rewards) AND r.status NOT IN ('cancelled', 'lapsed', 'returned')
               AND (r.status <> 'held' OR r.pay_until > moment)
               AND r.sale_id IS NOT DISTINCT FROM of_sale
             GROUP BY r.reward_id) b;
    END IF;
    RETURN NEXT;
END $$"""


class Migration(migrations.Migration):
    dependencies = [
        ("mall", "0019_pictures_unused"),
        ("points", "0026_who_asked"),
        ("tiers", "0009_standing_due"),
        ("riskcontrol", "0003_leaving"),
        ("accounts", "0019_paid_by_line"),
    ]

    operations = [migrations.RunSQL(KNOWN, "DROP FUNCTION mall_known")]
