import django.db.models.deletion
import loyalty.lib.ids
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('points', '0023_merging'),
    ]

    operations = [
        migrations.CreateModel(
            name='ReconciliationRound',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('started_at', models.DateTimeField(verbose_name='started')),
                ('finished_at', models.DateTimeField(null=True, verbose_name='finished')),
                ('reached', models.UUIDField(editable=False, null=True)),
                ('accounts', models.PositiveIntegerField(default=0, verbose_name='accounts')),
                ('entries', models.BigIntegerField(default=0, verbose_name='entries')),
                ('found', models.PositiveIntegerField(default=0, verbose_name='members whose books do not balance')),
            ],
            options={
                'verbose_name': 'reconciliation',
                'verbose_name_plural': 'reconciliations',
                'ordering': ['-id'],
            },
        ),
        migrations.CreateModel(
            name='Finding',
            fields=[
                ('id', models.UUIDField(default=loyalty.lib.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('member', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.member', verbose_name='member')),
                ('status', models.CharField(choices=[('open', 'not closed yet'), ('closed', 'closed')], default='open', max_length=10, verbose_name='status')),
                ('found_at', models.DateTimeField(verbose_name='found at')),
                ('seen_at', models.DateTimeField(verbose_name='last seen')),
                ('breaches', models.JSONField(default=list, editable=False)),
                ('breach_count', models.PositiveIntegerField(verbose_name='breaches')),
                ('frozen', models.BooleanField(help_text='No: the account was frozen before, by somebody else. Unknown: it could not be frozen, see the log.', null=True, verbose_name='frozen by it')),
                ('closed_at', models.DateTimeField(null=True, verbose_name='closed at')),
                ('closed_by', models.CharField(blank=True, max_length=100, verbose_name='closed by')),
                ('reason', models.CharField(blank=True, max_length=300, verbose_name='reason')),
            ],
            options={
                'verbose_name': 'breach of the books',
                'verbose_name_plural': 'breaches of the books',
                'ordering': ['-found_at', '-id'],
                'permissions': [('close_finding', 'Can close breaches of the books')],
                'indexes': [models.Index(fields=['-found_at', '-id'], name='finding_newest')],
                'constraints': [models.UniqueConstraint(condition=models.Q(('status', 'open')), fields=('member',), name='finding_one_open_a_member')],
            },
        ),
    ]
