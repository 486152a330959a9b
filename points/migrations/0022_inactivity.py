import django.core.validators
import django.db.models.deletion
import loyalty.lib.ids
import simple_history.models
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("points", "0021_batches"), ("accounts", "0001_initial"), migrations.swappable_dependency(settings.AUTH_USER_MODEL)]

    operations = [
        migrations.CreateModel(
            name='AllowanceRound',
            fields=[
                ('month', models.CharField(max_length=7, primary_key=True, serialize=False, verbose_name='month')),
                ('as_of', models.DateTimeField(verbose_name='by the standing at')),
                ('after', models.UUIDField(editable=False, null=True)),
                ('told', models.PositiveIntegerField(default=0, verbose_name='members told')),
                ('left_out', models.PositiveIntegerField(default=0, verbose_name='left out in this pass')),
                ('again_on', models.DateField(blank=True, null=True, verbose_name='tried again on')),
                ('done_at', models.DateTimeField(blank=True, null=True, verbose_name='done')),
            ],
            options={
                'verbose_name': 'round of monthly allowances',
                'verbose_name_plural': 'rounds of monthly allowances',
                'ordering': ['-month'],
            },
        ),
        migrations.CreateModel(
            name='BenefitTerms',
            fields=[
                ('id', models.SmallAutoField(primary_key=True, serialize=False)),
                ('birthday_on', models.CharField(choices=[('day', 'the day itself'), ('month', 'the first of its month')], default='day', help_text='Then the rules about birthdays give what they give, once a year. Who registers later in that month is told the night after.', max_length=5, verbose_name='birthdays are told on')),
            ],
            options={
                'verbose_name': 'terms of benefits',
                'verbose_name_plural': 'terms of benefits',
            },
        ),
        migrations.CreateModel(
            name='InactivityTerms',
            fields=[
                ('id', models.SmallAutoField(primary_key=True, serialize=False)),
                ('enabled', models.BooleanField(default=False, help_text='Ask a lawyer before you switch this on. Where you do business, laws on gift cards, stored value or consumers’ points may forbid it, or ask for longer times, and your terms of use must say it. Off: what was announced is cancelled, and nothing is voided.', verbose_name='void points of inactive members')),
                ('days', models.PositiveSmallIntegerField(default=365, help_text='Since the last purchase, check-in or anything else that the member did.', validators=[django.core.validators.MinValueValidator(60), django.core.validators.MaxValueValidator(3650)], verbose_name='days without activity')),
                ('ahead_days', models.PositiveSmallIntegerField(default=30, help_text='Counted from when the message left. Where it left late, the day is put off; where none could be sent, nothing is voided.', validators=[django.core.validators.MinValueValidator(14), django.core.validators.MaxValueValidator(365)], verbose_name='announced so many days ahead')),
                ('percent', models.PositiveSmallIntegerField(default=50, help_text='Of the available points; never more than was announced.', validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(100)], verbose_name='part that is voided, in %')),
                ('inbox_counts', models.BooleanField(default=False, help_text='Off: an e-mail, an SMS or the like must have been handed over.', verbose_name='the inbox alone is an announcement')),
            ],
            options={
                'verbose_name': 'terms of inactivity',
                'verbose_name_plural': 'terms of inactivity',
            },
        ),
        migrations.AlterField(
            model_name='historicalmission',
            name='days',
            field=models.PositiveSmallIntegerField(default=7, help_text='For newcomer packs, so many days after the day of registration: with 7 through the seventh day after it. For wake-up missions, after the day on which the member is back; 0 is that day alone.', validators=[django.core.validators.MaxValueValidator(3650)], verbose_name='days'),
        ),
        migrations.AlterField(
            model_name='historicalmission',
            name='kind',
            field=models.CharField(choices=[('newcomer', 'newcomer pack'), ('daily', 'daily mission'), ('weekly', 'weekly mission'), ('achievement', 'achievement'), ('wake_up', 'wake-up mission')], default='achievement', help_text="Newcomer packs are done once, in a member's first days; daily and weekly missions begin anew each day, each Monday; achievements are done once. Wake-up missions are for members who have become dormant, until some days after they are back.", max_length=12, verbose_name='kind'),
        ),
        migrations.AlterField(
            model_name='mission',
            name='days',
            field=models.PositiveSmallIntegerField(default=7, help_text='For newcomer packs, so many days after the day of registration: with 7 through the seventh day after it. For wake-up missions, after the day on which the member is back; 0 is that day alone.', validators=[django.core.validators.MaxValueValidator(3650)], verbose_name='days'),
        ),
        migrations.AlterField(
            model_name='mission',
            name='kind',
            field=models.CharField(choices=[('newcomer', 'newcomer pack'), ('daily', 'daily mission'), ('weekly', 'weekly mission'), ('achievement', 'achievement'), ('wake_up', 'wake-up mission')], default='achievement', help_text="Newcomer packs are done once, in a member's first days; daily and weekly missions begin anew each day, each Monday; achievements are done once. Wake-up missions are for members who have become dormant, until some days after they are back.", max_length=12, verbose_name='kind'),
        ),
        migrations.CreateModel(
            name='HistoricalBenefitTerms',
            fields=[
                ('id', models.IntegerField(blank=True, db_index=True)),
                ('birthday_on', models.CharField(choices=[('day', 'the day itself'), ('month', 'the first of its month')], default='day', help_text='Then the rules about birthdays give what they give, once a year. Who registers later in that month is told the night after.', max_length=5, verbose_name='birthdays are told on')),
                ('history_id', models.AutoField(primary_key=True, serialize=False)),
                ('history_date', models.DateTimeField(db_index=True)),
                ('history_change_reason', models.CharField(max_length=100, null=True)),
                ('history_type', models.CharField(choices=[('+', 'Created'), ('~', 'Changed'), ('-', 'Deleted')], max_length=1)),
                ('history_user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name': 'historical terms of benefits',
                'verbose_name_plural': 'historical terms of benefits',
                'ordering': ('-history_date', '-history_id'),
                'get_latest_by': ('history_date', 'history_id'),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name='HistoricalInactivityTerms',
            fields=[
                ('id', models.IntegerField(blank=True, db_index=True)),
                ('enabled', models.BooleanField(default=False, help_text='Ask a lawyer before you switch this on. Where you do business, laws on gift cards, stored value or consumers’ points may forbid it, or ask for longer times, and your terms of use must say it. Off: what was announced is cancelled, and nothing is voided.', verbose_name='void points of inactive members')),
                ('days', models.PositiveSmallIntegerField(default=365, help_text='Since the last purchase, check-in or anything else that the member did.', validators=[django.core.validators.MinValueValidator(60), django.core.validators.MaxValueValidator(3650)], verbose_name='days without activity')),
                ('ahead_days', models.PositiveSmallIntegerField(default=30, help_text='Counted from when the message left. Where it left late, the day is put off; where none could be sent, nothing is voided.', validators=[django.core.validators.MinValueValidator(14), django.core.validators.MaxValueValidator(365)], verbose_name='announced so many days ahead')),
                ('percent', models.PositiveSmallIntegerField(default=50, help_text='Of the available points; never more than was announced.', validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(100)], verbose_name='part that is voided, in %')),
                ('inbox_counts', models.BooleanField(default=False, help_text='Off: an e-mail, an SMS or the like must have been handed over.', verbose_name='the inbox alone is an announcement')),
                ('history_id', models.AutoField(primary_key=True, serialize=False)),
                ('history_date', models.DateTimeField(db_index=True)),
                ('history_change_reason', models.CharField(max_length=100, null=True)),
                ('history_type', models.CharField(choices=[('+', 'Created'), ('~', 'Changed'), ('-', 'Deleted')], max_length=1)),
                ('history_user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name': 'historical terms of inactivity',
                'verbose_name_plural': 'historical terms of inactivity',
                'ordering': ('-history_date', '-history_id'),
                'get_latest_by': ('history_date', 'history_id'),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name='InactivityCase',
            fields=[
                ('id', models.UUIDField(default=loyalty.lib.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('since', models.DateField(verbose_name='last active on')),
                ('status', models.CharField(choices=[('told', 'message not handed over yet'), ('announced', 'announced'), ('voided', 'voided'), ('cancelled', 'cancelled')], default='told', max_length=10, verbose_name='status')),
                ('attempt', models.PositiveSmallIntegerField(default=1, verbose_name='attempt')),
                ('told_at', models.DateTimeField(verbose_name='message made')),
                ('announced_at', models.DateTimeField(blank=True, null=True, verbose_name='message handed over')),
                ('due_at', models.DateTimeField(blank=True, null=True, verbose_name='to be voided at')),
                ('points', models.BigIntegerField(verbose_name='points announced')),
                ('voided', models.BigIntegerField(default=0, verbose_name='points voided')),
                ('turned_at', models.DateTimeField(verbose_name='in this status since')),
                ('member', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.member', verbose_name='member')),
            ],
            options={
                'verbose_name': 'inactive member',
                'verbose_name_plural': 'inactive members',
                'ordering': ['-id'],
                'indexes': [models.Index(condition=models.Q(('status', 'announced')), fields=['due_at'], name='inactivity_due'), models.Index(condition=models.Q(('status__in', ['told', 'announced'])), fields=['member'], name='inactivity_open'), models.Index(fields=['status', '-id'], name='inactivity_of_status')],
                'constraints': [models.UniqueConstraint(fields=('member', 'since'), name='inactivity_once'), models.CheckConstraint(condition=models.Q(models.Q(('status__in', ['announced', 'voided']), _negated=True), models.Q(('announced_at__isnull', False), ('due_at__gt', models.F('announced_at')), ('due_at__isnull', False)), _connector='OR'), name='inactivity_announced_before_voided'), models.CheckConstraint(condition=models.Q(('points__gte', 0), ('voided__gte', 0)), name='inactivity_voids_not_below_zero')],
            },
        ),
    ]
