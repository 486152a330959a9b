from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("mall", "0021_coupon_with_order")]

    operations = [
        migrations.AlterModelOptions(
            name="historicalrentalterms",
            options={
                "get_latest_by": ("history_date", "history_id"),
                "ordering": ("-history_date", "-history_id"),
                "verbose_name": "historical set of rental terms",
                "verbose_name_plural": "historical sets of rental terms",
            },
        ),
        migrations.AlterModelOptions(
            name="rentalterms",
            options={"ordering": ["code"], "verbose_name": "set of rental terms", "verbose_name_plural": "sets of rental terms"},
        ),
        migrations.AlterField(
            model_name="burnpolicy",
            name="threshold",
            field=models.PositiveIntegerField(
                default=0, help_text="An order uses at least so many, or none. 0: no threshold.", verbose_name="fewest points"
            ),
        ),
    ]
