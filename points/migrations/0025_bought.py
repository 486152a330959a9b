from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('points', '0024_reconciliation'),
    ]

    operations = [
        migrations.AlterField(
            model_name='lot',
            name='source',
            field=models.CharField(choices=[('purchase', 'purchase'), ('behaviour', 'behaviour'), ('campaign', 'campaign'), ('transfer', 'transfer'), ('adjustment', 'adjustment'), ('restored', 'given back'), ('import', 'opening balance'), ('bought', 'bought')], max_length=12, verbose_name='source'),
        ),
    ]
