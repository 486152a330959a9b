from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("mall", "0006_checkout_bands")]

    operations = []
