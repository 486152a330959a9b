import django.core.validators
import django.db.models.deletion
import loyalty.lib.ids
import simple_history.models
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("points", "0010_budgets")]

    operations = [
        migrations.CreateModel(
            name='CardKind',
            fields=[
                ('code', models.SlugField(help_text='How rules and the storefront name it, like double. It stays.', max_length=40, primary_key=True, serialize=False, verbose_name='code')),
                ('name_zh', models.CharField(help_text='As members read it: 翻倍卡, 补签卡 …', max_length=40, verbose_name='name, Chinese')),
                ('name_en', models.CharField(max_length=40, verbose_name='name, English')),
                ('use', models.CharField(choices=[('multiplier', 'multiplies what an order earns'), ('make_up', 'makes up a missed check-in')], max_length=12, verbose_name='use')),
                ('factor_percent', models.PositiveIntegerField(blank=True, help_text='What members are told of a multiplier card; 200 is twice the points. What it does is set in the earning rule that uses it.', null=True, validators=[django.core.validators.MinValueValidator(101)], verbose_name='factor, in percent')),
                ('valid_days', models.PositiveIntegerField(blank=True, help_text='A card is good through the end of that day after it was granted. Empty: for ever. Cards granted already keep their expiry.', null=True, validators=[django.core.validators.MinValueValidator(1)], verbose_name='valid, in days')),
                ('active', models.BooleanField(default=True, help_text='Off: for no new rule and no new grant. Members keep the cards they have, and rules that give it go on until they are retired.', verbose_name='can be chosen')),
            ],
            options={
                'verbose_name': 'kind of card',
                'verbose_name_plural': 'kinds of cards',
                'ordering': ['code'],
                'constraints': [models.CheckConstraint(condition=models.Q(('use', 'multiplier'), ('factor_percent', None), _connector='OR'), name='card_kind_factor_is_a_multipliers')],
            },
        ),
        migrations.CreateModel(
            name='HistoricalCardKind',
            fields=[
                ('code', models.SlugField(help_text='How rules and the storefront name it, like double. It stays.', max_length=40, verbose_name='code')),
                ('name_zh', models.CharField(help_text='As members read it: 翻倍卡, 补签卡 …', max_length=40, verbose_name='name, Chinese')),
                ('name_en', models.CharField(max_length=40, verbose_name='name, English')),
                ('use', models.CharField(choices=[('multiplier', 'multiplies what an order earns'), ('make_up', 'makes up a missed check-in')], max_length=12, verbose_name='use')),
                ('factor_percent', models.PositiveIntegerField(blank=True, help_text='What members are told of a multiplier card; 200 is twice the points. What it does is set in the earning rule that uses it.', null=True, validators=[django.core.validators.MinValueValidator(101)], verbose_name='factor, in percent')),
                ('valid_days', models.PositiveIntegerField(blank=True, help_text='A card is good through the end of that day after it was granted. Empty: for ever. Cards granted already keep their expiry.', null=True, validators=[django.core.validators.MinValueValidator(1)], verbose_name='valid, in days')),
                ('active', models.BooleanField(default=True, help_text='Off: for no new rule and no new grant. Members keep the cards they have, and rules that give it go on until they are retired.', verbose_name='can be chosen')),
                ('history_id', models.AutoField(primary_key=True, serialize=False)),
                ('history_date', models.DateTimeField(db_index=True)),
                ('history_change_reason', models.CharField(max_length=100, null=True)),
                ('history_type', models.CharField(choices=[('+', 'Created'), ('~', 'Changed'), ('-', 'Deleted')], max_length=1)),
                ('history_user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name': 'historical kind of card',
                'verbose_name_plural': 'historical kinds of cards',
                'ordering': ('-history_date', '-history_id'),
                'get_latest_by': ('history_date', 'history_id'),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name='Card',
            fields=[
                ('id', models.UUIDField(default=loyalty.lib.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('status', models.CharField(choices=[('available', 'available'), ('used', 'used'), ('expired', 'expired'), ('withdrawn', 'withdrawn')], default='available', max_length=10, verbose_name='status')),
                ('granted_at', models.DateTimeField(verbose_name='granted')),
                ('expires_at', models.DateTimeField(blank=True, help_text='The first instant at which the card is gone. Empty: never.', null=True, verbose_name='expires')),
                ('subject', models.CharField(blank=True, max_length=200, verbose_name='granted for')),
                ('actor', models.CharField(max_length=100, verbose_name='by')),
                ('key', models.CharField(max_length=300, verbose_name='key')),
                ('number', models.PositiveSmallIntegerField(help_text='Counts the cards of one grant.', verbose_name='number')),
                ('used_by', models.CharField(blank=True, max_length=200, verbose_name='used for')),
                ('used_at', models.DateTimeField(blank=True, null=True, verbose_name='used at')),
                ('withdrawn_for', models.CharField(blank=True, max_length=300, verbose_name='withdrawn because')),
                ('member', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.member', verbose_name='member')),
                ('kind', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='points.cardkind', verbose_name='kind')),
            ],
            options={
                'verbose_name': 'card',
                'verbose_name_plural': 'cards',
                'ordering': ['-id'],
                'permissions': [('grant_card', 'Can grant cards'), ('withdraw_card', 'Can withdraw cards')],
                'indexes': [models.Index(fields=['member', '-id'], name='card_newest'), models.Index(condition=models.Q(('status', 'available')), fields=['member', 'kind', 'expires_at'], name='card_available'), models.Index(condition=models.Q(('status', 'available')), fields=['expires_at'], name='card_due')],
                'constraints': [models.UniqueConstraint(fields=('member', 'key', 'number'), name='card_granted_once'), models.UniqueConstraint(condition=models.Q(('status', 'used')), fields=('member', 'kind', 'used_by'), name='card_one_of_a_kind_for_a_subject'), models.CheckConstraint(condition=models.Q(models.Q(('status', 'used'), ('used_at__isnull', False), models.Q(('used_by', ''), _negated=True)), models.Q(models.Q(('status', 'used'), _negated=True), ('used_at', None), ('used_by', '')), _connector='OR'), name='card_used_says_for_what'), models.CheckConstraint(condition=models.Q(models.Q(('status', 'withdrawn'), models.Q(('withdrawn_for', ''), _negated=True)), models.Q(('status', 'available'), ('withdrawn_for', '')), ('status__in', ['used', 'expired']), _connector='OR'), name='card_withdrawn_says_why')],
            },
        ),
    ]
