import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    """Whoever asks for a merge is always known; every request of a second person has the same columns."""

    dependencies = [("points", "0025_bought"), migrations.swappable_dependency(settings.AUTH_USER_MODEL)]

    operations = [
        migrations.AlterField(
            model_name="merge",
            name="requested_by",
            field=models.ForeignKey(
                db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL, verbose_name="requested by"
            ),
        ),
        migrations.AlterField(
            model_name="merge",
            name="decided_by",
            field=models.ForeignKey(
                blank=True, db_index=False, help_text="The second person; empty where none was needed.", null=True,
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL, verbose_name="decided by",
            ),
        ),
    ]  # fmt: skip
