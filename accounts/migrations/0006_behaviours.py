from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("accounts", "0005_found_by_phone_and_email")]

    operations = []
