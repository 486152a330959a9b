import django.db.models.deletion
import simple_history.models
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("tiers", "0002_standing_of"), migrations.swappable_dependency(settings.AUTH_USER_MODEL)]

    operations = [
        migrations.CreateModel(
            name='HistoricalTierBenefit',
            fields=[
                ('id', models.BigIntegerField(auto_created=True, blank=True, db_index=True, verbose_name='ID')),
                ('kind', models.CharField(choices=[('birthday_multiplier', 'birthday multiplier'), ('birthday_gift', 'birthday gift'), ('redemption_discount', 'redemption discount'), ('free_shipping', 'free shipping'), ('early_access', 'early access'), ('monthly_allowance', 'monthly allowance'), ('level_up_gift', 'level-up gift'), ('level_up_coupon', 'coupon on reaching the tier'), ('loan_limit', 'loan limit'), ('own_agent', 'own agent')], max_length=30, verbose_name='benefit')),
                ('value', models.BigIntegerField(default=0, verbose_name='value')),
                ('item', models.CharField(blank=True, max_length=60, verbose_name='code')),
                ('bands', models.JSONField(blank=True, default=list, verbose_name='with more orders')),
                ('text_zh', models.CharField(blank=True, max_length=200, verbose_name='text for members, Chinese')),
                ('text_en', models.CharField(blank=True, max_length=200, verbose_name='text for members, English')),
                ('history_id', models.AutoField(primary_key=True, serialize=False)),
                ('history_date', models.DateTimeField(db_index=True)),
                ('history_change_reason', models.CharField(max_length=100, null=True)),
                ('history_type', models.CharField(choices=[('+', 'Created'), ('~', 'Changed'), ('-', 'Deleted')], max_length=1)),
                ('history_user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('tier', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='tiers.tier', verbose_name='tier')),
            ],
            options={
                'verbose_name': 'historical benefit of a tier',
                'verbose_name_plural': 'historical benefits of tiers',
                'ordering': ('-history_date', '-history_id'),
                'get_latest_by': ('history_date', 'history_id'),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name='TierBenefit',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('birthday_multiplier', 'birthday multiplier'), ('birthday_gift', 'birthday gift'), ('redemption_discount', 'redemption discount'), ('free_shipping', 'free shipping'), ('early_access', 'early access'), ('monthly_allowance', 'monthly allowance'), ('level_up_gift', 'level-up gift'), ('level_up_coupon', 'coupon on reaching the tier'), ('loan_limit', 'loan limit'), ('own_agent', 'own agent')], max_length=30, verbose_name='benefit')),
                ('value', models.BigIntegerField(default=0, verbose_name='value')),
                ('item', models.CharField(blank=True, max_length=60, verbose_name='code')),
                ('bands', models.JSONField(blank=True, default=list, verbose_name='with more orders')),
                ('text_zh', models.CharField(blank=True, max_length=200, verbose_name='text for members, Chinese')),
                ('text_en', models.CharField(blank=True, max_length=200, verbose_name='text for members, English')),
                ('tier', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='benefits', to='tiers.tier', verbose_name='tier')),
            ],
            options={
                'verbose_name': 'benefit of a tier',
                'verbose_name_plural': 'benefits of tiers',
                'ordering': ['tier__rank', 'id'],
                'constraints': [models.UniqueConstraint(fields=('tier', 'kind'), name='tier_benefit_once'), models.CheckConstraint(condition=models.Q(('kind__in', ['birthday_multiplier', 'birthday_gift', 'redemption_discount', 'free_shipping', 'early_access', 'monthly_allowance', 'level_up_gift', 'level_up_coupon', 'loan_limit', 'own_agent'])), name='tier_benefit_of_a_known_kind'), models.CheckConstraint(condition=models.Q(('value__gte', 0)), name='tier_benefit_not_below_zero')],
            },
        ),
    ]
