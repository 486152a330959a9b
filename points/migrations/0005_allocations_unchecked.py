import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """Allocations without foreign keys in the database; the model says why."""

    dependencies = [("points", "0004_look")]

    operations = [
        migrations.AlterField(
            model_name="allocation",
            name="entry",
            field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name="allocations", to="points.entry", verbose_name="entry"),
        ),
        migrations.AlterField(
            model_name="allocation",
            name="lot",
            field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="points.lot", verbose_name="lot"),
        ),
        migrations.RunSQL(
            "ALTER TABLE points_allocation DROP CONSTRAINT points_allocation_account",
            "ALTER TABLE points_allocation ADD CONSTRAINT points_allocation_account FOREIGN KEY (member_id) REFERENCES points_account (member_id)",
        ),
    ]
