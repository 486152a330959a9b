import django.core.validators
import django.db.models.deletion
import loyalty.lib.ids
import points.proofs.models
import simple_history.models
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0006_behaviours"),
        ("points", "0013_missions"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Board',
            fields=[
                ('name_zh', models.CharField(max_length=100, verbose_name='name, Chinese')),
                ('name_en', models.CharField(max_length=100, verbose_name='name, English')),
                ('code', models.SlugField(help_text='The rules know the board by it. It stays.', max_length=40, primary_key=True, serialize=False, verbose_name='code')),
                ('counted', models.CharField(default='liked', help_text='Each such fact counts one for what it is about.', max_length=40, verbose_name='what is counted')),
                ('field', models.CharField(default='subject', help_text='The field of the counted fact that names what it is about, by the id of its message.', max_length=40, verbose_name='its field')),
                ('ranked', models.CharField(default='reviewed', help_text='What the counted facts are about. Whoever did it takes the place; what they counted for themselves does not count.', max_length=40, verbose_name='what is ranked')),
                ('span', models.CharField(choices=[('month', 'month'), ('week', 'week, Monday to Sunday')], default='month', max_length=5, verbose_name='span')),
                ('places', models.PositiveSmallIntegerField(default=10, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(100)], verbose_name='places')),
                ('minimum', models.PositiveIntegerField(default=1, help_text='Whoever has fewer takes no place, even if places stay empty.', validators=[django.core.validators.MinValueValidator(1)], verbose_name='least count')),
                ('once_per_member', models.BooleanField(default=True, help_text='With their best. Off: a member may take several places.', verbose_name='one place per member')),
                ('wait_days', models.PositiveSmallIntegerField(default=1, help_text="So many days after the period's end it is counted, so that facts that arrive late are in.", validators=[django.core.validators.MaxValueValidator(27)], verbose_name='days to wait')),
                ('automatic', models.BooleanField(default=False, help_text='Off: what was counted is proposed, and an operator confirms it. On: it is granted at once.', verbose_name='grant without asking')),
                ('starts_on', models.DateField(help_text='The period in which this day lies is the first that counts.', verbose_name='first day')),
                ('active', models.BooleanField(default=True, help_text='Off: no further period is counted. What is proposed can still be confirmed.', verbose_name='running')),
            ],
            options={
                'verbose_name': 'board',
                'verbose_name_plural': 'boards',
                'ordering': ['code'],
            },
        ),
        migrations.CreateModel(
            name='ProofTask',
            fields=[
                ('name_zh', models.CharField(max_length=100, verbose_name='name, Chinese')),
                ('name_en', models.CharField(max_length=100, verbose_name='name, English')),
                ('code', models.SlugField(help_text='The storefront sends it with each proof, as task. It stays.', max_length=40, primary_key=True, serialize=False, verbose_name='code')),
                ('description_zh', models.TextField(blank=True, help_text='Operators read it beside each proof.', max_length=1000, verbose_name='what a proof must show, Chinese')),
                ('description_en', models.TextField(blank=True, max_length=1000, verbose_name='what a proof must show, English')),
                ('grades', models.JSONField(default=points.proofs.models.one_grade, verbose_name='grades')),
                ('most_per_month', models.PositiveIntegerField(blank=True, help_text='Proofs that wait or are approved, by calendar month; refused ones leave room for another try. Empty: any number.', null=True, validators=[django.core.validators.MinValueValidator(1)], verbose_name='most per member and month')),
                ('active', models.BooleanField(default=True, help_text='A closed task takes no more proofs; those that wait can still be decided.', verbose_name='takes proofs')),
            ],
            options={
                'verbose_name': 'proof task',
                'verbose_name_plural': 'proof tasks',
                'ordering': ['code'],
            },
        ),
        migrations.CreateModel(
            name='BoardPeriod',
            fields=[
                ('id', models.UUIDField(default=loyalty.lib.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('period', models.CharField(help_text='A month like 2026-10, or an ISO week like 2026-W41.', max_length=8, verbose_name='period')),
                ('since', models.DateTimeField(verbose_name='begins')),
                ('until', models.DateTimeField(verbose_name='ends before')),
                ('status', models.CharField(choices=[('proposed', 'to be confirmed'), ('confirmed', 'confirmed')], default='proposed', max_length=10, verbose_name='status')),
                ('counted_at', models.DateTimeField(verbose_name='counted')),
                ('confirmed_by', models.CharField(blank=True, help_text='Empty where the board grants without asking.', max_length=150, verbose_name='confirmed by')),
                ('confirmed_at', models.DateTimeField(blank=True, null=True, verbose_name='confirmed')),
                ('reason', models.CharField(blank=True, max_length=300, verbose_name='reason')),
                ('board', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='points.board', verbose_name='board')),
            ],
            options={
                'verbose_name': 'board period',
                'verbose_name_plural': 'board periods',
                'ordering': ['-id'],
            },
        ),
        migrations.CreateModel(
            name='BoardResult',
            fields=[
                ('id', models.UUIDField(default=loyalty.lib.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('place', models.PositiveSmallIntegerField(verbose_name='place')),
                ('fact', models.CharField(help_text="The storefront's id of it.", max_length=128, verbose_name='what was ranked')),
                ('count', models.PositiveIntegerField(verbose_name='count')),
                ('status', models.CharField(choices=[('proposed', 'not granted yet'), ('granted', 'granted'), ('withdrawn', 'withdrawn')], default='proposed', max_length=10, verbose_name='status')),
                ('points', models.BigIntegerField(blank=True, help_text='What the place gave, or offers to be claimed.', null=True, verbose_name='points')),
                ('granted_at', models.DateTimeField(blank=True, null=True, verbose_name='granted')),
                ('withdrawn_at', models.DateTimeField(blank=True, null=True, verbose_name='withdrawn')),
                ('withdrawn_by', models.CharField(blank=True, max_length=150, verbose_name='withdrawn by')),
                ('reason', models.CharField(blank=True, max_length=300, verbose_name='reason')),
                ('board_period', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='results', to='points.boardperiod', verbose_name='period')),
                ('member', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.member', verbose_name='member')),
            ],
            options={
                'verbose_name': 'board result',
                'verbose_name_plural': 'board results',
                'ordering': ['-id'],
            },
        ),
        migrations.CreateModel(
            name='HistoricalBoard',
            fields=[
                ('name_zh', models.CharField(max_length=100, verbose_name='name, Chinese')),
                ('name_en', models.CharField(max_length=100, verbose_name='name, English')),
                ('code', models.SlugField(help_text='The rules know the board by it. It stays.', max_length=40, verbose_name='code')),
                ('counted', models.CharField(default='liked', help_text='Each such fact counts one for what it is about.', max_length=40, verbose_name='what is counted')),
                ('field', models.CharField(default='subject', help_text='The field of the counted fact that names what it is about, by the id of its message.', max_length=40, verbose_name='its field')),
                ('ranked', models.CharField(default='reviewed', help_text='What the counted facts are about. Whoever did it takes the place; what they counted for themselves does not count.', max_length=40, verbose_name='what is ranked')),
                ('span', models.CharField(choices=[('month', 'month'), ('week', 'week, Monday to Sunday')], default='month', max_length=5, verbose_name='span')),
                ('places', models.PositiveSmallIntegerField(default=10, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(100)], verbose_name='places')),
                ('minimum', models.PositiveIntegerField(default=1, help_text='Whoever has fewer takes no place, even if places stay empty.', validators=[django.core.validators.MinValueValidator(1)], verbose_name='least count')),
                ('once_per_member', models.BooleanField(default=True, help_text='With their best. Off: a member may take several places.', verbose_name='one place per member')),
                ('wait_days', models.PositiveSmallIntegerField(default=1, help_text="So many days after the period's end it is counted, so that facts that arrive late are in.", validators=[django.core.validators.MaxValueValidator(27)], verbose_name='days to wait')),
                ('automatic', models.BooleanField(default=False, help_text='Off: what was counted is proposed, and an operator confirms it. On: it is granted at once.', verbose_name='grant without asking')),
                ('starts_on', models.DateField(help_text='The period in which this day lies is the first that counts.', verbose_name='first day')),
                ('active', models.BooleanField(default=True, help_text='Off: no further period is counted. What is proposed can still be confirmed.', verbose_name='running')),
                ('history_id', models.AutoField(primary_key=True, serialize=False)),
                ('history_date', models.DateTimeField(db_index=True)),
                ('history_change_reason', models.CharField(max_length=100, null=True)),
                ('history_type', models.CharField(choices=[('+', 'Created'), ('~', 'Changed'), ('-', 'Deleted')], max_length=1)),
                ('history_user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name': 'historical board',
                'verbose_name_plural': 'historical boards',
                'ordering': ('-history_date', '-history_id'),
                'get_latest_by': ('history_date', 'history_id'),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name='HistoricalProofTask',
            fields=[
                ('name_zh', models.CharField(max_length=100, verbose_name='name, Chinese')),
                ('name_en', models.CharField(max_length=100, verbose_name='name, English')),
                ('code', models.SlugField(help_text='The storefront sends it with each proof, as task. It stays.', max_length=40, verbose_name='code')),
                ('description_zh', models.TextField(blank=True, help_text='Operators read it beside each proof.', max_length=1000, verbose_name='what a proof must show, Chinese')),
                ('description_en', models.TextField(blank=True, max_length=1000, verbose_name='what a proof must show, English')),
                ('grades', models.JSONField(default=points.proofs.models.one_grade, verbose_name='grades')),
                ('most_per_month', models.PositiveIntegerField(blank=True, help_text='Proofs that wait or are approved, by calendar month; refused ones leave room for another try. Empty: any number.', null=True, validators=[django.core.validators.MinValueValidator(1)], verbose_name='most per member and month')),
                ('active', models.BooleanField(default=True, help_text='A closed task takes no more proofs; those that wait can still be decided.', verbose_name='takes proofs')),
                ('history_id', models.AutoField(primary_key=True, serialize=False)),
                ('history_date', models.DateTimeField(db_index=True)),
                ('history_change_reason', models.CharField(max_length=100, null=True)),
                ('history_type', models.CharField(choices=[('+', 'Created'), ('~', 'Changed'), ('-', 'Deleted')], max_length=1)),
                ('history_user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name': 'historical proof task',
                'verbose_name_plural': 'historical proof tasks',
                'ordering': ('-history_date', '-history_id'),
                'get_latest_by': ('history_date', 'history_id'),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name='Proof',
            fields=[
                ('id', models.UUIDField(default=loyalty.lib.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('task_code', models.CharField(max_length=100, verbose_name='task')),
                ('url', models.CharField(max_length=500, verbose_name='address')),
                ('uploaded_at', models.DateTimeField(verbose_name='uploaded')),
                ('status', models.CharField(choices=[('waiting', 'waiting for a decision'), ('approved', 'approved'), ('refused', 'refused'), ('withdrawn', 'approval withdrawn')], default='waiting', max_length=10, verbose_name='status')),
                ('grade', models.PositiveSmallIntegerField(blank=True, null=True, verbose_name='grade')),
                ('points', models.BigIntegerField(blank=True, help_text='What the approval gave, or offers to be claimed.', null=True, verbose_name='points')),
                ('refusal', models.CharField(blank=True, choices=[('unreadable', 'The picture or page cannot be seen.'), ('not_shown', 'It does not show what the task asks for.'), ('not_own', "It is somebody else's."), ('repeated', 'It was handed in before.'), ('altered', 'It looks altered.'), ('other', 'Another reason.'), ('address', 'We only open addresses that begin with https:// and a public name, of 500 characters at most.'), ('task_unknown', 'There is no such task.'), ('task_closed', 'The task is closed.'), ('too_many', 'The task takes no more proofs of one member this month.')], max_length=20, verbose_name='why it was refused')),
                ('reason', models.CharField(blank=True, max_length=300, verbose_name='reason')),
                ('decided_by', models.CharField(blank=True, help_text='Empty where it was refused as it came in.', max_length=150, verbose_name='decided by')),
                ('decided_at', models.DateTimeField(blank=True, null=True, verbose_name='decided')),
                ('seen_by', models.CharField(blank=True, max_length=150, verbose_name='opened by')),
                ('seen_at', models.DateTimeField(blank=True, null=True, verbose_name='opened')),
                ('behaviour', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.behaviour', verbose_name='fact')),
                ('member', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.member', verbose_name='member')),
            ],
            options={
                'verbose_name': 'proof',
                'verbose_name_plural': 'proofs',
                'ordering': ['-id'],
            },
        ),
        migrations.AddConstraint(
            model_name='boardperiod',
            constraint=models.UniqueConstraint(fields=('board', 'period'), name='board_period_once'),
        ),
        migrations.AddConstraint(
            model_name='boardperiod',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('confirmed_at', None), ('status', 'proposed')), models.Q(('confirmed_at__isnull', False), ('status', 'confirmed')), _connector='OR'), name='board_period_confirmed_at_some_time'),
        ),
        migrations.AddIndex(
            model_name='boardresult',
            index=models.Index(condition=models.Q(('status', 'proposed')), fields=['board_period', 'place'], name='board_result_to_grant'),
        ),
        migrations.AddConstraint(
            model_name='boardresult',
            constraint=models.UniqueConstraint(fields=('member', 'board_period', 'fact'), name='board_result_once'),
        ),
        migrations.AddConstraint(
            model_name='boardresult',
            constraint=models.CheckConstraint(condition=models.Q(('count__gte', 1), ('place__gte', 1)), name='board_result_place_counts_from_one'),
        ),
        migrations.AddConstraint(
            model_name='boardresult',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('granted_at', None), ('points', None), ('status', 'proposed'), ('withdrawn_at', None)), models.Q(('granted_at__isnull', False), ('points__isnull', False), ('status', 'granted'), ('withdrawn_at', None)), models.Q(('status', 'withdrawn'), ('withdrawn_at__isnull', False), models.Q(('reason', ''), _negated=True)), _connector='OR'), name='board_result_status_says_what_happened'),
        ),
        migrations.AddIndex(
            model_name='proof',
            index=models.Index(condition=models.Q(('status', 'waiting')), fields=['uploaded_at', 'id'], name='proof_waiting'),
        ),
        migrations.AddIndex(
            model_name='proof',
            index=models.Index(fields=['member', '-uploaded_at', '-id'], name='proof_of_member'),
        ),
        migrations.AddConstraint(
            model_name='proof',
            constraint=models.UniqueConstraint(fields=('member', 'behaviour'), name='proof_once'),
        ),
        migrations.AddConstraint(
            model_name='proof',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('decided_at', None), ('grade', None), ('refusal', ''), ('status', 'waiting')), models.Q(('decided_at__isnull', False), ('grade__isnull', False), ('points__isnull', False), ('refusal', ''), ('status', 'approved')), models.Q(('decided_at__isnull', False), ('grade', None), ('status', 'refused'), models.Q(('refusal', ''), _negated=True)), models.Q(('decided_at__isnull', False), ('grade__isnull', False), ('refusal', ''), ('status', 'withdrawn'), models.Q(('reason', ''), _negated=True)), _connector='OR'), name='proof_status_says_what_happened'),
        ),
    ]
