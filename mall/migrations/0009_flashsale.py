from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("mall", "0008_redemption_queue")]

    operations = []
