import django.core.validators
import django.db.models.deletion
import pgtrigger.compiler
import pgtrigger.migrations
import simple_history.models
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('points', '0009_earning'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Budget',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('code', models.SlugField(help_text='Names the budget in explanations and exports. It cannot change later.', max_length=60, unique=True, verbose_name='code')),
                ('name', models.CharField(help_text='For operators.', max_length=100, verbose_name='name')),
                ('scope', models.CharField(choices=[('all', 'everything that rules give'), ('rule', 'one rule'), ('campaign', 'one campaign'), ('cost_centre', 'one cost centre')], default='rule', max_length=12, verbose_name='pays for')),
                ('of', models.CharField(blank=True, help_text='The rule’s code, or the campaign or cost centre as rules name it. Empty for everything.', max_length=100, verbose_name='its code')),
                ('period', models.CharField(choices=[('total', 'in all'), ('year', 'in each year'), ('month', 'in each month'), ('week', 'in each week'), ('day', 'on each day')], default='month', help_text='By business days; weeks begin on Monday.', max_length=6, verbose_name='how often it is filled')),
                ('points', models.PositiveBigIntegerField(help_text='At most so many points in each period.', validators=[django.core.validators.MinValueValidator(1)], verbose_name='points')),
                ('at_end', models.CharField(choices=[('stop', 'stop: what no longer fits whole is not granted'), ('cut', 'cut: what is left is granted, then nothing'), ('go_on', 'go on: only raise alarms')], default='stop', help_text='What happens to a fact for which not enough is left. Whatever you choose, an alarm is raised at 50, 80 and 100 %.', max_length=6, verbose_name='at its end')),
                ('starts_on', models.DateField(blank=True, help_text='Empty: from now on. Before its first day a budget limits nothing.', null=True, verbose_name='first day')),
                ('ends_on', models.DateField(blank=True, help_text='Empty: no end. After its last day a budget limits nothing.', null=True, verbose_name='last day')),
                ('active', models.BooleanField(default=True, help_text='Off: it limits nothing, counts nothing and raises no alarm.', verbose_name='in use')),
            ],
            options={
                'verbose_name': 'budget',
                'verbose_name_plural': 'budgets',
                'ordering': ['code'],
                'constraints': [models.CheckConstraint(condition=models.Q(('points__gt', 0)), name='budget_has_points'), models.CheckConstraint(condition=models.Q(models.Q(('of', ''), ('scope', 'all')), models.Q(models.Q(('scope', 'all'), _negated=True), models.Q(('of', ''), _negated=True)), _connector='OR'), name='budget_pays_for_something_named'), models.CheckConstraint(condition=models.Q(('starts_on', None), ('ends_on', None), ('ends_on__gte', models.F('starts_on')), _connector='OR'), name='budget_ends_after_it_begins')],
            },
        ),
        migrations.CreateModel(
            name='HistoricalBudget',
            fields=[
                ('id', models.BigIntegerField(auto_created=True, blank=True, db_index=True, verbose_name='ID')),
                ('code', models.SlugField(help_text='Names the budget in explanations and exports. It cannot change later.', max_length=60, verbose_name='code')),
                ('name', models.CharField(help_text='For operators.', max_length=100, verbose_name='name')),
                ('scope', models.CharField(choices=[('all', 'everything that rules give'), ('rule', 'one rule'), ('campaign', 'one campaign'), ('cost_centre', 'one cost centre')], default='rule', max_length=12, verbose_name='pays for')),
                ('of', models.CharField(blank=True, help_text='The rule’s code, or the campaign or cost centre as rules name it. Empty for everything.', max_length=100, verbose_name='its code')),
                ('period', models.CharField(choices=[('total', 'in all'), ('year', 'in each year'), ('month', 'in each month'), ('week', 'in each week'), ('day', 'on each day')], default='month', help_text='By business days; weeks begin on Monday.', max_length=6, verbose_name='how often it is filled')),
                ('points', models.PositiveBigIntegerField(help_text='At most so many points in each period.', validators=[django.core.validators.MinValueValidator(1)], verbose_name='points')),
                ('at_end', models.CharField(choices=[('stop', 'stop: what no longer fits whole is not granted'), ('cut', 'cut: what is left is granted, then nothing'), ('go_on', 'go on: only raise alarms')], default='stop', help_text='What happens to a fact for which not enough is left. Whatever you choose, an alarm is raised at 50, 80 and 100 %.', max_length=6, verbose_name='at its end')),
                ('starts_on', models.DateField(blank=True, help_text='Empty: from now on. Before its first day a budget limits nothing.', null=True, verbose_name='first day')),
                ('ends_on', models.DateField(blank=True, help_text='Empty: no end. After its last day a budget limits nothing.', null=True, verbose_name='last day')),
                ('active', models.BooleanField(default=True, help_text='Off: it limits nothing, counts nothing and raises no alarm.', verbose_name='in use')),
                ('history_id', models.AutoField(primary_key=True, serialize=False)),
                ('history_date', models.DateTimeField(db_index=True)),
                ('history_change_reason', models.CharField(max_length=100, null=True)),
                ('history_type', models.CharField(choices=[('+', 'Created'), ('~', 'Changed'), ('-', 'Deleted')], max_length=1)),
                ('history_user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name': 'historical budget',
                'verbose_name_plural': 'historical budgets',
                'ordering': ('-history_date', '-history_id'),
                'get_latest_by': ('history_date', 'history_id'),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name='SharedUse',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('counter', models.CharField(max_length=150, verbose_name='counter')),
                ('starts', models.DateField(verbose_name='from')),
                ('points', models.BigIntegerField(default=0, verbose_name='points')),
                ('times', models.BigIntegerField(default=0, verbose_name='facts')),
            ],
            options={
                'verbose_name': 'used of a counter',
                'verbose_name_plural': 'used of counters',
                'constraints': [models.UniqueConstraint(fields=('counter', 'starts'), name='shared_use_once'), models.CheckConstraint(condition=models.Q(('points__gte', 0), ('times__gte', 0)), name='shared_use_never_below_zero')],
            },
        ),
        migrations.CreateModel(
            name='BudgetAlarm',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('starts', models.DateField(verbose_name='from')),
                ('percent', models.PositiveSmallIntegerField(verbose_name='percent')),
                ('at', models.DateTimeField(verbose_name='when')),
                ('budget', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='points.budget', verbose_name='budget')),
            ],
            options={
                'verbose_name': 'alarm of a budget',
                'verbose_name_plural': 'alarms of budgets',
                'constraints': [models.UniqueConstraint(fields=('budget', 'starts', 'percent'), name='budget_alarm_once')],
            },
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='budgetalarm',
            trigger=pgtrigger.compiler.Trigger(name='budget_alarm_stays', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='40a603901bb7365888f77312ac1d11c79097e3fa', operation='UPDATE OR DELETE', pgid='pgtrigger_budget_alarm_stays_b67ec', table='points_budgetalarm', when='BEFORE')),
        ),
        # Counters are updated over and over: room on the page keeps those updates from touching the index.
        migrations.RunSQL("ALTER TABLE points_shareduse SET (fillfactor = 50)", "ALTER TABLE points_shareduse RESET (fillfactor)"),
    ]
