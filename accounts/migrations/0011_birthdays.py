import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0010_facts_by_time'),
    ]

    operations = [
        migrations.AddIndex(
            model_name='member',
            index=models.Index(django.db.models.functions.datetime.ExtractMonth('birthday'), django.db.models.functions.datetime.ExtractDay('birthday'), name='member_by_birthday'),
        ),
    ]
