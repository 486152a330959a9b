import django.core.validators
import django.db.models.deletion
import loyalty.lib.ids
import simple_history.models
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("tiers", "0005_evaluation"), ("accounts", "0001_initial"), migrations.swappable_dependency(settings.AUTH_USER_MODEL)]

    operations = [
        migrations.CreateModel(
            name='DormancyTerms',
            fields=[
                ('id', models.SmallAutoField(primary_key=True, serialize=False)),
                ('quiet_days', models.PositiveSmallIntegerField(default=30, help_text='For lists and segments; nobody is told.', validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(365)], verbose_name='quiet after, in days')),
                ('dormant_months', models.PositiveSmallIntegerField(default=3, help_text='Without a purchase, a check-in or anything else that the member does. Then wake-up missions are offered, and the message is sent.', validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(60)], verbose_name='dormant after, in months')),
                ('lost_months', models.PositiveSmallIntegerField(default=12, help_text='For lists; must be later.', validators=[django.core.validators.MinValueValidator(2), django.core.validators.MaxValueValidator(120)], verbose_name='lost after, in months')),
            ],
            options={
                'verbose_name': 'terms of dormancy',
                'verbose_name_plural': 'terms of dormancy',
            },
        ),
        migrations.CreateModel(
            name='HistoricalDormancyTerms',
            fields=[
                ('id', models.IntegerField(blank=True, db_index=True)),
                ('quiet_days', models.PositiveSmallIntegerField(default=30, help_text='For lists and segments; nobody is told.', validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(365)], verbose_name='quiet after, in days')),
                ('dormant_months', models.PositiveSmallIntegerField(default=3, help_text='Without a purchase, a check-in or anything else that the member does. Then wake-up missions are offered, and the message is sent.', validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(60)], verbose_name='dormant after, in months')),
                ('lost_months', models.PositiveSmallIntegerField(default=12, help_text='For lists; must be later.', validators=[django.core.validators.MinValueValidator(2), django.core.validators.MaxValueValidator(120)], verbose_name='lost after, in months')),
                ('history_id', models.AutoField(primary_key=True, serialize=False)),
                ('history_date', models.DateTimeField(db_index=True)),
                ('history_change_reason', models.CharField(max_length=100, null=True)),
                ('history_type', models.CharField(choices=[('+', 'Created'), ('~', 'Changed'), ('-', 'Deleted')], max_length=1)),
                ('history_user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name': 'historical terms of dormancy',
                'verbose_name_plural': 'historical terms of dormancy',
                'ordering': ('-history_date', '-history_id'),
                'get_latest_by': ('history_date', 'history_id'),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name='Dormancy',
            fields=[
                ('id', models.UUIDField(default=loyalty.lib.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('active_at', models.DateTimeField(verbose_name='last seen')),
                ('stage', models.CharField(choices=[('active', 'active'), ('quiet', 'quiet'), ('dormant', 'dormant'), ('lost', 'lost')], default='active', max_length=10, verbose_name='stage')),
                ('slept_at', models.DateTimeField(blank=True, null=True, verbose_name='dormant since')),
                ('woke_at', models.DateTimeField(blank=True, null=True, verbose_name='back since')),
                ('due_on', models.DateField(verbose_name='looked at again on')),
                ('member', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.member', verbose_name='member')),
            ],
            options={
                'verbose_name': 'dormancy of a member',
                'verbose_name_plural': 'dormancy of members',
                'indexes': [models.Index(fields=['due_on'], name='dormancy_due'), models.Index(fields=['stage', '-active_at'], name='dormancy_of_stage')],
                'constraints': [models.UniqueConstraint(fields=('member',), name='dormancy_one_per_member')],
            },
        ),
    ]
