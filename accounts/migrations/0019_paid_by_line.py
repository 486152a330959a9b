from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0018_member_life")]

    operations = [
        migrations.AddField(
            model_name="purchaseline",
            name="paid_cents",
            field=models.BigIntegerField(
                blank=True,
                help_text="What of the line was paid in money, where points or coupons of ours paid part of the order; else its share by the amounts.",
                null=True,
                verbose_name="paid in money",
            ),
        ),
    ]
