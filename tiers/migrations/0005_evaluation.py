from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("tiers", "0004_growth")]

    operations = []
