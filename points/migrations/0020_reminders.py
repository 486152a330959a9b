from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("points", "0019_postponed")]

    operations = []
