from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("mall", "0020_known")]

    operations = [
        migrations.AddField(
            model_name="coupon",
            name="with_order",
            field=models.BooleanField(default=False, help_text="It was used in an order that is recorded here.", verbose_name="comes back with its order only"),
        ),
    ]
