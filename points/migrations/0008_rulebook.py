from decimal import Decimal

import django.core.validators
import django.db.models.deletion
import pgtrigger.compiler
import pgtrigger.migrations
import points.rulebook.models
import simple_history.models
from django.conf import settings
from django.db import migrations, models


def keep_formulas(apps, schema_editor):
    """The formula for purchases becomes a rule, its versions stay the rows that lots point to."""
    Rule, RuleVersion, Generation = (apps.get_model("points", name) for name in ("Rule", "RuleVersion", "RulebookGeneration"))
    Generation.objects.create(id=1, number=1)
    versions = list(RuleVersion.objects.order_by("number"))
    if not versions:
        return
    rule = Rule.objects.create(
        code="purchase", name_zh="购物积分", name_en="Points for purchases", fact="purchase", created_at=versions[0].published_at, created_by=versions[0].published_by
    )
    for version, following in zip(versions, [*versions[1:], None]):
        rates = {category: int(Decimal(rate) * 10_000) for category, rate in version.categories.items()}
        effect = {"kind": "per_unit", "rate": int(version.points_per_unit * 10_000)} | ({"by_category": rates} if rates else {})
        version.definition = {"effect": effect} | ({"cost_centre": version.cost_centre} if version.cost_centre else {})
        version.rule, version.status, version.made_by, version.made_at = rule, "published", version.published_by, version.published_at
        version.effective_from = None if version is versions[0] else version.published_at
        version.effective_until = following.published_at if following else None
        version.save()
    # Checked now: what follows alters the table.
    schema_editor.execute("SET CONSTRAINTS ALL IMMEDIATE")


class Migration(migrations.Migration):

    dependencies = [
        ('points', '0007_hold_pinned'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='EarningSettings',
            fields=[
                ('id', models.SmallAutoField(primary_key=True, serialize=False)),
                ('second_person', models.CharField(choices=[('never', 'never'), ('costly', 'where a simulation shows more cost than the gate, or there is none'), ('always', 'always')], default='never', help_text='Who made or submitted a version may then not publish it.', max_length=10, verbose_name='a second person publishes rules')),
                ('gate_percent', models.PositiveIntegerField(default=10, help_text='Only for the choice that asks for a simulation.', verbose_name='gate: more cost than before, in %')),
                ('points_per_unit', models.PositiveIntegerField(default=100, help_text='What points cost the shop, for margin caps and simulations: 100 means that 100 points cost 1 yuan, dollar …', validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(1000000)], verbose_name='points that cost one unit of money')),
                ('decision_days', models.PositiveIntegerField(default=730, help_text='After that the trace of a decision is dropped; what was granted stays, and so does what a refund needs.', validators=[django.core.validators.MinValueValidator(30)], verbose_name='days that explanations are kept')),
                ('roll_key', models.CharField(default=points.rulebook.models.new_roll_key, editable=False, max_length=64)),
            ],
            options={
                'verbose_name': 'settings of earning',
                'verbose_name_plural': 'settings of earning',
            },
        ),
        migrations.CreateModel(
            name='Festival',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name_zh', models.CharField(max_length=100, verbose_name='name, Chinese')),
                ('name_en', models.CharField(max_length=100, verbose_name='name, English')),
                ('code', models.SlugField(max_length=40, unique=True, verbose_name='code')),
            ],
            options={
                'verbose_name': 'festival',
                'verbose_name_plural': 'festivals',
                'ordering': ['code'],
            },
        ),
        migrations.CreateModel(
            name='FestivalDays',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('first', models.DateField(verbose_name='first day')),
                ('last', models.DateField(verbose_name='last day')),
                ('festival', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='days', to='points.festival', verbose_name='festival')),
            ],
            options={
                'verbose_name': 'days of a festival',
                'verbose_name_plural': 'days of a festival',
                'ordering': ['first'],
                'constraints': [models.CheckConstraint(condition=models.Q(('first__lte', models.F('last'))), name='festival_has_a_day')],
            },
        ),
        migrations.CreateModel(
            name='HistoricalEarningSettings',
            fields=[
                ('id', models.IntegerField(blank=True, db_index=True)),
                ('second_person', models.CharField(choices=[('never', 'never'), ('costly', 'where a simulation shows more cost than the gate, or there is none'), ('always', 'always')], default='never', help_text='Who made or submitted a version may then not publish it.', max_length=10, verbose_name='a second person publishes rules')),
                ('gate_percent', models.PositiveIntegerField(default=10, help_text='Only for the choice that asks for a simulation.', verbose_name='gate: more cost than before, in %')),
                ('points_per_unit', models.PositiveIntegerField(default=100, help_text='What points cost the shop, for margin caps and simulations: 100 means that 100 points cost 1 yuan, dollar …', validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(1000000)], verbose_name='points that cost one unit of money')),
                ('decision_days', models.PositiveIntegerField(default=730, help_text='After that the trace of a decision is dropped; what was granted stays, and so does what a refund needs.', validators=[django.core.validators.MinValueValidator(30)], verbose_name='days that explanations are kept')),
                ('history_id', models.AutoField(primary_key=True, serialize=False)),
                ('history_date', models.DateTimeField(db_index=True)),
                ('history_change_reason', models.CharField(max_length=100, null=True)),
                ('history_type', models.CharField(choices=[('+', 'Created'), ('~', 'Changed'), ('-', 'Deleted')], max_length=1)),
                ('history_user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name': 'historical settings of earning',
                'verbose_name_plural': 'historical settings of earning',
                'ordering': ('-history_date', '-history_id'),
                'get_latest_by': ('history_date', 'history_id'),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name='HistoricalFestival',
            fields=[
                ('id', models.BigIntegerField(auto_created=True, blank=True, db_index=True, verbose_name='ID')),
                ('name_zh', models.CharField(max_length=100, verbose_name='name, Chinese')),
                ('name_en', models.CharField(max_length=100, verbose_name='name, English')),
                ('code', models.SlugField(max_length=40, verbose_name='code')),
                ('history_id', models.AutoField(primary_key=True, serialize=False)),
                ('history_date', models.DateTimeField(db_index=True)),
                ('history_change_reason', models.CharField(max_length=100, null=True)),
                ('history_type', models.CharField(choices=[('+', 'Created'), ('~', 'Changed'), ('-', 'Deleted')], max_length=1)),
                ('history_user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name': 'historical festival',
                'verbose_name_plural': 'historical festivals',
                'ordering': ('-history_date', '-history_id'),
                'get_latest_by': ('history_date', 'history_id'),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name='HistoricalSharedLimit',
            fields=[
                ('id', models.BigIntegerField(auto_created=True, blank=True, db_index=True, verbose_name='ID')),
                ('name_zh', models.CharField(max_length=100, verbose_name='name, Chinese')),
                ('name_en', models.CharField(max_length=100, verbose_name='name, English')),
                ('code', models.SlugField(max_length=60, verbose_name='code')),
                ('over', models.JSONField(default=list, help_text='behaviours (all but purchases), purchases, everything, or kinds of facts by their code.', verbose_name='over')),
                ('per', models.CharField(choices=[('fact', 'one fact'), ('day', 'one day'), ('week', 'one week'), ('month', 'one month'), ('life', 'a member’s life')], default='day', max_length=5, verbose_name='within')),
                ('points', models.PositiveIntegerField(blank=True, null=True, verbose_name='points at most')),
                ('times', models.PositiveIntegerField(blank=True, null=True, verbose_name='times at most')),
                ('active', models.BooleanField(default=True, verbose_name='in use')),
                ('history_id', models.AutoField(primary_key=True, serialize=False)),
                ('history_date', models.DateTimeField(db_index=True)),
                ('history_change_reason', models.CharField(max_length=100, null=True)),
                ('history_type', models.CharField(choices=[('+', 'Created'), ('~', 'Changed'), ('-', 'Deleted')], max_length=1)),
                ('history_user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name': 'historical shared limit',
                'verbose_name_plural': 'historical shared limits',
                'ordering': ('-history_date', '-history_id'),
                'get_latest_by': ('history_date', 'history_id'),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name='Rule',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name_zh', models.CharField(max_length=100, verbose_name='name, Chinese')),
                ('name_en', models.CharField(max_length=100, verbose_name='name, English')),
                ('code', models.SlugField(help_text='Short and for good: it names the rule in exports and explanations.', max_length=60, unique=True, verbose_name='code')),
                ('fact', models.CharField(default='purchase', help_text='The kind of fact that this rule gives something for.', max_length=40, verbose_name='answers')),
                ('created_at', models.DateTimeField(verbose_name='made')),
                ('created_by', models.CharField(max_length=150, verbose_name='written by')),
            ],
            options={
                'verbose_name': 'earning rule',
                'verbose_name_plural': 'earning rules',
                'ordering': ['code'],
            },
        ),
        migrations.CreateModel(
            name='RulebookGeneration',
            fields=[
                ('id', models.SmallIntegerField(default=1, primary_key=True, serialize=False)),
                ('number', models.BigIntegerField(default=0)),
            ],
            options={
                'verbose_name': 'generation of the rulebook',
                'verbose_name_plural': 'generation of the rulebook',
            },
        ),
        migrations.CreateModel(
            name='SharedLimit',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name_zh', models.CharField(max_length=100, verbose_name='name, Chinese')),
                ('name_en', models.CharField(max_length=100, verbose_name='name, English')),
                ('code', models.SlugField(max_length=60, unique=True, verbose_name='code')),
                ('over', models.JSONField(default=list, help_text='behaviours (all but purchases), purchases, everything, or kinds of facts by their code.', verbose_name='over')),
                ('per', models.CharField(choices=[('fact', 'one fact'), ('day', 'one day'), ('week', 'one week'), ('month', 'one month'), ('life', 'a member’s life')], default='day', max_length=5, verbose_name='within')),
                ('points', models.PositiveIntegerField(blank=True, null=True, verbose_name='points at most')),
                ('times', models.PositiveIntegerField(blank=True, null=True, verbose_name='times at most')),
                ('active', models.BooleanField(default=True, verbose_name='in use')),
            ],
            options={
                'verbose_name': 'shared limit',
                'verbose_name_plural': 'shared limits',
                'ordering': ['code'],
            },
        ),
        migrations.AlterModelOptions(
            name='ruleversion',
            options={'ordering': ['rule', '-number'], 'permissions': [('publish_ruleversion', 'Can publish and retire rule versions')], 'verbose_name': 'rule version', 'verbose_name_plural': 'rule versions'},
        ),
        pgtrigger.migrations.RemoveTrigger(
            model_name='ruleversion',
            name='rule_version_is_published',
        ),
        migrations.AddField(
            model_name='ruleversion',
            name='definition',
            field=models.JSONField(default=dict, verbose_name='definition'),
        ),
        migrations.AddField(
            model_name='ruleversion',
            name='effective_from',
            field=models.DateTimeField(blank=True, help_text='Decides facts that happened from then on.', null=True, verbose_name='in force from'),
        ),
        migrations.AddField(
            model_name='ruleversion',
            name='effective_until',
            field=models.DateTimeField(blank=True, null=True, verbose_name='in force until'),
        ),
        migrations.AddField(
            model_name='ruleversion',
            name='made_at',
            field=models.DateTimeField(null=True, verbose_name='made'),
        ),
        migrations.AddField(
            model_name='ruleversion',
            name='made_by',
            field=models.CharField(default='', max_length=150, verbose_name='written by'),
        ),
        migrations.AddField(
            model_name='ruleversion',
            name='note',
            field=models.CharField(blank=True, help_text='For whoever reads the versions later.', max_length=300, verbose_name='what is new'),
        ),
        migrations.AddField(
            model_name='ruleversion',
            name='retire_reason',
            field=models.CharField(blank=True, max_length=300, verbose_name='why retired'),
        ),
        migrations.AddField(
            model_name='ruleversion',
            name='retired_at',
            field=models.DateTimeField(blank=True, null=True, verbose_name='retired'),
        ),
        migrations.AddField(
            model_name='ruleversion',
            name='retired_by',
            field=models.CharField(blank=True, max_length=150, verbose_name='retired by'),
        ),
        migrations.AddField(
            model_name='ruleversion',
            name='simulated_at',
            field=models.DateTimeField(blank=True, editable=False, null=True, verbose_name='simulated'),
        ),
        migrations.AddField(
            model_name='ruleversion',
            name='simulated_percent',
            field=models.DecimalField(blank=True, decimal_places=2, editable=False, max_digits=9, null=True, verbose_name='simulated cost, ± %'),
        ),
        migrations.AddField(
            model_name='ruleversion',
            name='status',
            field=models.CharField(choices=[('draft', 'draft'), ('submitted', 'submitted'), ('published', 'in the rulebook'), ('retired', 'retired')], default='draft', max_length=10, verbose_name='status'),
        ),
        migrations.AddField(
            model_name='ruleversion',
            name='submitted_at',
            field=models.DateTimeField(blank=True, null=True, verbose_name='handed in'),
        ),
        migrations.AddField(
            model_name='ruleversion',
            name='submitted_by',
            field=models.CharField(blank=True, max_length=150, verbose_name='submitted by'),
        ),
        migrations.AlterField(
            model_name='ruleversion',
            name='number',
            field=models.PositiveIntegerField(verbose_name='version'),
        ),
        migrations.AlterField(
            model_name='ruleversion',
            name='published_at',
            field=models.DateTimeField(blank=True, null=True, verbose_name='published'),
        ),
        migrations.AlterField(
            model_name='ruleversion',
            name='published_by',
            field=models.CharField(blank=True, max_length=150, verbose_name='published by'),
        ),
        migrations.AddConstraint(
            model_name='ruleversion',
            constraint=models.CheckConstraint(condition=models.Q(('effective_until__isnull', True), ('effective_from__isnull', True), ('effective_from__lte', models.F('effective_until')), _connector='OR'), name='rule_version_in_force_for_a_while'),
        ),
        migrations.AddField(
            model_name='ruleversion',
            name='rule',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='versions', to='points.rule', verbose_name='rule'),
        ),
        migrations.RunPython(keep_formulas, migrations.RunPython.noop),
        migrations.RemoveField(
            model_name='ruleversion',
            name='categories',
        ),
        migrations.RemoveField(
            model_name='ruleversion',
            name='cost_centre',
        ),
        migrations.RemoveField(
            model_name='ruleversion',
            name='fact',
        ),
        migrations.RemoveField(
            model_name='ruleversion',
            name='points_per_unit',
        ),
        migrations.RemoveField(
            model_name='ruleversion',
            name='source',
        ),
        migrations.AlterField(
            model_name='ruleversion',
            name='made_at',
            field=models.DateTimeField(verbose_name='made'),
        ),
        migrations.AlterField(
            model_name='ruleversion',
            name='made_by',
            field=models.CharField(max_length=150, verbose_name='written by'),
        ),
        migrations.AlterField(
            model_name='ruleversion',
            name='rule',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='versions', to='points.rule', verbose_name='rule'),
        ),
        migrations.AddConstraint(
            model_name='ruleversion',
            constraint=models.UniqueConstraint(fields=('rule', 'number'), name='rule_version_once'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='ruleversion',
            trigger=pgtrigger.compiler.Trigger(name='published_rule_version_stays', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."status" IN (\'published\', \'retired\'))', func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;", hash='db8a255c8a7f9fdb558f440775d236feeb85916c', operation='DELETE', pgid='pgtrigger_published_rule_version_stays_ff157', table='points_ruleversion', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='ruleversion',
            trigger=pgtrigger.compiler.Trigger(name='published_rule_version_never_changes', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."status" IN (\'published\', \'retired\') AND (OLD."definition" IS DISTINCT FROM (NEW."definition") OR OLD."rule_id" IS DISTINCT FROM (NEW."rule_id") OR OLD."number" IS DISTINCT FROM (NEW."number") OR OLD."effective_from" IS DISTINCT FROM (NEW."effective_from") OR OLD."published_at" IS DISTINCT FROM (NEW."published_at") OR OLD."published_by" IS DISTINCT FROM (NEW."published_by")))', func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='a3adbbea648f9563deb2be3733899a969e0a708b', operation='UPDATE', pgid='pgtrigger_published_rule_version_never_changes_e4020', table='points_ruleversion', when='BEFORE')),
        ),
    ]
