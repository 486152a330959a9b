from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("points", "0018_kept_whole")]

    operations = []
