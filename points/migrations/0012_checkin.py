import django.contrib.postgres.fields
import django.core.validators
import django.db.models.deletion
import loyalty.lib.ids
import pgtrigger.compiler
import pgtrigger.migrations
import points.checkin.models
import simple_history.models
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("points", "0011_cards")]

    operations = [
        migrations.CreateModel(
            name='CheckInTerms',
            fields=[
                ('id', models.SmallAutoField(primary_key=True, serialize=False)),
                ('milestones', django.contrib.postgres.fields.ArrayField(base_field=models.IntegerField(), blank=True, default=points.checkin.models.default_milestones, help_text='Days in a row that a rule about “streak_reached” rewards, ascending: 7,30. A streak that is longer already does not reach a new one.', size=20, verbose_name='milestones, in days')),
                ('make_up_by', models.CharField(choices=[('points', 'points only'), ('card', 'make-up cards only'), ('either', 'points or a make-up card')], default='either', max_length=10, verbose_name='a missed day is made up with')),
                ('make_up_fee', models.PositiveIntegerField(default=10, help_text='For one day made up with points. 0: it costs nothing.', validators=[django.core.validators.MaxValueValidator(1000000)], verbose_name='fee, in points')),
                ('make_ups_per_month', models.PositiveSmallIntegerField(default=3, help_text='By one member, in the month in which they are made up, whichever month they belong to. 0: none.', validators=[django.core.validators.MaxValueValidator(31)], verbose_name='days made up in a month')),
                ('make_up_days_back', models.PositiveSmallIntegerField(default=30, help_text='1: only yesterday can be made up.', validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(366)], verbose_name='how far back, in days')),
            ],
            options={
                'verbose_name': 'check-in terms',
                'verbose_name_plural': 'check-in terms',
            },
        ),
        migrations.CreateModel(
            name='HistoricalCheckInTerms',
            fields=[
                ('id', models.IntegerField(blank=True, db_index=True)),
                ('milestones', django.contrib.postgres.fields.ArrayField(base_field=models.IntegerField(), blank=True, default=points.checkin.models.default_milestones, help_text='Days in a row that a rule about “streak_reached” rewards, ascending: 7,30. A streak that is longer already does not reach a new one.', size=20, verbose_name='milestones, in days')),
                ('make_up_by', models.CharField(choices=[('points', 'points only'), ('card', 'make-up cards only'), ('either', 'points or a make-up card')], default='either', max_length=10, verbose_name='a missed day is made up with')),
                ('make_up_fee', models.PositiveIntegerField(default=10, help_text='For one day made up with points. 0: it costs nothing.', validators=[django.core.validators.MaxValueValidator(1000000)], verbose_name='fee, in points')),
                ('make_ups_per_month', models.PositiveSmallIntegerField(default=3, help_text='By one member, in the month in which they are made up, whichever month they belong to. 0: none.', validators=[django.core.validators.MaxValueValidator(31)], verbose_name='days made up in a month')),
                ('make_up_days_back', models.PositiveSmallIntegerField(default=30, help_text='1: only yesterday can be made up.', validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(366)], verbose_name='how far back, in days')),
                ('history_id', models.AutoField(primary_key=True, serialize=False)),
                ('history_date', models.DateTimeField(db_index=True)),
                ('history_change_reason', models.CharField(max_length=100, null=True)),
                ('history_type', models.CharField(choices=[('+', 'Created'), ('~', 'Changed'), ('-', 'Deleted')], max_length=1)),
                ('history_user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name': 'historical check-in terms',
                'verbose_name_plural': 'historical check-in terms',
                'ordering': ('-history_date', '-history_id'),
                'get_latest_by': ('history_date', 'history_id'),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name='CheckIn',
            fields=[
                ('id', models.UUIDField(default=loyalty.lib.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('date', models.DateField(verbose_name='date')),
                ('streak', models.PositiveIntegerField(help_text='Days in a row up to this one, as it was then.', verbose_name='streak')),
                ('points', models.PositiveBigIntegerField(default=0, help_text='Granted with it, milestones included.', verbose_name='points')),
                ('claimable', models.PositiveBigIntegerField(default=0, help_text='Offered with it by rules whose points must be claimed.', verbose_name='to be claimed')),
                ('milestones', django.contrib.postgres.fields.ArrayField(base_field=models.PositiveSmallIntegerField(), blank=True, default=list, size=None, verbose_name='milestones reached')),
                ('made_up_on', models.DateField(blank=True, help_text='The day on which it was made up. Empty: checked in on its date.', null=True, verbose_name='made up on')),
                ('paid_with', models.CharField(blank=True, choices=[('points', 'points'), ('card', 'a make-up card')], max_length=10, verbose_name='paid with')),
                ('zone', models.CharField(help_text='The zone by which the business day was told.', max_length=64, verbose_name='zone')),
                ('actor', models.CharField(max_length=100, verbose_name='by')),
                ('recorded_at', models.DateTimeField(verbose_name='recorded')),
                ('card', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='points.card', verbose_name='card')),
                ('entry', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='points.entry', verbose_name='fee')),
                ('member', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.member', verbose_name='member')),
            ],
            options={
                'verbose_name': 'check-in',
                'verbose_name_plural': 'check-ins',
                'ordering': ['-id'],
                'indexes': [models.Index(condition=models.Q(('made_up_on__isnull', False)), fields=['member', 'made_up_on'], name='check_in_made_up')],
                'constraints': [models.UniqueConstraint(fields=('member', 'date'), name='check_in_once_a_day'), models.CheckConstraint(condition=models.Q(models.Q(('card', None), ('entry', None), ('made_up_on', None), ('paid_with', '')), models.Q(('card', None), ('made_up_on__gt', models.F('date')), ('made_up_on__isnull', False), ('paid_with', 'points')), models.Q(('card__isnull', False), ('entry', None), ('made_up_on__gt', models.F('date')), ('made_up_on__isnull', False), ('paid_with', 'card')), _connector='OR'), name='check_in_made_up_is_paid_for')],
            },
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='checkin',
            trigger=pgtrigger.compiler.Trigger(name='check_in_stays', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='4ab983790433f4edf6059ad3e3c125d5af05d6b9', operation='UPDATE OR DELETE', pgid='pgtrigger_check_in_stays_cd253', table='points_checkin', when='BEFORE')),
        ),
    ]
