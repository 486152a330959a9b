from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0009_events_scope'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='behaviour',
            index=models.Index(fields=['occurred_at', 'id'], name='behaviour_by_time'),
        ),
        migrations.AddIndex(
            model_name='purchase',
            index=models.Index(fields=['occurred_at', 'id'], name='purchase_by_time'),
        ),
    ]
