import django.core.validators
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("mall", "0005_vouchers")]

    operations = [
        migrations.AddField(
            model_name='burnpolicy',
            name='bands',
            field=models.JSONField(blank=True, default=list, help_text='From this total on, that share in the place of the one above.', verbose_name="by the order's total"),
        ),
        migrations.AddField(
            model_name='burnpolicy',
            name='categories',
            field=models.JSONField(blank=True, default=list, help_text='Goods of these have a share of their own; 0: points pay nothing.', verbose_name='by category'),
        ),
        migrations.AddField(
            model_name='burnpolicy',
            name='dear_cents',
            field=models.PositiveBigIntegerField(blank=True, help_text='In cents: dearer goods have a share of their own. Empty: they have none.', null=True, verbose_name='from this unit price on'),
        ),
        migrations.AddField(
            model_name='burnpolicy',
            name='dear_share_bps',
            field=models.PositiveIntegerField(default=10000, validators=[django.core.validators.MaxValueValidator(10000)], verbose_name='share of dearer goods (1/100 %)'),
        ),
        migrations.AddField(
            model_name='burnpolicy',
            name='in_force_from',
            field=models.DateTimeField(blank=True, help_text='Announced until then, never for what was quoted, held or paid before. Empty: once it is published.', null=True, verbose_name='in force from'),
        ),
        migrations.AddField(
            model_name='burnpolicy',
            name='reason',
            field=models.CharField(blank=True, max_length=300, verbose_name='reason'),
        ),
        migrations.AddField(
            model_name='burnpolicy',
            name='tiers',
            field=models.JSONField(blank=True, default=list, help_text='Members of these have another share of the order.', verbose_name='by tier'),
        ),
        migrations.AddField(
            model_name='burnpolicy',
            name='with_coupons',
            field=models.BooleanField(default=True, help_text='Off: an order that uses a coupon uses no points.', verbose_name='points and coupons together'),
        ),
        migrations.AddField(
            model_name='checkouthold',
            name='tier',
            field=models.CharField(blank=True, help_text='Whose share holds for it.', max_length=40, verbose_name='tier'),
        ),
        migrations.AddField(
            model_name='refundsettlement',
            name='coupons',
            field=models.JSONField(default=list, help_text='Of the order that it completed: given back, or why not.', verbose_name='coupons'),
        ),
        migrations.AddField(
            model_name='settlement',
            name='split',
            field=models.JSONField(help_text='What coupons and points paid of each line and of shipping; empty where they paid nothing.', null=True, verbose_name='split'),
        ),
        migrations.AddConstraint(
            model_name='burnpolicy',
            constraint=models.CheckConstraint(condition=models.Q(('dear_share_bps__lte', 10000), models.Q(('dear_cents', None), ('dear_cents__gte', 1), _connector='OR')), name='burn_policy_dear_makes_sense'),
        ),
        migrations.AddConstraint(
            model_name='burnpolicy',
            constraint=models.CheckConstraint(condition=models.Q(('in_force_from', None), ('in_force_from__gte', models.F('published_at')), _connector='OR'), name='burn_policy_never_retroactive'),
        ),
    ]
