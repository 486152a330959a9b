import django.contrib.postgres.fields
import django.core.validators
import django.db.models.deletion
import django.db.models.expressions
import loyalty.lib.ids
import simple_history.models
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ("mall", "0008_redemption_queue"),
        ("points", "0025_bought"),
        ("accounts", "0018_member_life"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RunSQL("CREATE SEQUENCE mall_flashticket_numbers", "DROP SEQUENCE mall_flashticket_numbers"),
        migrations.CreateModel(
            name='FlashSale',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name_zh', models.CharField(help_text='As members read it: 周五秒杀.', max_length=60, verbose_name='name, Chinese')),
                ('name_en', models.CharField(max_length=60, verbose_name='name, English')),
                ('text_zh', models.TextField(blank=True, help_text='What members read before it begins.', max_length=1000, verbose_name='preview, Chinese')),
                ('text_en', models.TextField(blank=True, max_length=1000, verbose_name='preview, English')),
                ('points', models.PositiveBigIntegerField(help_text='What one costs in the sale, the same for every tier.', validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(1000000000)], verbose_name='points')),
                ('cents', models.PositiveBigIntegerField(default=0, help_text='In cents, on top of the points. 0: points alone.', verbose_name='and money')),
                ('quantity', models.PositiveIntegerField(help_text="So many are set aside from the reward's stock; if there are fewer, all there are.", validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(1000000)], verbose_name='units')),
                ('per_member', models.PositiveIntegerField(default=1, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(1000)], verbose_name='per member')),
                ('set_aside_hours', models.PositiveSmallIntegerField(default=24, help_text='From then on nobody else gets these units. What is left returns to the shelf when the sale ends.', validators=[django.core.validators.MaxValueValidator(672)], verbose_name='set aside, in hours before')),
                ('line_minutes', models.PositiveSmallIntegerField(default=10, help_text='From then on members can take a ticket.', validators=[django.core.validators.MaxValueValidator(1440)], verbose_name='line opens, in minutes before')),
                ('turn_minutes', models.PositiveSmallIntegerField(default=3, help_text="Whoever's turn it is has so long to redeem; then the unit goes to the next in line.", validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(60)], verbose_name='a turn, in minutes')),
                ('pay_minutes', models.PositiveSmallIntegerField(default=15, help_text='Where money is due. What is not paid in time goes to the next in line.', validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(1440)], verbose_name='to be paid within, in minutes')),
                ('starts_at', models.DateTimeField(verbose_name='begins')),
                ('ends_at', models.DateTimeField(verbose_name='ends')),
                ('by_hand', models.BooleanField(default=False, editable=False, help_text='Changes of the plan leave it as it is.', verbose_name='changed by hand')),
                ('called_off_at', models.DateTimeField(blank=True, editable=False, null=True, verbose_name='called off')),
            ],
            options={
                'verbose_name': 'flash sale',
                'verbose_name_plural': 'flash sales',
                'ordering': ['-starts_at', '-id'],
            },
        ),
        migrations.CreateModel(
            name='FlashTicket',
            fields=[
                ('id', models.UUIDField(default=loyalty.lib.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('number', models.BigIntegerField(verbose_name='number')),
                ('status', models.CharField(choices=[('waiting', 'waits in line'), ('admitted', 'has its turn'), ('used', 'redeemed'), ('passed', 'let its turn pass'), ('left', 'left the line')], default='waiting', max_length=8, verbose_name='status')),
                ('quantity', models.PositiveIntegerField(default=1, validators=[django.core.validators.MinValueValidator(1)], verbose_name='units')),
                ('matures_at', models.DateTimeField(verbose_name='can be served from')),
                ('until', models.DateTimeField(null=True, verbose_name='its turn ends')),
                ('created_at', models.DateTimeField(verbose_name='ticket taken')),
            ],
            options={
                'verbose_name': 'ticket of a flash sale',
                'verbose_name_plural': 'tickets of flash sales',
                'ordering': ['-id'],
            },
        ),
        migrations.CreateModel(
            name='HistoricalFlashPlan',
            fields=[
                ('id', models.BigIntegerField(auto_created=True, blank=True, db_index=True, verbose_name='ID')),
                ('name_zh', models.CharField(help_text='As members read it: 周五秒杀.', max_length=60, verbose_name='name, Chinese')),
                ('name_en', models.CharField(max_length=60, verbose_name='name, English')),
                ('text_zh', models.TextField(blank=True, help_text='What members read before it begins.', max_length=1000, verbose_name='preview, Chinese')),
                ('text_en', models.TextField(blank=True, max_length=1000, verbose_name='preview, English')),
                ('points', models.PositiveBigIntegerField(help_text='What one costs in the sale, the same for every tier.', validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(1000000000)], verbose_name='points')),
                ('cents', models.PositiveBigIntegerField(default=0, help_text='In cents, on top of the points. 0: points alone.', verbose_name='and money')),
                ('quantity', models.PositiveIntegerField(help_text="So many are set aside from the reward's stock; if there are fewer, all there are.", validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(1000000)], verbose_name='units')),
                ('per_member', models.PositiveIntegerField(default=1, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(1000)], verbose_name='per member')),
                ('set_aside_hours', models.PositiveSmallIntegerField(default=24, help_text='From then on nobody else gets these units. What is left returns to the shelf when the sale ends.', validators=[django.core.validators.MaxValueValidator(672)], verbose_name='set aside, in hours before')),
                ('line_minutes', models.PositiveSmallIntegerField(default=10, help_text='From then on members can take a ticket.', validators=[django.core.validators.MaxValueValidator(1440)], verbose_name='line opens, in minutes before')),
                ('turn_minutes', models.PositiveSmallIntegerField(default=3, help_text="Whoever's turn it is has so long to redeem; then the unit goes to the next in line.", validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(60)], verbose_name='a turn, in minutes')),
                ('pay_minutes', models.PositiveSmallIntegerField(default=15, help_text='Where money is due. What is not paid in time goes to the next in line.', validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(1440)], verbose_name='to be paid within, in minutes')),
                ('weekdays', django.contrib.postgres.fields.ArrayField(base_field=models.PositiveSmallIntegerField(validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(7)]), help_text='1 is Monday, 7 is Sunday.', size=7, verbose_name='days of the week')),
                ('every_weeks', models.PositiveSmallIntegerField(default=1, help_text='Counted from the week of the first day.', validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(52)], verbose_name='every so many weeks')),
                ('at', models.TimeField(help_text="Time of day in the programme's time zone.", verbose_name='begins at')),
                ('minutes', models.PositiveSmallIntegerField(default=60, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(10080)], verbose_name='lasts, in minutes')),
                ('first_on', models.DateField(verbose_name='first day')),
                ('last_on', models.DateField(blank=True, help_text='Empty: no end.', null=True, verbose_name='last day')),
                ('active', models.BooleanField(default=True, help_text='Off: no more sales are made, and those for which nothing is set aside yet go.', verbose_name='in use')),
                ('history_id', models.AutoField(primary_key=True, serialize=False)),
                ('history_date', models.DateTimeField(db_index=True)),
                ('history_change_reason', models.CharField(max_length=100, null=True)),
                ('history_type', models.CharField(choices=[('+', 'Created'), ('~', 'Changed'), ('-', 'Deleted')], max_length=1)),
            ],
            options={
                'verbose_name': 'historical plan of flash sales',
                'verbose_name_plural': 'historical plans of flash sales',
                'ordering': ('-history_date', '-history_id'),
                'get_latest_by': ('history_date', 'history_id'),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name='HistoricalFlashSale',
            fields=[
                ('id', models.BigIntegerField(auto_created=True, blank=True, db_index=True, verbose_name='ID')),
                ('name_zh', models.CharField(help_text='As members read it: 周五秒杀.', max_length=60, verbose_name='name, Chinese')),
                ('name_en', models.CharField(max_length=60, verbose_name='name, English')),
                ('text_zh', models.TextField(blank=True, help_text='What members read before it begins.', max_length=1000, verbose_name='preview, Chinese')),
                ('text_en', models.TextField(blank=True, max_length=1000, verbose_name='preview, English')),
                ('points', models.PositiveBigIntegerField(help_text='What one costs in the sale, the same for every tier.', validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(1000000000)], verbose_name='points')),
                ('cents', models.PositiveBigIntegerField(default=0, help_text='In cents, on top of the points. 0: points alone.', verbose_name='and money')),
                ('quantity', models.PositiveIntegerField(help_text="So many are set aside from the reward's stock; if there are fewer, all there are.", validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(1000000)], verbose_name='units')),
                ('per_member', models.PositiveIntegerField(default=1, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(1000)], verbose_name='per member')),
                ('set_aside_hours', models.PositiveSmallIntegerField(default=24, help_text='From then on nobody else gets these units. What is left returns to the shelf when the sale ends.', validators=[django.core.validators.MaxValueValidator(672)], verbose_name='set aside, in hours before')),
                ('line_minutes', models.PositiveSmallIntegerField(default=10, help_text='From then on members can take a ticket.', validators=[django.core.validators.MaxValueValidator(1440)], verbose_name='line opens, in minutes before')),
                ('turn_minutes', models.PositiveSmallIntegerField(default=3, help_text="Whoever's turn it is has so long to redeem; then the unit goes to the next in line.", validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(60)], verbose_name='a turn, in minutes')),
                ('pay_minutes', models.PositiveSmallIntegerField(default=15, help_text='Where money is due. What is not paid in time goes to the next in line.', validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(1440)], verbose_name='to be paid within, in minutes')),
                ('starts_at', models.DateTimeField(verbose_name='begins')),
                ('ends_at', models.DateTimeField(verbose_name='ends')),
                ('by_hand', models.BooleanField(default=False, editable=False, help_text='Changes of the plan leave it as it is.', verbose_name='changed by hand')),
                ('called_off_at', models.DateTimeField(blank=True, editable=False, null=True, verbose_name='called off')),
                ('history_id', models.AutoField(primary_key=True, serialize=False)),
                ('history_date', models.DateTimeField(db_index=True)),
                ('history_change_reason', models.CharField(max_length=100, null=True)),
                ('history_type', models.CharField(choices=[('+', 'Created'), ('~', 'Changed'), ('-', 'Deleted')], max_length=1)),
            ],
            options={
                'verbose_name': 'historical flash sale',
                'verbose_name_plural': 'historical flash sales',
                'ordering': ('-history_date', '-history_id'),
                'get_latest_by': ('history_date', 'history_id'),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name='HistoricalTopUpTerms',
            fields=[
                ('id', models.IntegerField(blank=True, db_index=True)),
                ('active', models.BooleanField(default=False, help_text='Off: no top-up is booked. What was bought stays.', verbose_name='members can buy points')),
                ('points_per_unit', models.PositiveIntegerField(default=100, help_text='100: 1.00 brings 100 points. If points pay more at checkout than they cost here, buying them is a discount.', validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(1000000)], verbose_name='points for one unit paid')),
                ('least_cents', models.PositiveBigIntegerField(default=100, help_text='In cents.', validators=[django.core.validators.MinValueValidator(1)], verbose_name='least in one go')),
                ('most_cents', models.PositiveBigIntegerField(default=100000, help_text='In cents.', validators=[django.core.validators.MinValueValidator(1)], verbose_name='most in one go')),
                ('most_cents_month', models.PositiveBigIntegerField(default=500000, help_text="In cents, by the programme's calendar month.", validators=[django.core.validators.MinValueValidator(1)], verbose_name='most of a member in a month')),
                ('history_id', models.AutoField(primary_key=True, serialize=False)),
                ('history_date', models.DateTimeField(db_index=True)),
                ('history_change_reason', models.CharField(max_length=100, null=True)),
                ('history_type', models.CharField(choices=[('+', 'Created'), ('~', 'Changed'), ('-', 'Deleted')], max_length=1)),
            ],
            options={
                'verbose_name': 'historical points for money',
                'verbose_name_plural': 'historical points for money',
                'ordering': ('-history_date', '-history_id'),
                'get_latest_by': ('history_date', 'history_id'),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name='TopUp',
            fields=[
                ('id', models.UUIDField(default=loyalty.lib.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('cents', models.BigIntegerField(validators=[django.core.validators.MinValueValidator(1)], verbose_name='paid')),
                ('points', models.BigIntegerField(verbose_name='points')),
                ('points_back', models.BigIntegerField(default=0, verbose_name='points given back')),
                ('cents_back', models.BigIntegerField(default=0, verbose_name='money given back')),
                ('payment', models.CharField(help_text="The storefront's own number of it.", max_length=64, verbose_name='payment')),
                ('counted_on', models.DateField(verbose_name='counts for the day')),
                ('actor', models.CharField(max_length=150, verbose_name='by')),
                ('created_at', models.DateTimeField(verbose_name='made')),
                ('changed_at', models.DateTimeField(verbose_name='last change')),
            ],
            options={
                'verbose_name': 'top-up',
                'verbose_name_plural': 'top-ups',
                'ordering': ['-id'],
            },
        ),
        migrations.CreateModel(
            name='TopUpTerms',
            fields=[
                ('id', models.SmallAutoField(primary_key=True, serialize=False)),
                ('active', models.BooleanField(default=False, help_text='Off: no top-up is booked. What was bought stays.', verbose_name='members can buy points')),
                ('points_per_unit', models.PositiveIntegerField(default=100, help_text='100: 1.00 brings 100 points. If points pay more at checkout than they cost here, buying them is a discount.', validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(1000000)], verbose_name='points for one unit paid')),
                ('least_cents', models.PositiveBigIntegerField(default=100, help_text='In cents.', validators=[django.core.validators.MinValueValidator(1)], verbose_name='least in one go')),
                ('most_cents', models.PositiveBigIntegerField(default=100000, help_text='In cents.', validators=[django.core.validators.MinValueValidator(1)], verbose_name='most in one go')),
                ('most_cents_month', models.PositiveBigIntegerField(default=500000, help_text="In cents, by the programme's calendar month.", validators=[django.core.validators.MinValueValidator(1)], verbose_name='most of a member in a month')),
            ],
            options={
                'verbose_name': 'points for money',
                'verbose_name_plural': 'points for money',
            },
        ),
        migrations.AlterField(
            model_name='redemption',
            name='price',
            field=models.CharField(help_text='Which price it was: list, clearance, scarcity, tier, tier_discount, markdown, sale.', max_length=16, verbose_name='price'),
        ),
        migrations.CreateModel(
            name='FlashPlan',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name_zh', models.CharField(help_text='As members read it: 周五秒杀.', max_length=60, verbose_name='name, Chinese')),
                ('name_en', models.CharField(max_length=60, verbose_name='name, English')),
                ('text_zh', models.TextField(blank=True, help_text='What members read before it begins.', max_length=1000, verbose_name='preview, Chinese')),
                ('text_en', models.TextField(blank=True, max_length=1000, verbose_name='preview, English')),
                ('points', models.PositiveBigIntegerField(help_text='What one costs in the sale, the same for every tier.', validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(1000000000)], verbose_name='points')),
                ('cents', models.PositiveBigIntegerField(default=0, help_text='In cents, on top of the points. 0: points alone.', verbose_name='and money')),
                ('quantity', models.PositiveIntegerField(help_text="So many are set aside from the reward's stock; if there are fewer, all there are.", validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(1000000)], verbose_name='units')),
                ('per_member', models.PositiveIntegerField(default=1, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(1000)], verbose_name='per member')),
                ('set_aside_hours', models.PositiveSmallIntegerField(default=24, help_text='From then on nobody else gets these units. What is left returns to the shelf when the sale ends.', validators=[django.core.validators.MaxValueValidator(672)], verbose_name='set aside, in hours before')),
                ('line_minutes', models.PositiveSmallIntegerField(default=10, help_text='From then on members can take a ticket.', validators=[django.core.validators.MaxValueValidator(1440)], verbose_name='line opens, in minutes before')),
                ('turn_minutes', models.PositiveSmallIntegerField(default=3, help_text="Whoever's turn it is has so long to redeem; then the unit goes to the next in line.", validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(60)], verbose_name='a turn, in minutes')),
                ('pay_minutes', models.PositiveSmallIntegerField(default=15, help_text='Where money is due. What is not paid in time goes to the next in line.', validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(1440)], verbose_name='to be paid within, in minutes')),
                ('weekdays', django.contrib.postgres.fields.ArrayField(base_field=models.PositiveSmallIntegerField(validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(7)]), help_text='1 is Monday, 7 is Sunday.', size=7, verbose_name='days of the week')),
                ('every_weeks', models.PositiveSmallIntegerField(default=1, help_text='Counted from the week of the first day.', validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(52)], verbose_name='every so many weeks')),
                ('at', models.TimeField(help_text="Time of day in the programme's time zone.", verbose_name='begins at')),
                ('minutes', models.PositiveSmallIntegerField(default=60, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(10080)], verbose_name='lasts, in minutes')),
                ('first_on', models.DateField(verbose_name='first day')),
                ('last_on', models.DateField(blank=True, help_text='Empty: no end.', null=True, verbose_name='last day')),
                ('active', models.BooleanField(default=True, help_text='Off: no more sales are made, and those for which nothing is set aside yet go.', verbose_name='in use')),
                ('reward', models.ForeignKey(help_text='It may be off the shelf.', on_delete=django.db.models.deletion.PROTECT, related_name='+', to='mall.reward', verbose_name='reward')),
            ],
            options={
                'verbose_name': 'plan of flash sales',
                'verbose_name_plural': 'plans of flash sales',
                'ordering': ['-active', 'name_zh', 'id'],
            },
        ),
        migrations.CreateModel(
            name='FlashStock',
            fields=[
                ('sale', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='stock', serialize=False, to='mall.flashsale', verbose_name='flash sale')),
                ('set_aside', models.BigIntegerField(default=0, verbose_name='set aside')),
                ('left', models.BigIntegerField(default=0, verbose_name='left')),
                ('promised', models.BigIntegerField(default=0, help_text='To those whose turn it is.', verbose_name='promised')),
                ('returned', models.BigIntegerField(default=0, help_text='To the shelf, at the end.', verbose_name='given back')),
                ('set_aside_at', models.DateTimeField(null=True, verbose_name='set aside at')),
                ('closed_at', models.DateTimeField(null=True, verbose_name='closed at')),
            ],
            options={
                'verbose_name': 'stock of a flash sale',
                'verbose_name_plural': 'stocks of flash sales',
            },
        ),
        migrations.AddField(
            model_name='flashsale',
            name='plan',
            field=models.ForeignKey(blank=True, editable=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='mall.flashplan', verbose_name='plan'),
        ),
        migrations.AddField(
            model_name='flashsale',
            name='reward',
            field=models.ForeignKey(help_text='It may be off the shelf.', on_delete=django.db.models.deletion.PROTECT, related_name='+', to='mall.reward', verbose_name='reward'),
        ),
        migrations.AddField(
            model_name='redemption',
            name='sale',
            field=models.ForeignKey(db_index=False, help_text='In which it was redeemed.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='mall.flashsale', verbose_name='flash sale'),
        ),
        migrations.AddIndex(
            model_name='redemption',
            index=models.Index(condition=models.Q(('sale__isnull', False)), fields=['sale', '-id'], name='redemption_in_sale'),
        ),
        migrations.AddField(
            model_name='flashticket',
            name='member',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.member', verbose_name='member'),
        ),
        migrations.AddField(
            model_name='flashticket',
            name='redemption',
            field=models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='mall.redemption', verbose_name='redemption'),
        ),
        migrations.AddField(
            model_name='flashticket',
            name='sale',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='mall.flashsale', verbose_name='flash sale'),
        ),
        migrations.AddField(
            model_name='historicalflashplan',
            name='history_user',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='historicalflashplan',
            name='reward',
            field=models.ForeignKey(blank=True, db_constraint=False, help_text='It may be off the shelf.', null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='mall.reward', verbose_name='reward'),
        ),
        migrations.AddField(
            model_name='historicalflashsale',
            name='history_user',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='historicalflashsale',
            name='plan',
            field=models.ForeignKey(blank=True, db_constraint=False, editable=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='mall.flashplan', verbose_name='plan'),
        ),
        migrations.AddField(
            model_name='historicalflashsale',
            name='reward',
            field=models.ForeignKey(blank=True, db_constraint=False, help_text='It may be off the shelf.', null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='mall.reward', verbose_name='reward'),
        ),
        migrations.AddField(
            model_name='historicaltopupterms',
            name='history_user',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='topup',
            name='entry',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='points.entry', verbose_name='booked with'),
        ),
        migrations.AddField(
            model_name='topup',
            name='member',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.member', verbose_name='member'),
        ),
        migrations.AddConstraint(
            model_name='topupterms',
            constraint=models.CheckConstraint(condition=models.Q(('least_cents__lte', models.F('most_cents'))), name='top_up_least_below_most'),
        ),
        migrations.AddConstraint(
            model_name='flashplan',
            constraint=models.CheckConstraint(condition=models.Q(('last_on', None), ('last_on__gte', models.F('first_on')), _connector='OR'), name='flash_plan_ends_after_it_begins'),
        ),
        migrations.AddConstraint(
            model_name='flashplan',
            constraint=models.CheckConstraint(condition=models.Q(('per_member__gte', 1), ('points__gte', 1), ('quantity__gte', 1)), name='flash_plan_costs_points'),
        ),
        migrations.AddConstraint(
            model_name='flashstock',
            constraint=models.CheckConstraint(condition=models.Q(('left__gte', models.F('promised')), ('promised__gte', 0)), name='flash_stock_promises_what_is_left'),
        ),
        migrations.AddConstraint(
            model_name='flashstock',
            constraint=models.CheckConstraint(condition=models.Q(('returned__gte', 0), ('set_aside__gte', django.db.models.expressions.CombinedExpression(models.F('left'), '+', models.F('returned')))), name='flash_stock_adds_up'),
        ),
        migrations.AddConstraint(
            model_name='flashstock',
            constraint=models.CheckConstraint(condition=models.Q(('closed_at', None), ('left', 0), _connector='OR'), name='flash_stock_closed_is_empty'),
        ),
        migrations.AddIndex(
            model_name='flashsale',
            index=models.Index(fields=['ends_at'], name='flash_sale_ends'),
        ),
        migrations.AddIndex(
            model_name='flashsale',
            index=models.Index(fields=['starts_at'], name='flash_sale_starts'),
        ),
        migrations.AddConstraint(
            model_name='flashsale',
            constraint=models.UniqueConstraint(fields=('plan', 'starts_at'), name='flash_sale_once_in_a_plan'),
        ),
        migrations.AddConstraint(
            model_name='flashsale',
            constraint=models.CheckConstraint(condition=models.Q(('starts_at__lt', models.F('ends_at'))), name='flash_sale_ends_after_it_begins'),
        ),
        migrations.AddConstraint(
            model_name='flashsale',
            constraint=models.CheckConstraint(condition=models.Q(('per_member__gte', 1), ('points__gte', 1), ('quantity__gte', 1)), name='flash_sale_costs_points'),
        ),
        migrations.AddIndex(
            model_name='flashticket',
            index=models.Index(fields=['member', 'sale', '-id'], name='flash_ticket_newest'),
        ),
        migrations.AddIndex(
            model_name='flashticket',
            index=models.Index(condition=models.Q(('status', 'waiting')), fields=['sale', 'number'], name='flash_ticket_line'),
        ),
        migrations.AddIndex(
            model_name='flashticket',
            index=models.Index(condition=models.Q(('status', 'admitted')), fields=['sale', 'until'], name='flash_ticket_turns'),
        ),
        migrations.AddConstraint(
            model_name='flashticket',
            constraint=models.UniqueConstraint(condition=models.Q(('status__in', ['waiting', 'admitted'])), fields=('member', 'sale'), name='flash_ticket_one_at_a_time'),
        ),
        migrations.AddConstraint(
            model_name='flashticket',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('status', 'admitted'), _negated=True), ('until__isnull', False), _connector='OR'), name='flash_ticket_turn_ends'),
        ),
        migrations.AddConstraint(
            model_name='flashticket',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('status', 'used'), _negated=True), ('redemption__isnull', False), _connector='OR'), name='flash_ticket_used_names_its_redemption'),
        ),
        migrations.AddIndex(
            model_name='topup',
            index=models.Index(fields=['member', '-id'], name='top_up_newest'),
        ),
        migrations.AddIndex(
            model_name='topup',
            index=models.Index(fields=['member', 'counted_on'], name='top_up_by_day'),
        ),
        migrations.AddConstraint(
            model_name='topup',
            constraint=models.UniqueConstraint(fields=('member', 'payment'), name='top_up_payment_once'),
        ),
        migrations.AddConstraint(
            model_name='topup',
            constraint=models.CheckConstraint(condition=models.Q(('cents__gte', 1), ('cents_back__gte', 0), ('cents_back__lte', models.F('cents')), ('points__gte', 1), ('points_back__gte', 0), ('points_back__lte', models.F('points'))), name='top_up_gives_back_at_most_all'),
        ),
    ]
