import datetime
import django.core.validators
import django.db.models.deletion
import django.db.models.functions.comparison
import simple_history.models
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0018_member_life'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ('mall', '0002_rewards'),
    ]

    operations = [
        migrations.CreateModel(
            name='CodePool',
            fields=[
                ('code', models.CharField(help_text='By which rewards name the pool, like video-month. It stays.', max_length=40, primary_key=True, serialize=False, validators=[django.core.validators.RegexValidator('^[a-z0-9][a-z0-9_-]*\\Z', 'Write small letters, digits, hyphens and underscores.')], verbose_name='code')),
                ('name_zh', models.CharField(max_length=60, verbose_name='name, Chinese')),
                ('name_en', models.CharField(max_length=60, verbose_name='name, English')),
                ('text_zh', models.CharField(blank=True, help_text='Members read it beside their code: where to enter it.', max_length=500, verbose_name='what to do with a code, Chinese')),
                ('text_en', models.CharField(blank=True, max_length=500, verbose_name='what to do with a code, English')),
                ('low_water', models.PositiveIntegerField(default=10, help_text='Once so many are left, or fewer, the pool is marked and told of once. 0: not before it is empty.', verbose_name='call for more at')),
                ('low_since', models.DateTimeField(blank=True, editable=False, null=True, verbose_name='low since')),
            ],
            options={
                'verbose_name': 'pool of codes',
                'verbose_name_plural': 'pools of codes',
                'ordering': ['code'],
            },
        ),
        migrations.CreateModel(
            name='CodeImport',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('file_name', models.CharField(blank=True, max_length=100, verbose_name='file')),
                ('digest', models.CharField(help_text='SHA-256 of the file, which itself is not kept.', max_length=64, verbose_name='digest')),
                ('added', models.PositiveIntegerField(verbose_name='codes taken in')),
                ('there', models.PositiveIntegerField(verbose_name='there already')),
                ('faulty', models.PositiveIntegerField(verbose_name='lines left out')),
                ('actor', models.CharField(max_length=150, verbose_name='by')),
                ('at', models.DateTimeField(verbose_name='at')),
                ('voided', models.PositiveIntegerField(default=0, verbose_name='of them voided')),
                ('withdrawn_at', models.DateTimeField(blank=True, null=True, verbose_name='withdrawn')),
                ('withdrawn_by', models.CharField(blank=True, max_length=150, verbose_name='withdrawn by')),
                ('reason', models.CharField(blank=True, max_length=300, verbose_name='withdrawn because')),
                ('pool', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='mall.codepool', verbose_name='pool')),
            ],
            options={
                'verbose_name': 'import of codes',
                'verbose_name_plural': 'imports of codes',
                'ordering': ['-id'],
                'permissions': [('withdraw_codeimport', 'Can withdraw imports of codes')],
                'constraints': [models.CheckConstraint(condition=models.Q(('withdrawn_at', None), models.Q(models.Q(('reason', ''), _negated=True), models.Q(('withdrawn_by', ''), _negated=True)), _connector='OR'), name='code_import_withdrawn_says_why')],
            },
        ),
        migrations.CreateModel(
            name='Code',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('value', models.CharField(max_length=100, verbose_name='redemption code')),
                ('expires_at', models.DateTimeField(blank=True, help_text='The first instant at which nobody gets it any more. Empty: never.', null=True, verbose_name='expires')),
                ('handed_at', models.DateTimeField(blank=True, null=True, verbose_name='handed out')),
                ('voided_at', models.DateTimeField(blank=True, null=True, verbose_name='voided')),
                ('voided_for', models.CharField(blank=True, max_length=300, verbose_name='voided because')),
                ('member', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.member', verbose_name='member')),
                ('redemption', models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='mall.redemption', verbose_name='redemption')),
                ('batch', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='mall.codeimport', verbose_name='import')),
                ('pool', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='mall.codepool', verbose_name='pool')),
            ],
            options={
                'verbose_name': 'redemption code',
                'verbose_name_plural': 'redemption codes',
                'ordering': ['-id'],
                'permissions': [('replace_code', 'Can replace codes that do not work')],
                'indexes': [models.Index(models.F('pool'), django.db.models.functions.comparison.Coalesce(models.F('expires_at'), models.Value(datetime.datetime(9999, 12, 31, 0, 0, tzinfo=datetime.timezone.utc))), models.F('id'), condition=models.Q(('redemption', None), ('voided_at', None)), name='code_free'), models.Index(condition=models.Q(('redemption__isnull', False)), fields=['member', 'redemption'], name='code_of_redemption'), models.Index(condition=models.Q(('redemption', None), ('voided_at', None)), fields=['batch'], name='code_of_import')],
                'constraints': [models.UniqueConstraint(fields=('pool', 'value'), name='code_once_in_a_pool'), models.CheckConstraint(condition=models.Q(models.Q(('handed_at', None), ('member', None), ('redemption', None)), models.Q(('member__isnull', False), ('redemption__isnull', False)), _connector='OR'), name='code_of_a_redemption_is_its_members')],
            },
        ),
        migrations.CreateModel(
            name='HistoricalCodePool',
            fields=[
                ('code', models.CharField(db_index=True, help_text='By which rewards name the pool, like video-month. It stays.', max_length=40, validators=[django.core.validators.RegexValidator('^[a-z0-9][a-z0-9_-]*\\Z', 'Write small letters, digits, hyphens and underscores.')], verbose_name='code')),
                ('name_zh', models.CharField(max_length=60, verbose_name='name, Chinese')),
                ('name_en', models.CharField(max_length=60, verbose_name='name, English')),
                ('text_zh', models.CharField(blank=True, help_text='Members read it beside their code: where to enter it.', max_length=500, verbose_name='what to do with a code, Chinese')),
                ('text_en', models.CharField(blank=True, max_length=500, verbose_name='what to do with a code, English')),
                ('low_water', models.PositiveIntegerField(default=10, help_text='Once so many are left, or fewer, the pool is marked and told of once. 0: not before it is empty.', verbose_name='call for more at')),
                ('history_id', models.AutoField(primary_key=True, serialize=False)),
                ('history_date', models.DateTimeField(db_index=True)),
                ('history_change_reason', models.CharField(max_length=100, null=True)),
                ('history_type', models.CharField(choices=[('+', 'Created'), ('~', 'Changed'), ('-', 'Deleted')], max_length=1)),
                ('history_user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name': 'historical pool of codes',
                'verbose_name_plural': 'historical pools of codes',
                'ordering': ('-history_date', '-history_id'),
                'get_latest_by': ('history_date', 'history_id'),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
    ]
