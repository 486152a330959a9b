from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0019_paid_by_line"),
        ("mall", "0017_coupon_issues_withdrawn"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="flashticket",
            index=models.Index(fields=["sale"], name="flash_ticket_by_sale"),
        ),
    ]
