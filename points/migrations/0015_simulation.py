import loyalty.lib.ids
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('points', '0014_proofs'),
    ]

    operations = [
        migrations.CreateModel(
            name='Simulation',
            fields=[
                ('id', models.UUIDField(default=loyalty.lib.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('drafts', models.JSONField(default=list, help_text="Ids of the rule versions that take their rules' place.", verbose_name='versions tried')),
                ('definitions', models.JSONField(default=dict, help_text='What these versions said when it was asked for.', verbose_name='as they stood')),
                ('first', models.DateField(verbose_name='from')),
                ('last', models.DateField(verbose_name='to')),
                ('status', models.CharField(choices=[('waiting', 'waiting'), ('running', 'running'), ('done', 'done'), ('failed', 'failed'), ('cancelled', 'cancelled')], default='waiting', max_length=10, verbose_name='status')),
                ('asked_by', models.CharField(max_length=150, verbose_name='asked by')),
                ('asked_at', models.DateTimeField(verbose_name='asked')),
                ('total', models.BigIntegerField(default=0, verbose_name='facts in all')),
                ('done', models.BigIntegerField(default=0, verbose_name='facts decided')),
                ('cursor', models.JSONField(default=dict, editable=False)),
                ('state', models.BinaryField(null=True)),
                ('seconds', models.FloatField(default=0, verbose_name='seconds of work')),
                ('result', models.JSONField(editable=False, null=True, verbose_name='result')),
                ('finished_at', models.DateTimeField(blank=True, null=True, verbose_name='finished')),
                ('error', models.CharField(blank=True, max_length=500, verbose_name='what went wrong')),
            ],
            options={
                'verbose_name': 'simulation',
                'verbose_name_plural': 'simulations',
                'ordering': ['-id'],
                'indexes': [models.Index(condition=models.Q(('status__in', ['waiting', 'running'])), fields=['asked_at'], name='simulation_open')],
            },
        ),
    ]
