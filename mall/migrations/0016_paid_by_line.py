from django.db import migrations

# Orders that were split before their lines could say what of them was paid in money. One without any line above zero says nothing.
TELL_LINES = """
UPDATE accounts_purchaseline l SET paid_cents = (part->>'due_cents')::bigint - (part->>'worth_cents')::bigint
  FROM mall_settlement s CROSS JOIN LATERAL jsonb_array_elements(s.split->'lines') WITH ORDINALITY parts (part, n)
 WHERE s.split IS NOT NULL AND l.member_id = s.member_id AND l.purchase_id = s.purchase_id AND l.position = n - 1 AND l.paid_cents IS NULL
   AND EXISTS (SELECT FROM accounts_purchaseline o WHERE o.member_id = s.member_id AND o.purchase_id = s.purchase_id AND o.amount_cents > 0)"""


class Migration(migrations.Migration):
    dependencies = [("mall", "0015_coupons_reserved"), ("accounts", "0019_paid_by_line")]

    operations = [migrations.RunSQL(TELL_LINES, migrations.RunSQL.noop)]
