from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("mall", "0023_history_of_pictures"),
    ]

    operations = [
        migrations.AlterField(
            model_name="code",
            name="handed_at",
            field=models.DateTimeField(blank=True, null=True, verbose_name="handed out on"),
        ),
        migrations.AlterField(
            model_name="code",
            name="voided_at",
            field=models.DateTimeField(blank=True, null=True, verbose_name="voided on"),
        ),
        migrations.AlterField(
            model_name="codeimport",
            name="withdrawn_at",
            field=models.DateTimeField(blank=True, null=True, verbose_name="withdrawn on"),
        ),
        migrations.AlterField(
            model_name="coupon",
            name="issued_at",
            field=models.DateTimeField(verbose_name="issued on"),
        ),
        migrations.AlterField(
            model_name="couponbatch",
            name="withdrawn_at",
            field=models.DateTimeField(null=True, verbose_name="withdrawn on"),
        ),
        migrations.AlterField(
            model_name="flashsale",
            name="called_off_at",
            field=models.DateTimeField(blank=True, editable=False, null=True, verbose_name="called off on"),
        ),
        migrations.AlterField(
            model_name="historicalflashsale",
            name="called_off_at",
            field=models.DateTimeField(blank=True, editable=False, null=True, verbose_name="called off on"),
        ),
        migrations.AlterField(
            model_name="markdown",
            name="proposed_at",
            field=models.DateTimeField(verbose_name="proposed on"),
        ),
        migrations.AlterField(
            model_name="privilege",
            name="ended_at",
            field=models.DateTimeField(blank=True, null=True, verbose_name="ended on"),
        ),
        migrations.AlterField(
            model_name="privilege",
            name="granted_at",
            field=models.DateTimeField(verbose_name="granted on"),
        ),
        migrations.AlterField(
            model_name="revivaluse",
            name="used_at",
            field=models.DateTimeField(verbose_name="used at"),
        ),
        migrations.AlterField(
            model_name="settlement",
            name="delivered_at",
            field=models.DateTimeField(null=True, verbose_name="delivered on"),
        ),
    ]
