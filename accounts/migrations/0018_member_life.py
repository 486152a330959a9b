from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("accounts", "0017_kinds_of_tiers")]

    operations = []
