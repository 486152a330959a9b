import django.db.models.deletion
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
                ('tried', models.JSONField(default=list, verbose_name='versions tried')),
                ('first', models.DateField(verbose_name='first day')),
                ('last', models.DateField(verbose_name='last day')),
                ('status', models.CharField(choices=[('waiting', 'waiting'), ('running', 'running'), ('done', 'done'), ('failed', 'failed'), ('cancelled', 'cancelled')], default='waiting', max_length=10, verbose_name='status')),
                ('asked_by', models.CharField(max_length=150, verbose_name='asked by')),
                ('asked_at', models.DateTimeField(verbose_name='asked')),
                ('total', models.BigIntegerField(default=0, verbose_name='facts in all')),
                ('done', models.BigIntegerField(default=0, verbose_name='facts decided')),
                ('cursor', models.JSONField(default=dict, editable=False)),
                ('state', models.JSONField(default=dict, editable=False)),
                ('seconds', models.FloatField(default=0, verbose_name='seconds of work')),
                ('result', models.JSONField(editable=False, null=True, verbose_name='result')),
                ('finished_at', models.DateTimeField(blank=True, null=True, verbose_name='finished')),
                ('error', models.CharField(blank=True, max_length=500, verbose_name='what went wrong')),
            ],
            options={
                'verbose_name': 'simulation',
                'verbose_name_plural': 'simulations',
                'ordering': ['-id'],
                'indexes': [models.Index(condition=models.Q(('status__in', ['waiting', 'running'])), fields=['asked_at'], name='simulation_open'), models.Index(fields=['finished_at'], name='simulation_finished')],
            },
        ),
        migrations.CreateModel(
            name='SimulatedMember',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('old', models.BigIntegerField(default=0, verbose_name="points by today's rules")),
                ('new', models.BigIntegerField(default=0, verbose_name='points with the change')),
                ('change', models.BigIntegerField(default=0, verbose_name='change')),
                ('state', models.TextField(default='', editable=False)),
                ('due', models.DateTimeField(editable=False, null=True)),
                ('member', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.member', verbose_name='member')),
                ('simulation', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='points.simulation', verbose_name='simulation')),
            ],
            options={
                'verbose_name': 'simulated member',
                'verbose_name_plural': 'simulated members',
                'ordering': ['simulation', '-change', '-id'],
                'indexes': [models.Index(fields=['simulation', 'change'], name='simulated_member_change'), models.Index(condition=models.Q(('due__isnull', False)), fields=['simulation', 'due'], name='simulated_member_due')],
                'constraints': [models.UniqueConstraint(fields=('simulation', 'member'), name='simulated_member_once')],
            },
        ),
    ]
