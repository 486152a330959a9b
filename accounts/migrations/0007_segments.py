import django.core.validators
import django.db.models.deletion
import loyalty.lib.ids
import simple_history.models
from django.conf import settings
from django.db import migrations, models


def load(apps, schema_editor):
    Segment = apps.get_model("accounts", "Segment")
    description = "本店员工：新规则可先只对他们生效。 / Our own people: a new rule can be tried on them first."
    Segment.objects.bulk_create([Segment(code="staff", name_zh="员工", name_en="Staff", description=description)], ignore_conflicts=True)


class Migration(migrations.Migration):
    dependencies = [("accounts", "0006_behaviours"), migrations.swappable_dependency(settings.AUTH_USER_MODEL)]

    operations = [
        migrations.CreateModel(
            name='Segment',
            fields=[
                ('code', models.CharField(help_text='What rules call it, like spring-testers. It stays as it is for good.', max_length=40, primary_key=True, serialize=False, validators=[django.core.validators.RegexValidator('^[a-z][a-z0-9_-]{0,39}$', 'Small letters, digits, hyphens and underscores, a letter first: spring-testers.')], verbose_name='code')),
                ('name_zh', models.CharField(max_length=60, verbose_name='Chinese name')),
                ('name_en', models.CharField(max_length=60, verbose_name='English name')),
                ('description', models.CharField(blank=True, help_text='Who belongs here, and why; for other operators.', max_length=300, verbose_name='description')),
            ],
            options={
                'verbose_name': 'segment',
                'verbose_name_plural': 'segments',
                'ordering': ['code'],
            },
        ),
        migrations.CreateModel(
            name='HistoricalSegment',
            fields=[
                ('code', models.CharField(db_index=True, help_text='What rules call it, like spring-testers. It stays as it is for good.', max_length=40, validators=[django.core.validators.RegexValidator('^[a-z][a-z0-9_-]{0,39}$', 'Small letters, digits, hyphens and underscores, a letter first: spring-testers.')], verbose_name='code')),
                ('name_zh', models.CharField(max_length=60, verbose_name='Chinese name')),
                ('name_en', models.CharField(max_length=60, verbose_name='English name')),
                ('description', models.CharField(blank=True, help_text='Who belongs here, and why; for other operators.', max_length=300, verbose_name='description')),
                ('history_id', models.AutoField(primary_key=True, serialize=False)),
                ('history_date', models.DateTimeField(db_index=True)),
                ('history_change_reason', models.CharField(max_length=100, null=True)),
                ('history_type', models.CharField(choices=[('+', 'Created'), ('~', 'Changed'), ('-', 'Deleted')], max_length=1)),
                ('history_user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name': 'historical segment',
                'verbose_name_plural': 'historical segments',
                'ordering': ('-history_date', '-history_id'),
                'get_latest_by': ('history_date', 'history_id'),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name='SegmentMember',
            fields=[
                ('id', models.UUIDField(default=loyalty.lib.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('added_at', models.DateTimeField(verbose_name='added')),
                ('added_by', models.CharField(max_length=150, verbose_name='added by')),
                ('member', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.member', verbose_name='member')),
                ('segment', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.segment', verbose_name='segment')),
            ],
            options={
                'verbose_name': 'member of a segment',
                'verbose_name_plural': 'members of segments',
                'ordering': ['-id'],
                'indexes': [models.Index(fields=['segment', '-id'], name='segment_newest')],
                'constraints': [models.UniqueConstraint(fields=('member', 'segment'), name='segment_member_once')],
            },
        ),
        migrations.RunPython(load, migrations.RunPython.noop),
    ]
