import django.db.models.deletion
import loyalty.lib.ids
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [("accounts", "0006_behaviours"), ("points", "0008_rulebook")]

    operations = [
        migrations.CreateModel(
            name='Decision',
            fields=[
                ('id', models.UUIDField(default=loyalty.lib.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('fact', models.CharField(max_length=40, verbose_name='kind of fact')),
                ('subject', models.CharField(help_text='The fact: its kind and the id that it came with.', max_length=200, verbose_name='about')),
                ('occurred_at', models.DateTimeField(verbose_name='happened')),
                ('decided_at', models.DateTimeField(verbose_name='decided')),
                ('points', models.BigIntegerField(help_text='What was granted or offered.', verbose_name='points')),
                ('taken_back', models.BigIntegerField(default=0, verbose_name='taken back')),
                ('screened', models.CharField(blank=True, max_length=40, verbose_name='refused by risk control')),
                ('given', models.JSONField(default=dict, editable=False)),
                ('trace', models.JSONField(editable=False, null=True)),
                ('member', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.member', verbose_name='member')),
            ],
            options={
                'verbose_name': 'decision',
                'verbose_name_plural': 'decisions',
                'ordering': ['-decided_at', '-id'],
                'indexes': [models.Index(fields=['member', '-decided_at', '-id'], name='decision_newest')],
                'constraints': [models.UniqueConstraint(fields=('member', 'subject'), name='decision_once'), models.CheckConstraint(condition=models.Q(('taken_back__gte', 0), ('taken_back__lte', models.F('points'))), name='decision_takes_back_at_most_what_it_gave')],
            },
        ),
        migrations.CreateModel(
            name='Grant',
            fields=[
                ('id', models.UUIDField(default=loyalty.lib.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('status', models.CharField(choices=[('granted', 'granted'), ('offered', 'waiting to be claimed'), ('lapsed', 'not claimed in time'), ('withdrawn', 'withdrawn')], max_length=10, verbose_name='status')),
                ('points', models.BigIntegerField(verbose_name='points')),
                ('taken_back', models.BigIntegerField(default=0, verbose_name='taken back')),
                ('claim_until', models.DateTimeField(blank=True, null=True, verbose_name='to be claimed until')),
                ('decision', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='grants', to='points.decision', verbose_name='decision')),
                ('entry', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='points.entry', verbose_name='entry')),
                ('member', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.member', verbose_name='member')),
                ('rule_version', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='points.ruleversion', verbose_name='rule version')),
            ],
            options={
                'verbose_name': 'grant',
                'verbose_name_plural': 'grants',
                'ordering': ['-id'],
                'indexes': [models.Index(condition=models.Q(('entry__isnull', False)), fields=['member', 'entry'], name='grant_by_entry'), models.Index(condition=models.Q(('status', 'offered')), fields=['claim_until'], name='grant_offered')],
                'constraints': [models.UniqueConstraint(fields=('member', 'decision', 'rule_version'), name='grant_once'), models.CheckConstraint(condition=models.Q(('points__gt', 0), ('taken_back__gte', 0), ('taken_back__lte', models.F('points'))), name='grant_takes_back_at_most_what_it_gave')],
            },
        ),
        migrations.CreateModel(
            name='MemberUse',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('counter', models.CharField(max_length=100)),
                ('starts', models.DateField()),
                ('points', models.BigIntegerField(default=0)),
                ('times', models.BigIntegerField(default=0)),
                ('member', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.member', verbose_name='member')),
            ],
            options={
                'verbose_name': 'use of limits',
                'verbose_name_plural': 'use of limits',
                'constraints': [models.UniqueConstraint(fields=('member', 'starts', 'counter'), name='member_use_once'), models.CheckConstraint(condition=models.Q(('points__gte', 0), ('times__gte', 0)), name='member_use_not_below_zero')],
            },
        ),
    ]
