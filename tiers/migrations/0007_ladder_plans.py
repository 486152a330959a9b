import django.db.models.deletion
import loyalty.lib.ids
import simple_history.models
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('tiers', '0006_dormancy'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='LadderPlanSettings',
            fields=[
                ('id', models.SmallAutoField(primary_key=True, serialize=False)),
                ('second_person', models.BooleanField(default=False, help_text='Whoever had a hand in a plan may then not apply it; superusers neither.', verbose_name='a second person applies plans')),
            ],
            options={
                'verbose_name': 'settings of ladder plans',
                'verbose_name_plural': 'settings of ladder plans',
            },
        ),
        migrations.CreateModel(
            name='HistoricalLadderPlanSettings',
            fields=[
                ('id', models.IntegerField(blank=True, db_index=True)),
                ('second_person', models.BooleanField(default=False, help_text='Whoever had a hand in a plan may then not apply it; superusers neither.', verbose_name='a second person applies plans')),
                ('history_id', models.AutoField(primary_key=True, serialize=False)),
                ('history_date', models.DateTimeField(db_index=True)),
                ('history_change_reason', models.CharField(max_length=100, null=True)),
                ('history_type', models.CharField(choices=[('+', 'Created'), ('~', 'Changed'), ('-', 'Deleted')], max_length=1)),
                ('history_user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name': 'historical settings of ladder plans',
                'verbose_name_plural': 'historical settings of ladder plans',
                'ordering': ('-history_date', '-history_id'),
                'get_latest_by': ('history_date', 'history_id'),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name='LadderPlan',
            fields=[
                ('id', models.UUIDField(default=loyalty.lib.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('purpose', models.CharField(help_text='Why the ladder changes. It is kept for good, and a second person reads it first.', max_length=200, verbose_name='what for')),
                ('thresholds', models.JSONField(default=dict, verbose_name='thresholds')),
                ('policy', models.JSONField(default=dict, verbose_name='evaluation')),
                ('status', models.CharField(choices=[('draft', 'draft'), ('counting', 'being counted'), ('counted', 'counted, to be applied'), ('applied', 'applied'), ('discarded', 'discarded')], default='draft', max_length=10, verbose_name='status')),
                ('authors', models.JSONField(default=list, verbose_name='authors')),
                ('made_at', models.DateTimeField(verbose_name='made')),
                ('basis', models.CharField(blank=True, editable=False, max_length=32)),
                ('cursor', models.UUIDField(editable=False, null=True)),
                ('total', models.BigIntegerField(default=0, verbose_name='members in all')),
                ('done', models.BigIntegerField(default=0, verbose_name='members counted')),
                ('counted', models.JSONField(default=dict, verbose_name='who would move')),
                ('counted_at', models.DateTimeField(blank=True, null=True, verbose_name='counted at')),
                ('error', models.CharField(blank=True, max_length=500, verbose_name='what went wrong')),
                ('before', models.JSONField(editable=False, null=True)),
                ('applied_by', models.CharField(blank=True, max_length=150, verbose_name='applied by')),
                ('applied_at', models.DateTimeField(blank=True, null=True, verbose_name='applied at')),
                ('lift_after', models.UUIDField(editable=False, null=True)),
                ('lifted', models.BigIntegerField(default=0, verbose_name='members lifted')),
                ('lifted_at', models.DateTimeField(blank=True, null=True, verbose_name='all lifted')),
                ('discarded_by', models.CharField(blank=True, max_length=150, verbose_name='discarded by')),
                ('discarded_at', models.DateTimeField(blank=True, null=True, verbose_name='discarded at')),
                ('discard_reason', models.CharField(blank=True, max_length=300, verbose_name='why discarded')),
            ],
            options={
                'verbose_name': 'ladder plan',
                'verbose_name_plural': 'ladder plans',
                'ordering': ['-id'],
                'permissions': [('apply_ladderplan', 'Can apply ladder plans')],
                'indexes': [models.Index(condition=models.Q(('status', 'counting')), fields=['made_at'], name='ladder_plan_counting'), models.Index(condition=models.Q(('lifted_at', None), ('status', 'applied')), fields=['applied_at'], name='ladder_plan_lifting')],
            },
        ),
    ]
