import django.core.validators
import django.db.models.deletion
import loyalty.lib.ids
import pgtrigger.compiler
import pgtrigger.migrations
import simple_history.models
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0006_behaviours'),
        ('tiers', '0003_benefits'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='CutPoints',
            fields=[
                ('day', models.DateField(primary_key=True, serialize=False, verbose_name='day')),
                ('computed_at', models.DateTimeField(verbose_name='computed')),
                ('members', models.BigIntegerField(verbose_name='members who ever bought')),
                ('recency', models.JSONField(verbose_name='days since the last order')),
                ('frequency', models.JSONField(verbose_name='orders')),
                ('monetary', models.JSONField(verbose_name='spend')),
                ('lifetime', models.JSONField(verbose_name='lifetime value')),
            ],
            options={
                'verbose_name': 'quintiles of a day',
                'verbose_name_plural': 'quintiles',
                'ordering': ['-day'],
            },
        ),
        migrations.CreateModel(
            name='Evaluation',
            fields=[
                ('id', models.UUIDField(default=loyalty.lib.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('at', models.DateTimeField(verbose_name='when')),
                ('outcome', models.CharField(choices=[('reached', 'reached'), ('kept', 'kept'), ('fell', 'fell'), ('undone', 'undone'), ('time', 'time over')], max_length=10, verbose_name='outcome')),
                ('figure', models.BigIntegerField(verbose_name='figure')),
                ('threshold', models.BigIntegerField(help_text='Of the tier that was reached, kept, or missed.', verbose_name='threshold')),
                ('since', models.DateTimeField(verbose_name='counted from')),
                ('until', models.DateTimeField(verbose_name='counted to')),
                ('figures', models.JSONField(verbose_name='figures')),
                ('how', models.JSONField(verbose_name='reckoned by')),
                ('left', models.JSONField(blank=True, editable=False, null=True)),
                ('before', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tiers.tier', verbose_name='before')),
                ('change', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tiers.standingchange', verbose_name='change')),
                ('member', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.member', verbose_name='member')),
                ('tier', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tiers.tier', verbose_name='tier')),
            ],
            options={
                'verbose_name': 'evaluation',
                'verbose_name_plural': 'evaluations',
                'ordering': ['-id'],
                'indexes': [models.Index(fields=['member', '-id'], name='evaluation_of_member')],
            },
        ),
        migrations.CreateModel(
            name='EvaluationPolicy',
            fields=[
                ('id', models.SmallAutoField(primary_key=True, serialize=False)),
                ('mode', models.CharField(choices=[('growth', 'growth in the term'), ('spend', 'spend in the term'), ('two_dimensions', 'spend and interaction'), ('rfm_ltv', 'recency, frequency, spend and lifetime value')], default='growth', help_text='Each comes to one figure, which is compared with the thresholds of the tiers.', max_length=20, verbose_name='what decides')),
                ('term_kind', models.CharField(choices=[('months', 'months from the day on which it is reached'), ('calendar_year', 'to the end of the calendar year')], default='months', max_length=20, verbose_name='term')),
                ('term_months', models.PositiveSmallIntegerField(default=12, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(120)], verbose_name='months')),
                ('term_years', models.PositiveSmallIntegerField(default=0, help_text='Of calendar years: 0 is to the end of the year in which the tier is reached, 1 to the end of the next.', validators=[django.core.validators.MaxValueValidator(10)], verbose_name='further years')),
                ('at_end', models.CharField(choices=[('fall_to_figures', 'fall to where the figures say'), ('one_step', 'fall one step')], default='fall_to_figures', max_length=20, verbose_name='who does not keep the tier')),
                ('grace_days', models.PositiveSmallIntegerField(default=0, help_text='So many days after the end of a term a member can still keep the tier: what grows in them counts for the old term, too.', validators=[django.core.validators.MaxValueValidator(366)], verbose_name='days of grace')),
                ('spend_weight', models.PositiveSmallIntegerField(default=60, validators=[django.core.validators.MaxValueValidator(100)], verbose_name='weight of spend')),
                ('interaction_weight', models.PositiveSmallIntegerField(default=40, validators=[django.core.validators.MaxValueValidator(100)], verbose_name='weight of interaction')),
                ('spend_full_cents', models.BigIntegerField(default=1000000, help_text='In the smallest unit of the currency (cents). Spending this, or more, is 100 %; less is in proportion.', validators=[django.core.validators.MinValueValidator(1)], verbose_name='spend for all of its share')),
                ('interaction_full', models.PositiveIntegerField(default=1000, help_text='The growth of behaviours that is 100 %; less is in proportion.', validators=[django.core.validators.MinValueValidator(1)], verbose_name='interaction for all of its share')),
                ('recency_weight', models.PositiveSmallIntegerField(default=25, validators=[django.core.validators.MaxValueValidator(100)], verbose_name='weight of recency')),
                ('frequency_weight', models.PositiveSmallIntegerField(default=25, validators=[django.core.validators.MaxValueValidator(100)], verbose_name='weight of frequency')),
                ('monetary_weight', models.PositiveSmallIntegerField(default=25, validators=[django.core.validators.MaxValueValidator(100)], verbose_name='weight of spend')),
                ('lifetime_weight', models.PositiveSmallIntegerField(default=25, validators=[django.core.validators.MaxValueValidator(100)], verbose_name='weight of lifetime value')),
                ('sprint_days', models.PositiveSmallIntegerField(default=30, help_text='In these days growth is multiplied, and the member is told what is missing. 0: no sprint. Holds for terms that begin from now on.', validators=[django.core.validators.MaxValueValidator(366)], verbose_name='last days of a term')),
                ('sprint_bps', models.PositiveIntegerField(default=20000, validators=[django.core.validators.MinValueValidator(10000), django.core.validators.MaxValueValidator(1000000)], verbose_name='growth in the sprint')),
            ],
            options={
                'verbose_name': 'evaluation of members',
                'verbose_name_plural': 'evaluation of members',
            },
        ),
        migrations.CreateModel(
            name='GrowthEntry',
            fields=[
                ('id', models.UUIDField(default=loyalty.lib.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('kind', models.CharField(choices=[('purchase', 'purchase'), ('behaviour', 'behaviour'), ('adjustment', 'adjustment by hand')], max_length=10, verbose_name='kind')),
                ('fact', models.CharField(blank=True, max_length=40, verbose_name='kind of fact')),
                ('subject', models.CharField(max_length=200, verbose_name='about')),
                ('number', models.PositiveIntegerField(default=0, verbose_name='line')),
                ('growth', models.BigIntegerField(verbose_name='growth')),
                ('amount_cents', models.BigIntegerField(default=0, verbose_name='paid for goods')),
                ('orders', models.SmallIntegerField(default=0, verbose_name='orders')),
                ('rate', models.BigIntegerField(default=0, verbose_name='rate')),
                ('occurred_at', models.DateTimeField(verbose_name='happened at')),
                ('recorded_at', models.DateTimeField(verbose_name='recorded')),
                ('actor', models.CharField(blank=True, max_length=100, verbose_name='by')),
                ('reason', models.CharField(blank=True, max_length=300, verbose_name='reason')),
                ('member', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.member', verbose_name='member')),
            ],
            options={
                'verbose_name': 'growth entry',
                'verbose_name_plural': 'growth entries',
                'ordering': ['-id'],
                'indexes': [models.Index(fields=['member', 'occurred_at'], include=('growth', 'amount_cents', 'orders', 'kind'), name='growth_entry_figures'), models.Index(fields=['member', '-id'], name='growth_entry_newest')],
                'constraints': [models.UniqueConstraint(fields=('member', 'subject', 'number'), name='growth_entry_once'), models.CheckConstraint(condition=models.Q(('orders__in', [-1, 0, 1])), name='growth_entry_counts_an_order_once')],
            },
        ),
        migrations.CreateModel(
            name='GrowthRate',
            fields=[
                ('kind', models.OneToOneField(help_text='What members do. Purchases have a rate of their own.', on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='+', serialize=False, to='accounts.factkind', verbose_name='kind of fact')),
                ('growth', models.PositiveIntegerField(validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(1000000)], verbose_name='growth each time')),
                ('most_a_day', models.PositiveIntegerField(blank=True, help_text='Growth of this kind on one day. Empty: no limit.', null=True, validators=[django.core.validators.MinValueValidator(1)], verbose_name='at most a day')),
                ('active', models.BooleanField(default=True, help_text='Off: it brings no growth from now on. What has grown stays.', verbose_name='in use')),
            ],
            options={
                'verbose_name': 'growth of a behaviour',
                'verbose_name_plural': 'growth of behaviours',
                'ordering': ['kind_id'],
                'constraints': [models.CheckConstraint(condition=models.Q(('growth__gt', 0)), name='growth_rate_above_zero')],
            },
        ),
        migrations.CreateModel(
            name='GrowthTerms',
            fields=[
                ('id', models.SmallAutoField(primary_key=True, serialize=False)),
                ('per_unit_bps', models.PositiveIntegerField(default=10000, validators=[django.core.validators.MaxValueValidator(1000000)], verbose_name='growth per unit of money')),
            ],
            options={
                'verbose_name': 'growth of purchases',
                'verbose_name_plural': 'growth of purchases',
            },
        ),
        migrations.CreateModel(
            name='HistoricalEvaluationPolicy',
            fields=[
                ('id', models.IntegerField(blank=True, db_index=True)),
                ('mode', models.CharField(choices=[('growth', 'growth in the term'), ('spend', 'spend in the term'), ('two_dimensions', 'spend and interaction'), ('rfm_ltv', 'recency, frequency, spend and lifetime value')], default='growth', help_text='Each comes to one figure, which is compared with the thresholds of the tiers.', max_length=20, verbose_name='what decides')),
                ('term_kind', models.CharField(choices=[('months', 'months from the day on which it is reached'), ('calendar_year', 'to the end of the calendar year')], default='months', max_length=20, verbose_name='term')),
                ('term_months', models.PositiveSmallIntegerField(default=12, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(120)], verbose_name='months')),
                ('term_years', models.PositiveSmallIntegerField(default=0, help_text='Of calendar years: 0 is to the end of the year in which the tier is reached, 1 to the end of the next.', validators=[django.core.validators.MaxValueValidator(10)], verbose_name='further years')),
                ('at_end', models.CharField(choices=[('fall_to_figures', 'fall to where the figures say'), ('one_step', 'fall one step')], default='fall_to_figures', max_length=20, verbose_name='who does not keep the tier')),
                ('grace_days', models.PositiveSmallIntegerField(default=0, help_text='So many days after the end of a term a member can still keep the tier: what grows in them counts for the old term, too.', validators=[django.core.validators.MaxValueValidator(366)], verbose_name='days of grace')),
                ('spend_weight', models.PositiveSmallIntegerField(default=60, validators=[django.core.validators.MaxValueValidator(100)], verbose_name='weight of spend')),
                ('interaction_weight', models.PositiveSmallIntegerField(default=40, validators=[django.core.validators.MaxValueValidator(100)], verbose_name='weight of interaction')),
                ('spend_full_cents', models.BigIntegerField(default=1000000, help_text='In the smallest unit of the currency (cents). Spending this, or more, is 100 %; less is in proportion.', validators=[django.core.validators.MinValueValidator(1)], verbose_name='spend for all of its share')),
                ('interaction_full', models.PositiveIntegerField(default=1000, help_text='The growth of behaviours that is 100 %; less is in proportion.', validators=[django.core.validators.MinValueValidator(1)], verbose_name='interaction for all of its share')),
                ('recency_weight', models.PositiveSmallIntegerField(default=25, validators=[django.core.validators.MaxValueValidator(100)], verbose_name='weight of recency')),
                ('frequency_weight', models.PositiveSmallIntegerField(default=25, validators=[django.core.validators.MaxValueValidator(100)], verbose_name='weight of frequency')),
                ('monetary_weight', models.PositiveSmallIntegerField(default=25, validators=[django.core.validators.MaxValueValidator(100)], verbose_name='weight of spend')),
                ('lifetime_weight', models.PositiveSmallIntegerField(default=25, validators=[django.core.validators.MaxValueValidator(100)], verbose_name='weight of lifetime value')),
                ('sprint_days', models.PositiveSmallIntegerField(default=30, help_text='In these days growth is multiplied, and the member is told what is missing. 0: no sprint. Holds for terms that begin from now on.', validators=[django.core.validators.MaxValueValidator(366)], verbose_name='last days of a term')),
                ('sprint_bps', models.PositiveIntegerField(default=20000, validators=[django.core.validators.MinValueValidator(10000), django.core.validators.MaxValueValidator(1000000)], verbose_name='growth in the sprint')),
                ('history_id', models.AutoField(primary_key=True, serialize=False)),
                ('history_date', models.DateTimeField(db_index=True)),
                ('history_change_reason', models.CharField(max_length=100, null=True)),
                ('history_type', models.CharField(choices=[('+', 'Created'), ('~', 'Changed'), ('-', 'Deleted')], max_length=1)),
                ('history_user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name': 'historical evaluation of members',
                'verbose_name_plural': 'historical evaluation of members',
                'ordering': ('-history_date', '-history_id'),
                'get_latest_by': ('history_date', 'history_id'),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name='HistoricalGrowthTerms',
            fields=[
                ('id', models.IntegerField(blank=True, db_index=True)),
                ('per_unit_bps', models.PositiveIntegerField(default=10000, validators=[django.core.validators.MaxValueValidator(1000000)], verbose_name='growth per unit of money')),
                ('history_id', models.AutoField(primary_key=True, serialize=False)),
                ('history_date', models.DateTimeField(db_index=True)),
                ('history_change_reason', models.CharField(max_length=100, null=True)),
                ('history_type', models.CharField(choices=[('+', 'Created'), ('~', 'Changed'), ('-', 'Deleted')], max_length=1)),
                ('history_user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name': 'historical growth of purchases',
                'verbose_name_plural': 'historical growth of purchases',
                'ordering': ('-history_date', '-history_id'),
                'get_latest_by': ('history_date', 'history_id'),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name='Night',
            fields=[
                ('day', models.DateField(primary_key=True, serialize=False, verbose_name='day')),
                ('after', models.UUIDField(null=True)),
                ('finished_at', models.DateTimeField(null=True, verbose_name='finished')),
                ('looked_at', models.BigIntegerField(default=0, verbose_name='members looked at')),
                ('moved', models.BigIntegerField(default=0, verbose_name='members moved')),
            ],
            options={
                'verbose_name': 'nightly evaluation',
                'verbose_name_plural': 'nightly evaluations',
                'ordering': ['-day'],
            },
        ),
        migrations.CreateModel(
            name='Score',
            fields=[
                ('member', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='+', serialize=False, to='accounts.member', verbose_name='member')),
                ('day', models.DateField(verbose_name='day')),
                ('recency', models.PositiveSmallIntegerField(verbose_name='recency')),
                ('frequency', models.PositiveSmallIntegerField(verbose_name='frequency')),
                ('monetary', models.PositiveSmallIntegerField(verbose_name='spend')),
                ('lifetime', models.PositiveSmallIntegerField(verbose_name='lifetime value')),
                ('figure', models.PositiveSmallIntegerField(verbose_name='figure')),
            ],
            options={
                'verbose_name': 'score of a member',
                'verbose_name_plural': 'scores of members',
            },
        ),
        migrations.RemoveIndex(
            model_name='standing',
            name='standing_lapsing',
        ),
        migrations.AddField(
            model_name='historicaltier',
            name='card_url',
            field=models.URLField(blank=True, help_text='An address that the storefront shows, like https://…/gold.png.', max_length=300, verbose_name='picture of the card'),
        ),
        migrations.AddField(
            model_name='historicaltier',
            name='invited_only',
            field=models.BooleanField(default=False, help_text='Nobody reaches this tier by figures: operators put members into it.', verbose_name='by invitation only'),
        ),
        migrations.AddField(
            model_name='historicaltier',
            name='threshold',
            field=models.BigIntegerField(default=0, help_text='From this figure on members reach the tier: growth points, cents or a score, as the evaluation says. 0: the lowest tier; of a tier above it, that no figure leads into it.', validators=[django.core.validators.MinValueValidator(0)], verbose_name='threshold'),
        ),
        migrations.AddField(
            model_name='standing',
            name='by_hand',
            field=models.BooleanField(db_default=True, default=True, verbose_name='set by hand'),
        ),
        migrations.AddField(
            model_name='standing',
            name='due_at',
            field=models.DateTimeField(blank=True, help_text='When the job looks at it: at the end, or after the days of grace.', null=True, verbose_name='to be decided on'),
        ),
        migrations.AddField(
            model_name='standing',
            name='floor',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tiers.tier', verbose_name='set by hand below it'),
        ),
        migrations.AddField(
            model_name='standing',
            name='floor_until',
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
        migrations.AddField(
            model_name='standing',
            name='reached_by',
            field=models.UUIDField(blank=True, editable=False, null=True),
        ),
        migrations.AddField(
            model_name='standing',
            name='sprint_from',
            field=models.DateTimeField(blank=True, null=True, verbose_name='sprint from'),
        ),
        migrations.AddField(
            model_name='standing',
            name='sprint_told',
            field=models.BooleanField(db_default=False, default=False, editable=False),
        ),
        migrations.AddField(
            model_name='standingchange',
            name='cause',
            field=models.CharField(choices=[('by_hand', 'set by hand'), ('reached', 'reached'), ('kept', 'kept'), ('fell', 'not kept'), ('undone', 'undone by a refund'), ('time', 'time over'), ('merged', 'members merged')], db_default='by_hand', default='by_hand', max_length=10, verbose_name='why'),
        ),
        migrations.AddField(
            model_name='tier',
            name='card_url',
            field=models.URLField(blank=True, help_text='An address that the storefront shows, like https://…/gold.png.', max_length=300, verbose_name='picture of the card'),
        ),
        migrations.AddField(
            model_name='tier',
            name='invited_only',
            field=models.BooleanField(default=False, help_text='Nobody reaches this tier by figures: operators put members into it.', verbose_name='by invitation only'),
        ),
        migrations.AddField(
            model_name='tier',
            name='threshold',
            field=models.BigIntegerField(default=0, help_text='From this figure on members reach the tier: growth points, cents or a score, as the evaluation says. 0: the lowest tier; of a tier above it, that no figure leads into it.', validators=[django.core.validators.MinValueValidator(0)], verbose_name='threshold'),
        ),
        migrations.AlterField(
            model_name='standing',
            name='reason',
            field=models.CharField(blank=True, max_length=300, verbose_name='reason'),
        ),
        migrations.AlterField(
            model_name='standing',
            name='until',
            field=models.DateTimeField(blank=True, help_text='Then the member is put where the figures say. Empty: no end.', null=True, verbose_name='until'),
        ),
        migrations.AddIndex(
            model_name='standing',
            index=models.Index(condition=models.Q(('due_at__isnull', False)), fields=['due_at'], name='standing_due'),
        ),
        migrations.AddIndex(
            model_name='standing',
            index=models.Index(condition=models.Q(('sprint_from__isnull', False), ('sprint_told', False)), fields=['sprint_from'], name='standing_sprinting'),
        ),
        # Standings that were set until a time are decided on then, as before.
        migrations.RunSQL("UPDATE tiers_standing SET due_at = until WHERE until IS NOT NULL", migrations.RunSQL.noop),
        migrations.AddConstraint(
            model_name='standing',
            constraint=models.CheckConstraint(condition=models.Q(('by_hand', True), ('until__isnull', False), _connector='OR'), name='standing_with_a_term_has_an_end'),
        ),
        migrations.AddConstraint(
            model_name='standing',
            constraint=models.CheckConstraint(condition=models.Q(('until', None), ('due_at__isnull', False), _connector='OR'), name='standing_with_an_end_is_decided_on'),
        ),
        migrations.AddConstraint(
            model_name='tier',
            constraint=models.CheckConstraint(condition=models.Q(('threshold__gte', 0)), name='tier_threshold_not_below_zero'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='growthentry',
            trigger=pgtrigger.compiler.Trigger(name='growth_entry_stays', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='cab2877d42d006038c8edc403cc51ea00f374fee', operation='UPDATE OR DELETE', pgid='pgtrigger_growth_entry_stays_b87b2', table='tiers_growthentry', when='BEFORE')),
        ),
    ]
