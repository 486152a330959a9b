from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("mall", "0014_shipping"),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="coupon",
            name="coupon_withdrawn_says_why",
        ),
        migrations.AlterField(
            model_name="coupon",
            name="status",
            field=models.CharField(
                choices=[("reserved", "waits for payment"), ("available", "available"), ("used", "used"), ("withdrawn", "withdrawn")],
                default="available",
                max_length=9,
                verbose_name="status",
            ),
        ),
        migrations.AddConstraint(
            model_name="coupon",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("status", "withdrawn"), models.Q(("withdrawn_for", ""), _negated=True)),
                    models.Q(("status__in", ["reserved", "available"]), ("withdrawn_for", "")),
                    ("status", "used"),
                    _connector="OR",
                ),
                name="coupon_withdrawn_says_why",
            ),
        ),
    ]
