from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("tiers", "0002_standing_of")]

    operations = []
