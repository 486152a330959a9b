import django.core.validators
import django.db.models.deletion
import loyalty.lib.ids
import mall.coupons.models
import simple_history.models
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('mall', '0003_codes'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='CouponTemplate',
            fields=[
                ('code', models.CharField(help_text='How rules, rewards and the storefront name it, like welcome-10. It stays.', max_length=40, primary_key=True, serialize=False, validators=[django.core.validators.RegexValidator('^[a-z0-9][a-z0-9_-]*\\Z', 'Write small letters, digits, hyphens and underscores.')], verbose_name='code')),
                ('name_zh', models.CharField(max_length=60, verbose_name='name, Chinese')),
                ('name_en', models.CharField(max_length=60, verbose_name='name, English')),
                ('text_zh', models.CharField(blank=True, help_text='What members should know besides what the fields say.', max_length=500, verbose_name='small print, Chinese')),
                ('text_en', models.CharField(blank=True, max_length=500, verbose_name='small print, English')),
                ('kind', models.CharField(choices=[('amount', 'an amount off'), ('percent', 'a percentage off'), ('free_shipping', 'free shipping')], max_length=13, verbose_name='kind')),
                ('amount_cents', models.PositiveBigIntegerField(default=0, help_text='In cents: 1000 is 10.00.', verbose_name='amount off')),
                ('percent_bps', models.PositiveIntegerField(default=0, help_text='1500 takes 15 % off, which leaves 85 %.', validators=[django.core.validators.MaxValueValidator(10000)], verbose_name='percentage off (1/100 %)')),
                ('cap_cents', models.PositiveBigIntegerField(blank=True, help_text='In cents, of a percentage. Empty: no cap.', null=True, validators=[django.core.validators.MinValueValidator(1)], verbose_name='at most so much off')),
                ('threshold_cents', models.PositiveBigIntegerField(default=0, help_text='In cents: what the lines it is for must come to, before any coupon. 0: any order.', verbose_name='from this total on')),
                ('categories', models.JSONField(blank=True, default=list, validators=[mall.coupons.models.category_paths], verbose_name='only on these categories')),
                ('excluded', models.JSONField(blank=True, default=list, validators=[mall.coupons.models.category_paths], verbose_name='not on these categories')),
                ('valid_days', models.PositiveIntegerField(blank=True, help_text='Through the end of that day after it was issued. Empty: until the last day below.', null=True, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(3650)], verbose_name='good for so many days')),
                ('starts_on', models.DateField(blank=True, help_text='Before it, a coupon is shown but cannot be used. Empty: at once.', null=True, verbose_name='first day')),
                ('ends_on', models.DateField(blank=True, help_text='No coupon is good after it, and none is issued. Empty: only the days count.', null=True, verbose_name='last day')),
                ('in_all', models.PositiveIntegerField(blank=True, help_text='Issued in all, counted while a limit stands here. Empty: no limit.', null=True, validators=[django.core.validators.MinValueValidator(1)], verbose_name='in all')),
                ('per_member', models.PositiveIntegerField(blank=True, help_text='However they come. What members may claim needs one.', null=True, validators=[django.core.validators.MinValueValidator(1)], verbose_name='per member')),
                ('claimable', models.BooleanField(default=False, help_text='Off: it is only issued by rules, rewards, tiers and operators.', verbose_name='members may claim it')),
                ('combines_with_points', models.BooleanField(default=True, help_text='Off: an order that uses it uses no points.', verbose_name='goes with points')),
                ('combines_with_coupons', models.BooleanField(default=False, help_text='With those that also do, one of each template. Off: alone on its order.', verbose_name='goes with other coupons')),
                ('active', models.BooleanField(default=True, help_text='Off: not claimed, redeemed or issued by hand. Coupons that members hold stay good, and rules that give it go on until they are retired.', verbose_name='can be had')),
                ('least_tier', models.ForeignKey(blank=True, help_text='Empty: for every tier.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='tiers.tier', verbose_name='claimed from this tier on')),
                ('segment', models.ForeignKey(blank=True, help_text='Others do not see that it can be claimed.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.segment', verbose_name='claimed only by a segment')),
            ],
            options={
                'verbose_name': 'coupon template',
                'verbose_name_plural': 'coupon templates',
                'ordering': ['code'],
            },
        ),
        migrations.CreateModel(
            name='CouponBatch',
            fields=[
                ('id', models.UUIDField(default=loyalty.lib.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('listed', models.JSONField(default=list, help_text='Our own ids, in their order; empty once they were issued to.', verbose_name='members of the file')),
                ('members', models.PositiveIntegerField(help_text='As counted when it was asked for.', verbose_name='members')),
                ('status', models.CharField(choices=[('issuing', 'being issued'), ('done', 'done'), ('stopped', 'stopped')], default='issuing', max_length=8, verbose_name='status')),
                ('after', models.UUIDField(null=True, verbose_name='issued up to')),
                ('issued', models.PositiveIntegerField(default=0, verbose_name='issued')),
                ('left_out', models.PositiveIntegerField(default=0, help_text='Who had as many as one may have, or takes no part any more.', verbose_name='left out')),
                ('reason', models.CharField(max_length=300, verbose_name='reason')),
                ('why_stopped', models.CharField(blank=True, max_length=300, verbose_name='why it stopped')),
                ('made_by', models.CharField(max_length=150, verbose_name='by')),
                ('made_at', models.DateTimeField(verbose_name='made')),
                ('finished_at', models.DateTimeField(null=True, verbose_name='finished')),
                ('segment', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.segment', verbose_name='segment')),
                ('template', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='mall.coupontemplate', verbose_name='template')),
            ],
            options={
                'verbose_name': 'issue of coupons to many',
                'verbose_name_plural': 'issues of coupons to many',
                'ordering': ['-id'],
            },
        ),
        migrations.CreateModel(
            name='Coupon',
            fields=[
                ('id', models.UUIDField(default=loyalty.lib.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('code', models.CharField(max_length=12, verbose_name='code')),
                ('status', models.CharField(choices=[('available', 'available'), ('used', 'used'), ('withdrawn', 'withdrawn')], default='available', max_length=9, verbose_name='status')),
                ('terms', models.JSONField(help_text='What it does, as the template said when it was issued.', verbose_name='terms')),
                ('source', models.CharField(choices=[('rule', 'earning rule'), ('tier', 'reaching a tier'), ('check_in', 'check-in'), ('redemption', 'redeemed'), ('claim', 'claimed by the member'), ('operator', 'operator')], max_length=10, verbose_name='source')),
                ('subject', models.CharField(blank=True, max_length=200, verbose_name='issued for')),
                ('actor', models.CharField(max_length=150, verbose_name='by')),
                ('key', models.CharField(max_length=300, verbose_name='key')),
                ('number', models.PositiveSmallIntegerField(help_text='Counts the coupons of one issue.', verbose_name='number')),
                ('counted', models.BooleanField(default=False, verbose_name='counts for the limit in all')),
                ('issued_at', models.DateTimeField(verbose_name='issued')),
                ('starts_at', models.DateTimeField(null=True, verbose_name='good from')),
                ('expires_at', models.DateTimeField(help_text='The first instant at which the coupon is gone.', verbose_name='expires')),
                ('used_by', models.CharField(blank=True, max_length=64, verbose_name='used for the purchase')),
                ('used_at', models.DateTimeField(null=True, verbose_name='used at')),
                ('discount_cents', models.BigIntegerField(help_text='In cents; empty where it was not said.', null=True, verbose_name='took off')),
                ('withdrawn_for', models.CharField(blank=True, max_length=300, verbose_name='withdrawn because')),
                ('member', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.member', verbose_name='member')),
                ('template', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='mall.coupontemplate', verbose_name='template')),
            ],
            options={
                'verbose_name': 'coupon',
                'verbose_name_plural': 'coupons',
                'ordering': ['-id'],
                'permissions': [('issue_coupon', 'Can issue coupons'), ('withdraw_coupon', 'Can withdraw coupons')],
            },
        ),
        migrations.CreateModel(
            name='HistoricalCouponTemplate',
            fields=[
                ('code', models.CharField(db_index=True, help_text='How rules, rewards and the storefront name it, like welcome-10. It stays.', max_length=40, validators=[django.core.validators.RegexValidator('^[a-z0-9][a-z0-9_-]*\\Z', 'Write small letters, digits, hyphens and underscores.')], verbose_name='code')),
                ('name_zh', models.CharField(max_length=60, verbose_name='name, Chinese')),
                ('name_en', models.CharField(max_length=60, verbose_name='name, English')),
                ('text_zh', models.CharField(blank=True, help_text='What members should know besides what the fields say.', max_length=500, verbose_name='small print, Chinese')),
                ('text_en', models.CharField(blank=True, max_length=500, verbose_name='small print, English')),
                ('kind', models.CharField(choices=[('amount', 'an amount off'), ('percent', 'a percentage off'), ('free_shipping', 'free shipping')], max_length=13, verbose_name='kind')),
                ('amount_cents', models.PositiveBigIntegerField(default=0, help_text='In cents: 1000 is 10.00.', verbose_name='amount off')),
                ('percent_bps', models.PositiveIntegerField(default=0, help_text='1500 takes 15 % off, which leaves 85 %.', validators=[django.core.validators.MaxValueValidator(10000)], verbose_name='percentage off (1/100 %)')),
                ('cap_cents', models.PositiveBigIntegerField(blank=True, help_text='In cents, of a percentage. Empty: no cap.', null=True, validators=[django.core.validators.MinValueValidator(1)], verbose_name='at most so much off')),
                ('threshold_cents', models.PositiveBigIntegerField(default=0, help_text='In cents: what the lines it is for must come to, before any coupon. 0: any order.', verbose_name='from this total on')),
                ('categories', models.JSONField(blank=True, default=list, validators=[mall.coupons.models.category_paths], verbose_name='only on these categories')),
                ('excluded', models.JSONField(blank=True, default=list, validators=[mall.coupons.models.category_paths], verbose_name='not on these categories')),
                ('valid_days', models.PositiveIntegerField(blank=True, help_text='Through the end of that day after it was issued. Empty: until the last day below.', null=True, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(3650)], verbose_name='good for so many days')),
                ('starts_on', models.DateField(blank=True, help_text='Before it, a coupon is shown but cannot be used. Empty: at once.', null=True, verbose_name='first day')),
                ('ends_on', models.DateField(blank=True, help_text='No coupon is good after it, and none is issued. Empty: only the days count.', null=True, verbose_name='last day')),
                ('in_all', models.PositiveIntegerField(blank=True, help_text='Issued in all, counted while a limit stands here. Empty: no limit.', null=True, validators=[django.core.validators.MinValueValidator(1)], verbose_name='in all')),
                ('per_member', models.PositiveIntegerField(blank=True, help_text='However they come. What members may claim needs one.', null=True, validators=[django.core.validators.MinValueValidator(1)], verbose_name='per member')),
                ('claimable', models.BooleanField(default=False, help_text='Off: it is only issued by rules, rewards, tiers and operators.', verbose_name='members may claim it')),
                ('combines_with_points', models.BooleanField(default=True, help_text='Off: an order that uses it uses no points.', verbose_name='goes with points')),
                ('combines_with_coupons', models.BooleanField(default=False, help_text='With those that also do, one of each template. Off: alone on its order.', verbose_name='goes with other coupons')),
                ('active', models.BooleanField(default=True, help_text='Off: not claimed, redeemed or issued by hand. Coupons that members hold stay good, and rules that give it go on until they are retired.', verbose_name='can be had')),
                ('history_id', models.AutoField(primary_key=True, serialize=False)),
                ('history_date', models.DateTimeField(db_index=True)),
                ('history_change_reason', models.CharField(max_length=100, null=True)),
                ('history_type', models.CharField(choices=[('+', 'Created'), ('~', 'Changed'), ('-', 'Deleted')], max_length=1)),
                ('history_user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('least_tier', models.ForeignKey(blank=True, db_constraint=False, help_text='Empty: for every tier.', null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='tiers.tier', verbose_name='claimed from this tier on')),
                ('segment', models.ForeignKey(blank=True, db_constraint=False, help_text='Others do not see that it can be claimed.', null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='accounts.segment', verbose_name='claimed only by a segment')),
            ],
            options={
                'verbose_name': 'historical coupon template',
                'verbose_name_plural': 'historical coupon templates',
                'ordering': ('-history_date', '-history_id'),
                'get_latest_by': ('history_date', 'history_id'),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.AddConstraint(
            model_name='coupontemplate',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('amount_cents__gte', 1), ('cap_cents', None), ('kind', 'amount'), ('percent_bps', 0)), models.Q(('amount_cents', 0), ('kind', 'percent'), ('percent_bps__gte', 1), ('percent_bps__lte', 10000)), models.Q(('amount_cents', 0), ('cap_cents', None), ('kind', 'free_shipping'), ('percent_bps', 0)), _connector='OR'), name='coupon_template_takes_something_off', violation_error_message='Say how much it takes off: an amount, or a percentage.'),
        ),
        migrations.AddConstraint(
            model_name='coupontemplate',
            constraint=models.CheckConstraint(condition=models.Q(('valid_days__isnull', False), ('ends_on__isnull', False), _connector='OR'), name='coupon_template_ends', violation_error_message='Every coupon ends: say after how many days, or on which day.'),
        ),
        migrations.AddConstraint(
            model_name='coupontemplate',
            constraint=models.CheckConstraint(condition=models.Q(('starts_on', None), ('ends_on', None), ('starts_on__lte', models.F('ends_on')), _connector='OR'), name='coupon_template_ends_after_it_starts', violation_error_message='The last day comes before the first.'),
        ),
        migrations.AddConstraint(
            model_name='coupontemplate',
            constraint=models.CheckConstraint(condition=models.Q(('claimable', False), ('per_member__isnull', False), _connector='OR'), name='coupon_template_claimed_within_limits', violation_error_message='Say how many a member may have: what may be claimed without a limit would be claimed without end.'),
        ),
        migrations.AddIndex(
            model_name='couponbatch',
            index=models.Index(condition=models.Q(('status', 'issuing')), fields=['id'], name='coupon_batch_issuing'),
        ),
        migrations.AddConstraint(
            model_name='couponbatch',
            constraint=models.CheckConstraint(condition=models.Q(('members__gte', 1)), name='coupon_batch_to_somebody'),
        ),
        migrations.AddConstraint(
            model_name='couponbatch',
            constraint=models.CheckConstraint(condition=models.Q(('reason', ''), _negated=True), name='coupon_batch_says_why'),
        ),
        migrations.AddConstraint(
            model_name='couponbatch',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('finished_at', None), ('status', 'issuing')), models.Q(models.Q(('status', 'issuing'), _negated=True), ('finished_at__isnull', False)), _connector='OR'), name='coupon_batch_over_or_not'),
        ),
        migrations.AddIndex(
            model_name='coupon',
            index=models.Index(fields=['member', '-id'], name='coupon_newest'),
        ),
        migrations.AddIndex(
            model_name='coupon',
            index=models.Index(fields=['code'], name='coupon_by_code'),
        ),
        migrations.AddIndex(
            model_name='coupon',
            index=models.Index(fields=['template', '-id'], name='coupon_by_template'),
        ),
        migrations.AddIndex(
            model_name='coupon',
            index=models.Index(condition=models.Q(('status', 'withdrawn'), _negated=True), fields=['member', 'template'], name='coupon_of_template'),
        ),
        migrations.AddIndex(
            model_name='coupon',
            index=models.Index(condition=models.Q(('subject', ''), _negated=True), fields=['member', 'subject'], name='coupon_issued_for'),
        ),
        migrations.AddIndex(
            model_name='coupon',
            index=models.Index(condition=models.Q(('status', 'used')), fields=['member', 'used_by'], name='coupon_used_for'),
        ),
        migrations.AddConstraint(
            model_name='coupon',
            constraint=models.UniqueConstraint(fields=('member', 'key', 'number'), name='coupon_issued_once'),
        ),
        migrations.AddConstraint(
            model_name='coupon',
            constraint=models.UniqueConstraint(fields=('member', 'code'), name='coupon_code_once'),
        ),
        migrations.AddConstraint(
            model_name='coupon',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('status', 'used'), ('used_at__isnull', False), models.Q(('used_by', ''), _negated=True)), models.Q(models.Q(('status', 'used'), _negated=True), ('discount_cents', None), ('used_at', None), ('used_by', '')), _connector='OR'), name='coupon_used_says_for_what'),
        ),
        migrations.AddConstraint(
            model_name='coupon',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('status', 'withdrawn'), models.Q(('withdrawn_for', ''), _negated=True)), models.Q(('status', 'available'), ('withdrawn_for', '')), ('status', 'used'), _connector='OR'), name='coupon_withdrawn_says_why'),
        ),
        migrations.AddConstraint(
            model_name='coupon',
            constraint=models.CheckConstraint(condition=models.Q(('starts_at', None), ('starts_at__lt', models.F('expires_at')), _connector='OR'), name='coupon_expires_after_it_starts'),
        ),
    ]
