import django.core.validators
import django.db.models.deletion
import loyalty.lib.ids
import simple_history.models
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("mall", "0004_coupons"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Provider',
            fields=[
                ('name_zh', models.CharField(max_length=60, verbose_name='name, Chinese')),
                ('name_en', models.CharField(max_length=60, verbose_name='name, English')),
                ('code', models.CharField(help_text='Names its secret in the environment: for cinema, VOUCHER_SECRET_CINEMA. It stays.', max_length=30, primary_key=True, serialize=False, validators=[django.core.validators.RegexValidator('^[a-z][a-z0-9_]*\\Z', 'Small letters, digits and underscores, a letter first.')], verbose_name='code')),
                ('base_url', models.CharField(help_text='What comes before /orders: https://api.example.com/v1. VOUCHER_URL_… in the environment goes before it.', max_length=200, validators=[django.core.validators.RegexValidator('^(https://[^\\s/?#@]+|http://(127\\.0\\.0\\.1|localhost)(:\\d+)?)(/[^\\s?#]*)?\\Z', 'Write an https address without user, query or fragment; http only for this very machine.')], verbose_name='address')),
                ('key_id', models.CharField(help_text='Tells the provider whose secret has signed.', max_length=60, validators=[django.core.validators.RegexValidator('^[A-Za-z0-9._:-]+\\Z')], verbose_name='number of the key')),
                ('days', models.PositiveSmallIntegerField(default=3, help_text='For so long the provider is asked again where it does not answer. After that, somebody decides what becomes of the order.', validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(30)], verbose_name='days until an operator decides')),
                ('active', models.BooleanField(default=False, help_text='Off: nothing is asked of this provider; its orders wait, and no new ones are made.', verbose_name='in use')),
            ],
            options={
                'verbose_name': 'provider of vouchers',
                'verbose_name_plural': 'providers of vouchers',
                'ordering': ['code'],
            },
        ),
        migrations.CreateModel(
            name='HistoricalProvider',
            fields=[
                ('name_zh', models.CharField(max_length=60, verbose_name='name, Chinese')),
                ('name_en', models.CharField(max_length=60, verbose_name='name, English')),
                ('code', models.CharField(db_index=True, help_text='Names its secret in the environment: for cinema, VOUCHER_SECRET_CINEMA. It stays.', max_length=30, validators=[django.core.validators.RegexValidator('^[a-z][a-z0-9_]*\\Z', 'Small letters, digits and underscores, a letter first.')], verbose_name='code')),
                ('base_url', models.CharField(help_text='What comes before /orders: https://api.example.com/v1. VOUCHER_URL_… in the environment goes before it.', max_length=200, validators=[django.core.validators.RegexValidator('^(https://[^\\s/?#@]+|http://(127\\.0\\.0\\.1|localhost)(:\\d+)?)(/[^\\s?#]*)?\\Z', 'Write an https address without user, query or fragment; http only for this very machine.')], verbose_name='address')),
                ('key_id', models.CharField(help_text='Tells the provider whose secret has signed.', max_length=60, validators=[django.core.validators.RegexValidator('^[A-Za-z0-9._:-]+\\Z')], verbose_name='number of the key')),
                ('days', models.PositiveSmallIntegerField(default=3, help_text='For so long the provider is asked again where it does not answer. After that, somebody decides what becomes of the order.', validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(30)], verbose_name='days until an operator decides')),
                ('active', models.BooleanField(default=False, help_text='Off: nothing is asked of this provider; its orders wait, and no new ones are made.', verbose_name='in use')),
                ('history_id', models.AutoField(primary_key=True, serialize=False)),
                ('history_date', models.DateTimeField(db_index=True)),
                ('history_change_reason', models.CharField(max_length=100, null=True)),
                ('history_type', models.CharField(choices=[('+', 'Created'), ('~', 'Changed'), ('-', 'Deleted')], max_length=1)),
                ('history_user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name': 'historical provider of vouchers',
                'verbose_name_plural': 'historical providers of vouchers',
                'ordering': ('-history_date', '-history_id'),
                'get_latest_by': ('history_date', 'history_id'),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name='HistoricalProviderProduct',
            fields=[
                ('name_zh', models.CharField(max_length=60, verbose_name='name, Chinese')),
                ('name_en', models.CharField(max_length=60, verbose_name='name, English')),
                ('code', models.CharField(db_index=True, help_text='By which a reward names what it hands out. It stays.', max_length=40, validators=[django.core.validators.RegexValidator('^[a-z0-9][a-z0-9_-]*\\Z', 'Write small letters, digits, hyphens and underscores.')], verbose_name='code')),
                ('sku', models.CharField(help_text='What the provider calls it. Orders made before keep the one of their day.', max_length=100, verbose_name='SKU at the provider')),
                ('active', models.BooleanField(default=True, help_text='Off: no new orders are made of it.', verbose_name='in use')),
                ('history_id', models.AutoField(primary_key=True, serialize=False)),
                ('history_date', models.DateTimeField(db_index=True)),
                ('history_change_reason', models.CharField(max_length=100, null=True)),
                ('history_type', models.CharField(choices=[('+', 'Created'), ('~', 'Changed'), ('-', 'Deleted')], max_length=1)),
                ('history_user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('provider', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='mall.provider', verbose_name='provider of vouchers')),
            ],
            options={
                'verbose_name': 'historical product of a provider',
                'verbose_name_plural': 'historical products of providers',
                'ordering': ('-history_date', '-history_id'),
                'get_latest_by': ('history_date', 'history_id'),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name='ProviderProduct',
            fields=[
                ('name_zh', models.CharField(max_length=60, verbose_name='name, Chinese')),
                ('name_en', models.CharField(max_length=60, verbose_name='name, English')),
                ('code', models.CharField(help_text='By which a reward names what it hands out. It stays.', max_length=40, primary_key=True, serialize=False, validators=[django.core.validators.RegexValidator('^[a-z0-9][a-z0-9_-]*\\Z', 'Write small letters, digits, hyphens and underscores.')], verbose_name='code')),
                ('sku', models.CharField(help_text='What the provider calls it. Orders made before keep the one of their day.', max_length=100, verbose_name='SKU at the provider')),
                ('active', models.BooleanField(default=True, help_text='Off: no new orders are made of it.', verbose_name='in use')),
                ('provider', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='products', to='mall.provider', verbose_name='provider of vouchers')),
            ],
            options={
                'verbose_name': 'product of a provider',
                'verbose_name_plural': 'products of providers',
                'ordering': ['provider', 'code'],
            },
        ),
        migrations.CreateModel(
            name='VoucherOrder',
            fields=[
                ('id', models.UUIDField(default=loyalty.lib.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('sku', models.CharField(max_length=100, verbose_name='SKU at the provider')),
                ('quantity', models.PositiveIntegerField(verbose_name='quantity')),
                ('state', models.CharField(choices=[('waiting', 'waits for the provider'), ('sending', 'being asked'), ('delivered', 'issued'), ('refused', 'refused'), ('withdrawn', 'cancelled at the provider'), ('unknown', 'to be decided')], default='waiting', max_length=10, verbose_name='state')),
                ('asks', models.CharField(choices=[('POST', 'to issue it'), ('GET', 'how it stands'), ('DELETE', 'to cancel it')], default='POST', max_length=6, verbose_name='what is asked next')),
                ('attempts', models.PositiveSmallIntegerField(default=0, verbose_name='attempts')),
                ('vouchers', models.JSONField(default=list, verbose_name='vouchers')),
                ('number', models.CharField(blank=True, max_length=100, verbose_name="provider's number")),
                ('detail', models.CharField(blank=True, max_length=300, verbose_name='what the provider said')),
                ('reason', models.CharField(blank=True, max_length=300, verbose_name='reason')),
                ('actor', models.CharField(blank=True, max_length=150, verbose_name='decided by')),
                ('created_at', models.DateTimeField(verbose_name='made')),
                ('due_at', models.DateTimeField(verbose_name='next attempt')),
                ('until', models.DateTimeField(verbose_name='asked until')),
                ('lease_until', models.DateTimeField(editable=False, null=True)),
                ('settled_at', models.DateTimeField(null=True, verbose_name='settled')),
                ('member', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.member', verbose_name='member')),
                ('product', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='mall.providerproduct', verbose_name='product of a provider')),
                ('provider', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='mall.provider', verbose_name='provider of vouchers')),
                ('redemption', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='mall.redemption', verbose_name='redemption')),
            ],
            options={
                'verbose_name': 'order of vouchers',
                'verbose_name_plural': 'orders of vouchers',
                'ordering': ['-id'],
                'permissions': [('decide_voucherorder', 'Can decide on orders of vouchers, and take vouchers back')],
                'indexes': [models.Index(condition=models.Q(('state', 'waiting')), fields=['provider', 'due_at'], name='voucher_order_due'), models.Index(condition=models.Q(('state', 'sending')), fields=['lease_until'], name='voucher_order_lease'), models.Index(condition=models.Q(('state', 'unknown')), fields=['settled_at'], name='voucher_order_to_decide'), models.Index(fields=['redemption'], name='voucher_order_of_redemption'), models.Index(condition=models.Q(('number', ''), _negated=True), fields=['number'], name='voucher_order_by_number')],
                'constraints': [models.UniqueConstraint(fields=('member', 'redemption'), name='voucher_order_once'), models.CheckConstraint(condition=models.Q(('quantity__gte', 1)), name='voucher_order_of_something'), models.CheckConstraint(condition=models.Q(models.Q(('lease_until__isnull', False), ('state', 'sending')), ('lease_until', None), _connector='OR'), name='voucher_order_asks_under_a_lease')],
            },
        ),
        migrations.CreateModel(
            name='VoucherAttempt',
            fields=[
                ('id', models.UUIDField(default=loyalty.lib.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('number', models.PositiveSmallIntegerField(verbose_name='number')),
                ('ask', models.CharField(choices=[('POST', 'to issue it'), ('GET', 'how it stands'), ('DELETE', 'to cancel it')], max_length=6, verbose_name='question')),
                ('started_at', models.DateTimeField(verbose_name='begun')),
                ('answered_at', models.DateTimeField(null=True, verbose_name='answered')),
                ('outcome', models.CharField(blank=True, choices=[('issued', 'issued'), ('refused', 'refused'), ('pending', 'being made'), ('absent', 'not known there'), ('cancelled', 'cancelled at the provider'), ('throttled', 'too many at once'), ('unreachable', 'not reached'), ('unknown', 'no answer')], max_length=12, verbose_name='outcome')),
                ('detail', models.CharField(blank=True, max_length=300, verbose_name='detail')),
                ('counted', models.BooleanField(default=True, help_text='Off: it came when the order was settled already, or another question had been asked meanwhile.', verbose_name='counts')),
                ('member', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.member', verbose_name='member')),
                ('order', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='mall.voucherorder', verbose_name='order of vouchers')),
            ],
            options={
                'verbose_name': 'attempt at a voucher',
                'verbose_name_plural': 'attempts at vouchers',
                'ordering': ['number'],
                'constraints': [models.UniqueConstraint(fields=('member', 'order', 'number'), name='voucher_attempt_once')],
            },
        ),
    ]
