from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("accounts", "0014_bought_before_in_order")]

    operations = []
