import django.core.validators
import django.db.models.deletion
import loyalty.lib.ids
import pgtrigger.compiler
import pgtrigger.migrations
import simple_history.models
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('accounts', '0001_initial'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='HistoricalTier',
            fields=[
                ('code', models.SlugField(help_text='By which earning rules name this tier, like gold. It cannot change later.', max_length=40, validators=[django.core.validators.RegexValidator('^[a-z][a-z0-9_-]*\\Z', 'Write small letters, digits, hyphens and underscores, a letter first.')], verbose_name='code')),
                ('name_zh', models.CharField(help_text='As members read it: 金卡会员 …', max_length=30, verbose_name='name, Chinese')),
                ('name_en', models.CharField(max_length=30, verbose_name='name, English')),
                ('rank', models.PositiveSmallIntegerField(db_index=True, help_text='Higher is better. Leave room between tiers (10, 20, 30), so that another one fits in later.', verbose_name='rank')),
                ('multiplier_bps', models.PositiveIntegerField(default=10000, validators=[django.core.validators.MinValueValidator(1000), django.core.validators.MaxValueValidator(1000000)], verbose_name='multiplier')),
                ('colour', models.CharField(default='#8a8f98', help_text="Of the member's card, for the storefront to use.", max_length=7, validators=[django.core.validators.RegexValidator('^#[0-9a-f]{6}\\Z', 'Write a colour like #c9a227.')], verbose_name='colour')),
                ('active', models.BooleanField(default=True, help_text='Off: nobody is put into this tier any more. Members in it count as in the next lower active tier, or the lowest one where there is none below, and are back in this one as soon as it is active again.', verbose_name='in use')),
                ('history_id', models.AutoField(primary_key=True, serialize=False)),
                ('history_date', models.DateTimeField(db_index=True)),
                ('history_change_reason', models.CharField(max_length=100, null=True)),
                ('history_type', models.CharField(choices=[('+', 'Created'), ('~', 'Changed'), ('-', 'Deleted')], max_length=1)),
                ('history_user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name': 'historical tier',
                'verbose_name_plural': 'historical tier ladder',
                'ordering': ('-history_date', '-history_id'),
                'get_latest_by': ('history_date', 'history_id'),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name='Tier',
            fields=[
                ('code', models.SlugField(help_text='By which earning rules name this tier, like gold. It cannot change later.', max_length=40, primary_key=True, serialize=False, validators=[django.core.validators.RegexValidator('^[a-z][a-z0-9_-]*\\Z', 'Write small letters, digits, hyphens and underscores, a letter first.')], verbose_name='code')),
                ('name_zh', models.CharField(help_text='As members read it: 金卡会员 …', max_length=30, verbose_name='name, Chinese')),
                ('name_en', models.CharField(max_length=30, verbose_name='name, English')),
                ('rank', models.PositiveSmallIntegerField(help_text='Higher is better. Leave room between tiers (10, 20, 30), so that another one fits in later.', unique=True, verbose_name='rank')),
                ('multiplier_bps', models.PositiveIntegerField(default=10000, validators=[django.core.validators.MinValueValidator(1000), django.core.validators.MaxValueValidator(1000000)], verbose_name='multiplier')),
                ('colour', models.CharField(default='#8a8f98', help_text="Of the member's card, for the storefront to use.", max_length=7, validators=[django.core.validators.RegexValidator('^#[0-9a-f]{6}\\Z', 'Write a colour like #c9a227.')], verbose_name='colour')),
                ('active', models.BooleanField(default=True, help_text='Off: nobody is put into this tier any more. Members in it count as in the next lower active tier, or the lowest one where there is none below, and are back in this one as soon as it is active again.', verbose_name='in use')),
            ],
            options={
                'verbose_name': 'tier',
                'verbose_name_plural': 'tier ladder',
                'ordering': ['rank'],
                'constraints': [models.CheckConstraint(condition=models.Q(('multiplier_bps__gte', 1000), ('multiplier_bps__lte', 1000000)), name='tier_multiplier_in_range'), models.CheckConstraint(condition=models.Q(('code', ''), _negated=True), name='tier_has_a_code')],
            },
        ),
        migrations.CreateModel(
            name='Standing',
            fields=[
                ('id', models.UUIDField(default=loyalty.lib.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('since', models.DateTimeField(verbose_name='since')),
                ('until', models.DateTimeField(blank=True, help_text='From then on the member is in the lowest tier. Empty: no end.', null=True, verbose_name='until')),
                ('set_by', models.CharField(max_length=100, verbose_name='set by')),
                ('reason', models.CharField(max_length=300, verbose_name='reason')),
                ('member', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.member', verbose_name='member')),
                ('tier', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tiers.tier', verbose_name='tier')),
            ],
            options={
                'verbose_name': "member's tier",
                'verbose_name_plural': "members' tiers",
                'indexes': [models.Index(condition=models.Q(('until__isnull', False)), fields=['until'], name='standing_lapsing')],
                'constraints': [models.UniqueConstraint(fields=('member',), name='standing_one_per_member'), models.CheckConstraint(condition=models.Q(('until', None), ('until__gt', models.F('since')), _connector='OR'), name='standing_ends_after_it_begins')],
            },
        ),
        migrations.CreateModel(
            name='StandingChange',
            fields=[
                ('id', models.UUIDField(default=loyalty.lib.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('at', models.DateTimeField(verbose_name='when')),
                ('until', models.DateTimeField(blank=True, null=True, verbose_name='until')),
                ('actor', models.CharField(max_length=100, verbose_name='by')),
                ('reason', models.CharField(blank=True, max_length=300, verbose_name='reason')),
                ('member', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.member', verbose_name='member')),
                ('before', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tiers.tier', verbose_name='before')),
                ('tier', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tiers.tier', verbose_name='tier')),
            ],
            options={
                'verbose_name': 'change of tier',
                'verbose_name_plural': 'changes of tier',
                'ordering': ['-id'],
                'indexes': [models.Index(fields=['member', '-id'], name='standing_change_of_member')],
            },
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='standingchange',
            trigger=pgtrigger.compiler.Trigger(name='standing_change_stays', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='f500220d034ea133451ee75f539ba3903880adb0', operation='UPDATE OR DELETE', pgid='pgtrigger_standing_change_stays_204d1', table='tiers_standingchange', when='BEFORE')),
        ),
    ]
