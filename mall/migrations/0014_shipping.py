import django.core.validators
from django.db import migrations, models


# By how many minutes a privilege lets its member come sooner. Asked with every redemption: the server keeps the plan.
EARLY = """
CREATE FUNCTION mall_early_of(of_member uuid, moment timestamptz) RETURNS integer LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT max(p.early_minutes) FROM mall_privilege p
             WHERE p.member_id = of_member AND p.early_minutes IS NOT NULL AND p.ended_at IS NULL
               AND p.starts_at <= moment AND (p.ends_at IS NULL OR p.ends_at > moment));
END $$"""


class Migration(migrations.Migration):

    dependencies = [
        ('mall', '0013_rentals'),
    ]

    operations = [
        migrations.AddField(
            model_name='historicalprivilegekind',
            name='early_minutes',
            field=models.PositiveIntegerField(blank=True, help_text='Of early access: rewards and flash sales open so much sooner for who has it. Empty: only the storefront acts on it.', null=True, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(43200)], verbose_name='comes sooner, in minutes'),
        ),
        migrations.AddField(
            model_name='historicalreward',
            name='shipping_cents',
            field=models.PositiveBigIntegerField(default=0, help_text='In cents, for each parcel, however many are in it: money due on top. Free for tiers with free shipping. 0: nothing; only goods have it.', verbose_name='shipping'),
        ),
        migrations.AddField(
            model_name='privilege',
            name='early_minutes',
            field=models.PositiveIntegerField(blank=True, null=True, verbose_name='comes sooner, in minutes'),
        ),
        migrations.AddField(
            model_name='privilegekind',
            name='early_minutes',
            field=models.PositiveIntegerField(blank=True, help_text='Of early access: rewards and flash sales open so much sooner for who has it. Empty: only the storefront acts on it.', null=True, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(43200)], verbose_name='comes sooner, in minutes'),
        ),
        migrations.AddField(
            model_name='redemption',
            name='shipping_cents',
            field=models.PositiveBigIntegerField(default=0, help_text='Money due for the parcel.', verbose_name='shipping'),
        ),
        migrations.AddField(
            model_name='redemption',
            name='shipping_waived_cents',
            field=models.PositiveBigIntegerField(default=0, help_text="Because the member's tier ships free.", verbose_name='shipping not charged'),
        ),
        migrations.AddField(
            model_name='reward',
            name='shipping_cents',
            field=models.PositiveBigIntegerField(default=0, help_text='In cents, for each parcel, however many are in it: money due on top. Free for tiers with free shipping. 0: nothing; only goods have it.', verbose_name='shipping'),
        ),
        migrations.AddField(
            model_name='step',
            name='shipping_cents',
            field=models.PositiveBigIntegerField(default=0, verbose_name='of it for shipping'),
        ),
        migrations.AlterField(
            model_name='historicalreward',
            name='starts_at',
            field=models.DateTimeField(blank=True, help_text='Shown before, but not redeemed; tiers and members with early access come sooner.', null=True, verbose_name='from'),
        ),
        migrations.AlterField(
            model_name='reward',
            name='starts_at',
            field=models.DateTimeField(blank=True, help_text='Shown before, but not redeemed; tiers and members with early access come sooner.', null=True, verbose_name='from'),
        ),
        migrations.AddIndex(
            model_name='privilege',
            index=models.Index(condition=models.Q(('early_minutes__isnull', False), ('ended_at', None)), fields=['member'], name='privilege_comes_sooner'),
        ),
        migrations.AddConstraint(
            model_name='privilegekind',
            constraint=models.CheckConstraint(condition=models.Q(('early_minutes', None), models.Q(('early_minutes__gte', 1), ('uses', None), ('what', 'early_access')), _connector='OR'), name='privilege_kind_that_comes_sooner_is_at_will'),
        ),
        migrations.AddConstraint(
            model_name='reward',
            constraint=models.CheckConstraint(condition=models.Q(('kind', 'goods'), ('shipping_cents', 0), _connector='OR'), name='reward_of_goods_alone_is_shipped'),
        ),
        migrations.RunSQL(EARLY, "DROP FUNCTION mall_early_of"),
    ]
