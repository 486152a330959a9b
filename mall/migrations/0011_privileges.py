import django.core.validators
import django.db.models.deletion
import loyalty.lib.ids
import simple_history.models
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0018_member_life'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ('mall', '0010_markdowns'),
    ]

    operations = [
        migrations.CreateModel(
            name='HistoricalPrivilegeKind',
            fields=[
                ('code', models.CharField(db_index=True, help_text='By which rewards and the storefront name it, like fast-30. It stays.', max_length=40, validators=[django.core.validators.RegexValidator('^[a-z0-9][a-z0-9_-]*\\Z', 'Write small letters, digits, hyphens and underscores.')], verbose_name='code')),
                ('what', models.CharField(choices=[('priority_shipping', 'priority shipping'), ('own_agent', "an agent of one's own"), ('early_access', 'early access'), ('free_returns', 'free returns'), ('other', 'something else')], help_text='What the storefront does for who has it.', max_length=20, verbose_name='what it is')),
                ('name_zh', models.CharField(max_length=60, verbose_name='name, Chinese')),
                ('name_en', models.CharField(max_length=60, verbose_name='name, English')),
                ('text_zh', models.CharField(blank=True, max_length=500, verbose_name='what members read, Chinese')),
                ('text_en', models.CharField(blank=True, max_length=500, verbose_name='what members read, English')),
                ('term', models.CharField(choices=[('days', 'so many days'), ('year_end', 'to the end of the year'), ('for_ever', 'for ever')], default='days', max_length=10, verbose_name='good for')),
                ('term_days', models.PositiveIntegerField(blank=True, help_text='Through the end of that day after it begins.', null=True, validators=[django.core.validators.MinValueValidator(1)], verbose_name='number of days')),
                ('uses', models.PositiveIntegerField(blank=True, help_text='How often one can be used. Empty: at will, while it is good.', null=True, validators=[django.core.validators.MinValueValidator(1)], verbose_name='uses')),
                ('active', models.BooleanField(default=True, help_text='Off: for no new reward, and granted by nobody. Members keep what they have.', verbose_name='can be chosen')),
                ('history_id', models.AutoField(primary_key=True, serialize=False)),
                ('history_date', models.DateTimeField(db_index=True)),
                ('history_change_reason', models.CharField(max_length=100, null=True)),
                ('history_type', models.CharField(choices=[('+', 'Created'), ('~', 'Changed'), ('-', 'Deleted')], max_length=1)),
                ('history_user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name': 'historical kind of privilege',
                'verbose_name_plural': 'historical kinds of privileges',
                'ordering': ('-history_date', '-history_id'),
                'get_latest_by': ('history_date', 'history_id'),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name='PrivilegeKind',
            fields=[
                ('code', models.CharField(help_text='By which rewards and the storefront name it, like fast-30. It stays.', max_length=40, primary_key=True, serialize=False, validators=[django.core.validators.RegexValidator('^[a-z0-9][a-z0-9_-]*\\Z', 'Write small letters, digits, hyphens and underscores.')], verbose_name='code')),
                ('what', models.CharField(choices=[('priority_shipping', 'priority shipping'), ('own_agent', "an agent of one's own"), ('early_access', 'early access'), ('free_returns', 'free returns'), ('other', 'something else')], help_text='What the storefront does for who has it.', max_length=20, verbose_name='what it is')),
                ('name_zh', models.CharField(max_length=60, verbose_name='name, Chinese')),
                ('name_en', models.CharField(max_length=60, verbose_name='name, English')),
                ('text_zh', models.CharField(blank=True, max_length=500, verbose_name='what members read, Chinese')),
                ('text_en', models.CharField(blank=True, max_length=500, verbose_name='what members read, English')),
                ('term', models.CharField(choices=[('days', 'so many days'), ('year_end', 'to the end of the year'), ('for_ever', 'for ever')], default='days', max_length=10, verbose_name='good for')),
                ('term_days', models.PositiveIntegerField(blank=True, help_text='Through the end of that day after it begins.', null=True, validators=[django.core.validators.MinValueValidator(1)], verbose_name='number of days')),
                ('uses', models.PositiveIntegerField(blank=True, help_text='How often one can be used. Empty: at will, while it is good.', null=True, validators=[django.core.validators.MinValueValidator(1)], verbose_name='uses')),
                ('active', models.BooleanField(default=True, help_text='Off: for no new reward, and granted by nobody. Members keep what they have.', verbose_name='can be chosen')),
            ],
            options={
                'verbose_name': 'kind of privilege',
                'verbose_name_plural': 'kinds of privileges',
                'ordering': ['code'],
                'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('term', 'days'), ('term_days__gte', 1)), models.Q(models.Q(('term', 'days'), _negated=True), ('term_days', None)), _connector='OR'), name='privilege_kind_of_days_says_how_many'), models.CheckConstraint(condition=models.Q(('uses', None), ('uses__gte', 1), _connector='OR'), name='privilege_kind_is_of_use')],
            },
        ),
        migrations.CreateModel(
            name='Privilege',
            fields=[
                ('id', models.UUIDField(default=loyalty.lib.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('granted_at', models.DateTimeField(verbose_name='granted')),
                ('starts_at', models.DateTimeField(verbose_name='begins')),
                ('ends_at', models.DateTimeField(blank=True, help_text='The first instant at which it is over. Empty: never.', null=True, verbose_name='ends')),
                ('uses', models.PositiveIntegerField(blank=True, null=True, verbose_name='uses')),
                ('uses_left', models.PositiveIntegerField(blank=True, null=True, verbose_name='uses left')),
                ('subject', models.CharField(blank=True, max_length=200, verbose_name='granted for')),
                ('actor', models.CharField(max_length=150, verbose_name='by')),
                ('key', models.CharField(max_length=300, verbose_name='key')),
                ('number', models.PositiveSmallIntegerField(help_text='Counts the privileges of one grant.', verbose_name='number')),
                ('ended_at', models.DateTimeField(blank=True, null=True, verbose_name='ended')),
                ('ended_for', models.CharField(blank=True, max_length=300, verbose_name='ended because')),
                ('member', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.member', verbose_name='member')),
                ('redemption', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='mall.redemption', verbose_name='redemption')),
                ('kind', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='mall.privilegekind', verbose_name='kind')),
            ],
            options={
                'verbose_name': 'privilege',
                'verbose_name_plural': 'privileges',
                'ordering': ['-id'],
                'permissions': [('grant_privilege', 'Can grant privileges'), ('end_privilege', 'Can end privileges')],
                'indexes': [models.Index(fields=['member', '-id'], name='privilege_newest'), models.Index(condition=models.Q(('ended_at', None)), fields=['member', 'kind'], name='privilege_standing'), models.Index(condition=models.Q(('redemption__isnull', False)), fields=['member', 'redemption'], name='privilege_of_redemption')],
                'constraints': [models.UniqueConstraint(fields=('member', 'key', 'number'), name='privilege_granted_once'), models.CheckConstraint(condition=models.Q(models.Q(('uses', None), ('uses_left', None)), models.Q(('uses__isnull', False), ('uses_left__isnull', False), ('uses_left__lte', models.F('uses'))), _connector='OR'), name='privilege_uses_left_of_those_granted'), models.CheckConstraint(condition=models.Q(models.Q(('ended_at', None), ('ended_for', '')), models.Q(('ended_at__isnull', False), models.Q(('ended_for', ''), _negated=True)), _connector='OR'), name='privilege_ended_says_why')],
            },
        ),
        migrations.CreateModel(
            name='PrivilegeUse',
            fields=[
                ('id', models.UUIDField(default=loyalty.lib.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('subject', models.CharField(max_length=200, verbose_name='used for')),
                ('actor', models.CharField(max_length=150, verbose_name='by')),
                ('used_at', models.DateTimeField(verbose_name='used at')),
                ('given_back_at', models.DateTimeField(blank=True, null=True, verbose_name='given back')),
                ('member', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.member', verbose_name='member')),
                ('privilege', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='mall.privilege', verbose_name='privilege')),
            ],
            options={
                'verbose_name': 'use of a privilege',
                'verbose_name_plural': 'uses of privileges',
                'ordering': ['-id'],
                'indexes': [models.Index(fields=['member', 'privilege', 'id'], name='privilege_uses')],
                'constraints': [models.UniqueConstraint(condition=models.Q(('given_back_at', None)), fields=('member', 'privilege', 'subject'), name='privilege_used_once_for_a_subject'), models.CheckConstraint(condition=models.Q(('subject', ''), _negated=True), name='privilege_use_says_for_what')],
            },
        ),
    ]
