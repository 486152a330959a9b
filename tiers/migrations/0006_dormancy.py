from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("tiers", "0005_evaluation")]

    operations = []
