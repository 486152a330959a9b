from django.db import migrations

# Purchases of one instant count in the order in which they are recorded: for the one that is being decided, those that are there.
BOUGHT_BEFORE = """
DROP FUNCTION accounts_bought_before(uuid, timestamptz, text[], timestamptz);
CREATE FUNCTION accounts_bought_before(
    of_member uuid, purchase text, moment timestamptz, categories text[], since timestamptz, OUT category text, OUT purchases bigint, OUT last_at timestamptz
) RETURNS SETOF record LANGUAGE plpgsql STABLE AS $$
BEGIN
    SELECT count(*), max(p.occurred_at) INTO purchases, last_at
      FROM accounts_purchase p WHERE p.member_id = of_member AND p.occurred_at <= moment AND p.external_id <> purchase AND NOT p.refunded;
    RETURN NEXT;
    IF last_at >= since AND categories <> '{}' THEN
        RETURN QUERY
        SELECT l.category::text, NULL::bigint, max(p.occurred_at)
          FROM accounts_purchase p JOIN accounts_purchaseline l ON l.member_id = p.member_id AND l.purchase_id = p.id
         WHERE p.member_id = of_member AND p.occurred_at >= since AND p.occurred_at <= moment AND p.external_id <> purchase AND NOT p.refunded
           AND l.category = ANY (categories)
         GROUP BY l.category;
    END IF;
END $$"""

BEFORE = """
DROP FUNCTION accounts_bought_before(uuid, text, timestamptz, text[], timestamptz);
CREATE FUNCTION accounts_bought_before(
    of_member uuid, moment timestamptz, categories text[], since timestamptz, OUT category text, OUT purchases bigint, OUT last_at timestamptz
) RETURNS SETOF record LANGUAGE plpgsql STABLE AS $$
BEGIN
    SELECT count(*), max(p.occurred_at) INTO purchases, last_at
      FROM accounts_purchase p WHERE p.member_id = of_member AND p.occurred_at < moment AND NOT p.refunded;
    RETURN NEXT;
    IF last_at >= since AND categories <> '{}' THEN
        RETURN QUERY
        SELECT l.category::text, NULL::bigint, max(p.occurred_at)
          FROM accounts_purchase p JOIN accounts_purchaseline l ON l.member_id = p.member_id AND l.purchase_id = p.id
         WHERE p.member_id = of_member AND p.occurred_at >= since AND p.occurred_at < moment AND NOT p.refunded AND l.category = ANY (categories)
         GROUP BY l.category;
    END IF;
END $$"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0013_known")]

    operations = [migrations.RunSQL(BOUGHT_BEFORE, BEFORE)]
