from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("mall", "0018_tickets_by_sale"),
    ]

    operations = [
        migrations.AddField(
            model_name="picture",
            name="unused_since",
            field=models.DateTimeField(
                help_text="As the nightly job found it; empty: it is shown, or was just uploaded.", null=True, verbose_name="shown by nothing since"
            ),
        ),
    ]
