import django.core.validators
import django.db.models.deletion
import loyalty.lib.ids
import pgtrigger.compiler
import pgtrigger.migrations
import simple_history.models
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [("points", "0012_checkin"), ("accounts", "0006_behaviours"), migrations.swappable_dependency(settings.AUTH_USER_MODEL)]

    operations = [
        migrations.CreateModel(
            name='Badge',
            fields=[
                ('name_zh', models.CharField(max_length=100, verbose_name='name, Chinese')),
                ('name_en', models.CharField(max_length=100, verbose_name='name, English')),
                ('code', models.SlugField(help_text='Short and for good: rules and missions award the badge by it.', max_length=60, primary_key=True, serialize=False, verbose_name='code')),
                ('icon', models.CharField(blank=True, help_text='Whatever your app shows: a sign like 🏅, or the address of a picture.', max_length=200, verbose_name='icon')),
            ],
            options={
                'verbose_name': 'badge',
                'verbose_name_plural': 'badges',
                'ordering': ['code'],
            },
        ),
        migrations.CreateModel(
            name='MissionCompletion',
            fields=[
                ('id', models.UUIDField(default=loyalty.lib.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('period', models.CharField(max_length=10, verbose_name='period')),
                ('counts_since', models.DateTimeField(null=True)),
                ('counts_until', models.DateTimeField(null=True)),
                ('status', models.CharField(choices=[('offered', 'waits to be claimed'), ('granted', 'granted'), ('lapsed', 'lapsed'), ('withdrawn', 'withdrawn')], max_length=10, verbose_name='status')),
                ('completed_at', models.DateTimeField(verbose_name='completed at')),
                ('completed_kind', models.CharField(max_length=40, verbose_name='completed by')),
                ('completed_fact', models.CharField(max_length=128, verbose_name='completed by')),
                ('claim_until', models.DateTimeField(null=True, verbose_name='to be claimed until')),
                ('turned_at', models.DateTimeField(verbose_name='in this status since')),
                ('points', models.PositiveIntegerField(default=0, verbose_name='points granted')),
                ('attempt', models.PositiveSmallIntegerField(default=1, verbose_name='attempt')),
                ('member', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.member', verbose_name='member')),
            ],
            options={
                'verbose_name': 'completed mission',
                'verbose_name_plural': 'completed missions',
                'ordering': ['-id'],
                'indexes': [models.Index(fields=['member', 'completed_fact'], name='mission_completed_by'), models.Index(condition=models.Q(('status', 'offered')), fields=['member'], name='mission_offered'), models.Index(condition=models.Q(('status', 'offered')), fields=['claim_until'], name='mission_claim_due')],
                'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('status__in', ['offered', 'lapsed']), _negated=True), ('claim_until__isnull', False), _connector='OR'), name='mission_to_be_claimed_has_a_deadline')],
            },
        ),
        migrations.CreateModel(
            name='MissionEffect',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('effect', models.CharField(choices=[('badge', 'badge'), ('card', 'card'), ('benefit', 'benefit')], max_length=8, verbose_name='what is won')),
                ('item', models.CharField(max_length=60, verbose_name='which one')),
                ('count', models.PositiveSmallIntegerField(default=1, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(100)], verbose_name='how many')),
            ],
            options={
                'verbose_name': 'further reward',
                'verbose_name_plural': 'further rewards',
                'ordering': ['id'],
                'constraints': [models.CheckConstraint(condition=models.Q(('count__gte', 1), models.Q(('item', ''), _negated=True)), name='mission_effect_gives_something')],
            },
        ),
        migrations.CreateModel(
            name='MissionStep',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('position', models.PositiveSmallIntegerField(default=0, help_text='Steps can be done in any order; this is how they are shown.', verbose_name='position')),
                ('label_zh', models.CharField(blank=True, help_text='Empty: the name of what is to be done.', max_length=100, verbose_name='label, Chinese')),
                ('label_en', models.CharField(blank=True, max_length=100, verbose_name='label, English')),
                ('fact', models.CharField(max_length=40, verbose_name='what is to be done')),
                ('needed', models.PositiveIntegerField(default=1, validators=[django.core.validators.MinValueValidator(1), django.core.validators.MaxValueValidator(100000)], verbose_name='how many times')),
                ('field', models.CharField(blank=True, help_text='A field of the fact, like pictures; of a purchase, amount_cents (paid and not given back).', max_length=40, verbose_name='only where')),
                ('compare', models.CharField(choices=[('at_least', 'at least'), ('is', 'is')], default='at_least', max_length=8, verbose_name='compared')),
                ('value', models.CharField(blank=True, help_text='A whole number; a text as the storefront says it; true or false.', max_length=100, verbose_name='value')),
                ('distinct', models.CharField(blank=True, help_text='A field like subject: five different subjects instead of five times the same.', max_length=40, verbose_name='each only once')),
            ],
            options={
                'verbose_name': 'step',
                'verbose_name_plural': 'steps',
                'ordering': ['position', 'id'],
                'constraints': [models.CheckConstraint(condition=models.Q(('needed__gte', 1)), name='mission_step_needs_something')],
            },
        ),
        migrations.CreateModel(
            name='HistoricalBadge',
            fields=[
                ('name_zh', models.CharField(max_length=100, verbose_name='name, Chinese')),
                ('name_en', models.CharField(max_length=100, verbose_name='name, English')),
                ('code', models.SlugField(help_text='Short and for good: rules and missions award the badge by it.', max_length=60, verbose_name='code')),
                ('icon', models.CharField(blank=True, help_text='Whatever your app shows: a sign like 🏅, or the address of a picture.', max_length=200, verbose_name='icon')),
                ('history_id', models.AutoField(primary_key=True, serialize=False)),
                ('history_date', models.DateTimeField(db_index=True)),
                ('history_change_reason', models.CharField(max_length=100, null=True)),
                ('history_type', models.CharField(choices=[('+', 'Created'), ('~', 'Changed'), ('-', 'Deleted')], max_length=1)),
                ('history_user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name': 'historical badge',
                'verbose_name_plural': 'historical badges',
                'ordering': ('-history_date', '-history_id'),
                'get_latest_by': ('history_date', 'history_id'),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name='HistoricalMission',
            fields=[
                ('name_zh', models.CharField(max_length=100, verbose_name='name, Chinese')),
                ('name_en', models.CharField(max_length=100, verbose_name='name, English')),
                ('id', models.UUIDField(db_index=True, default=loyalty.lib.ids.new_id, editable=False)),
                ('code', models.SlugField(help_text='Short and for good: the storefront claims the mission by it.', max_length=60, verbose_name='code')),
                ('description_zh', models.CharField(blank=True, max_length=300, verbose_name='description, Chinese')),
                ('description_en', models.CharField(blank=True, max_length=300, verbose_name='description, English')),
                ('icon', models.CharField(blank=True, help_text='Whatever your app shows: a sign like 🎁, or the address of a picture.', max_length=200, verbose_name='icon')),
                ('priority', models.PositiveSmallIntegerField(default=0, help_text='Among the missions a member sees, the highest stands first.', verbose_name='priority')),
                ('kind', models.CharField(choices=[('newcomer', 'newcomer pack'), ('daily', 'daily mission'), ('weekly', 'weekly mission'), ('achievement', 'achievement')], default='achievement', help_text="Newcomer packs are done once, in a member's first days; daily and weekly missions begin anew each day, each Monday; achievements are done once.", max_length=12, verbose_name='kind')),
                ('days', models.PositiveSmallIntegerField(default=7, help_text='Only for newcomer packs: so many days after the day of registration. 7: through the seventh day after it.', validators=[django.core.validators.MaxValueValidator(3650)], verbose_name="newcomer's days")),
                ('counts_from', models.DateField(blank=True, help_text='Only for achievements: what happened before that day does not count. Empty: everything ever done counts.', null=True, verbose_name='counts from')),
                ('segment', models.CharField(blank=True, help_text='Only its members see the mission and can complete it. Empty: everybody.', max_length=60, verbose_name='for the segment')),
                ('starts_on', models.DateField(blank=True, help_text='Empty: the day on which it is published.', null=True, verbose_name='first day')),
                ('ends_on', models.DateField(blank=True, help_text='Empty: until it is retired.', null=True, verbose_name='last day')),
                ('automatic', models.BooleanField(default=False, help_text='On: the reward comes with the last step. Off: the member claims it, and comes back to the app for that.', verbose_name='given automatically')),
                ('claim_days', models.PositiveSmallIntegerField(default=7, help_text='Only where it is claimed: so many days after the day of completion. Then it lapses.', validators=[django.core.validators.MaxValueValidator(3650)], verbose_name='days to claim')),
                ('points', models.PositiveIntegerField(default=0, help_text='Given through the earning rule about completed missions, within its limits.', validators=[django.core.validators.MaxValueValidator(1000000000)], verbose_name='points')),
                ('status', models.CharField(choices=[('draft', 'draft'), ('published', 'on offer'), ('retired', 'retired')], default='draft', editable=False, max_length=10, verbose_name='status')),
                ('made_at', models.DateTimeField(editable=False, verbose_name='written at')),
                ('made_by', models.CharField(editable=False, max_length=150, verbose_name='written by')),
                ('published_at', models.DateTimeField(editable=False, null=True, verbose_name='published at')),
                ('published_by', models.CharField(blank=True, editable=False, max_length=150, verbose_name='published by')),
                ('retired_at', models.DateTimeField(editable=False, null=True, verbose_name='retired at')),
                ('retired_by', models.CharField(blank=True, editable=False, max_length=150, verbose_name='retired by')),
                ('retire_reason', models.CharField(blank=True, editable=False, max_length=300, verbose_name='why retired')),
                ('history_id', models.AutoField(primary_key=True, serialize=False)),
                ('history_date', models.DateTimeField(db_index=True)),
                ('history_change_reason', models.CharField(max_length=100, null=True)),
                ('history_type', models.CharField(choices=[('+', 'Created'), ('~', 'Changed'), ('-', 'Deleted')], max_length=1)),
                ('history_user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name': 'historical mission',
                'verbose_name_plural': 'historical missions',
                'ordering': ('-history_date', '-history_id'),
                'get_latest_by': ('history_date', 'history_id'),
            },
            bases=(simple_history.models.HistoricalChanges, models.Model),
        ),
        migrations.CreateModel(
            name='MemberBadge',
            fields=[
                ('id', models.UUIDField(default=loyalty.lib.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('won_at', models.DateTimeField(verbose_name='won at')),
                ('subject', models.CharField(max_length=200, verbose_name='won for')),
                ('times', models.PositiveIntegerField(default=1, verbose_name='times')),
                ('badge', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='points.badge', verbose_name='badge')),
                ('member', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.member', verbose_name='member')),
            ],
            options={
                'verbose_name': 'badge of a member',
                'verbose_name_plural': 'badges of members',
                'ordering': ['-won_at', '-id'],
                'indexes': [models.Index(fields=['member', '-won_at', '-id'], name='member_badge_newest')],
                'constraints': [models.UniqueConstraint(fields=('member', 'badge'), name='member_badge_once'), models.CheckConstraint(condition=models.Q(('times__gte', 1)), name='member_badge_was_won')],
            },
        ),
        migrations.CreateModel(
            name='Mission',
            fields=[
                ('name_zh', models.CharField(max_length=100, verbose_name='name, Chinese')),
                ('name_en', models.CharField(max_length=100, verbose_name='name, English')),
                ('id', models.UUIDField(default=loyalty.lib.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('code', models.SlugField(help_text='Short and for good: the storefront claims the mission by it.', max_length=60, unique=True, verbose_name='code')),
                ('description_zh', models.CharField(blank=True, max_length=300, verbose_name='description, Chinese')),
                ('description_en', models.CharField(blank=True, max_length=300, verbose_name='description, English')),
                ('icon', models.CharField(blank=True, help_text='Whatever your app shows: a sign like 🎁, or the address of a picture.', max_length=200, verbose_name='icon')),
                ('priority', models.PositiveSmallIntegerField(default=0, help_text='Among the missions a member sees, the highest stands first.', verbose_name='priority')),
                ('kind', models.CharField(choices=[('newcomer', 'newcomer pack'), ('daily', 'daily mission'), ('weekly', 'weekly mission'), ('achievement', 'achievement')], default='achievement', help_text="Newcomer packs are done once, in a member's first days; daily and weekly missions begin anew each day, each Monday; achievements are done once.", max_length=12, verbose_name='kind')),
                ('days', models.PositiveSmallIntegerField(default=7, help_text='Only for newcomer packs: so many days after the day of registration. 7: through the seventh day after it.', validators=[django.core.validators.MaxValueValidator(3650)], verbose_name="newcomer's days")),
                ('counts_from', models.DateField(blank=True, help_text='Only for achievements: what happened before that day does not count. Empty: everything ever done counts.', null=True, verbose_name='counts from')),
                ('segment', models.CharField(blank=True, help_text='Only its members see the mission and can complete it. Empty: everybody.', max_length=60, verbose_name='for the segment')),
                ('starts_on', models.DateField(blank=True, help_text='Empty: the day on which it is published.', null=True, verbose_name='first day')),
                ('ends_on', models.DateField(blank=True, help_text='Empty: until it is retired.', null=True, verbose_name='last day')),
                ('automatic', models.BooleanField(default=False, help_text='On: the reward comes with the last step. Off: the member claims it, and comes back to the app for that.', verbose_name='given automatically')),
                ('claim_days', models.PositiveSmallIntegerField(default=7, help_text='Only where it is claimed: so many days after the day of completion. Then it lapses.', validators=[django.core.validators.MaxValueValidator(3650)], verbose_name='days to claim')),
                ('points', models.PositiveIntegerField(default=0, help_text='Given through the earning rule about completed missions, within its limits.', validators=[django.core.validators.MaxValueValidator(1000000000)], verbose_name='points')),
                ('status', models.CharField(choices=[('draft', 'draft'), ('published', 'on offer'), ('retired', 'retired')], default='draft', editable=False, max_length=10, verbose_name='status')),
                ('made_at', models.DateTimeField(editable=False, verbose_name='written at')),
                ('made_by', models.CharField(editable=False, max_length=150, verbose_name='written by')),
                ('published_at', models.DateTimeField(editable=False, null=True, verbose_name='published at')),
                ('published_by', models.CharField(blank=True, editable=False, max_length=150, verbose_name='published by')),
                ('retired_at', models.DateTimeField(editable=False, null=True, verbose_name='retired at')),
                ('retired_by', models.CharField(blank=True, editable=False, max_length=150, verbose_name='retired by')),
                ('retire_reason', models.CharField(blank=True, editable=False, max_length=300, verbose_name='why retired')),
            ],
            options={
                'verbose_name': 'mission',
                'verbose_name_plural': 'missions',
                'ordering': ['-priority', '-id'],
                'permissions': [('publish_mission', 'Can publish and retire missions')],
                'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('published_at', None), ('retired_at', None), ('status', 'draft')), models.Q(('published_at__isnull', False), ('retired_at', None), ('starts_on__isnull', False), ('status', 'published')), models.Q(('published_at__isnull', False), ('retired_at__isnull', False), ('status', 'retired')), _connector='OR'), name='mission_status_says_what_happened'), models.CheckConstraint(condition=models.Q(('ends_on', None), ('starts_on', None), ('ends_on__gte', models.F('starts_on')), _connector='OR'), name='mission_ends_after_its_start')],
            },
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='mission',
            trigger=pgtrigger.compiler.Trigger(name='published_mission_stays', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."status" IN (\'published\', \'retired\'))', func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;", hash='c08ef5e1db727d1f20d4ab6138222e0fd74d4b93', operation='DELETE', pgid='pgtrigger_published_mission_stays_06241', table='points_mission', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='mission',
            trigger=pgtrigger.compiler.Trigger(name='published_mission_never_changes', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."status" IN (\'published\', \'retired\') AND (OLD."code" IS DISTINCT FROM (NEW."code") OR OLD."kind" IS DISTINCT FROM (NEW."kind") OR OLD."days" IS DISTINCT FROM (NEW."days") OR OLD."counts_from" IS DISTINCT FROM (NEW."counts_from") OR OLD."segment" IS DISTINCT FROM (NEW."segment") OR OLD."starts_on" IS DISTINCT FROM (NEW."starts_on") OR OLD."ends_on" IS DISTINCT FROM (NEW."ends_on") OR OLD."automatic" IS DISTINCT FROM (NEW."automatic") OR OLD."claim_days" IS DISTINCT FROM (NEW."claim_days") OR OLD."points" IS DISTINCT FROM (NEW."points")))', func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='7d7d8ab7b4fc947ea01703b9a10985f5ba3280da', operation='UPDATE', pgid='pgtrigger_published_mission_never_changes_ef012', table='points_mission', when='BEFORE')),
        ),
        migrations.AddField(
            model_name='missioncompletion',
            name='mission',
            field=models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='points.mission', verbose_name='mission'),
        ),
        migrations.AddField(
            model_name='missioneffect',
            name='mission',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='effects', to='points.mission', verbose_name='mission'),
        ),
        migrations.AddField(
            model_name='missionstep',
            name='mission',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='steps', to='points.mission', verbose_name='mission'),
        ),
        migrations.AddConstraint(
            model_name='missioncompletion',
            constraint=models.UniqueConstraint(fields=('member', 'mission', 'period'), name='mission_completed_once'),
        ),
        migrations.AddConstraint(
            model_name='missioneffect',
            constraint=models.UniqueConstraint(fields=('mission', 'effect', 'item'), name='mission_effect_once'),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='missioneffect',
            trigger=pgtrigger.compiler.Trigger(name='effect_of_published_mission_is_added_to_none', sql=pgtrigger.compiler.UpsertTriggerSql(func="\nIF (SELECT status FROM points_mission WHERE id = NEW.mission_id) IN ('published', 'retired') THEN\n    RAISE EXCEPTION 'a published mission never changes';\nEND IF;\nRETURN NEW;", hash='5c200c021c50c44b63a8acaf35b9f6717d1a91ef', operation='INSERT', pgid='pgtrigger_effect_of_published_mission_is_added_to_none_b0827', table='points_missioneffect', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='missioneffect',
            trigger=pgtrigger.compiler.Trigger(name='effect_of_published_mission_stays', sql=pgtrigger.compiler.UpsertTriggerSql(func="\nIF (SELECT status FROM points_mission WHERE id = OLD.mission_id) IN ('published', 'retired') THEN\n    RAISE EXCEPTION 'a published mission never changes';\nEND IF;\nRETURN COALESCE(NEW, OLD);", hash='789533b30d897483442537d9c6a1a81b7a53f88f', operation='UPDATE OR DELETE', pgid='pgtrigger_effect_of_published_mission_stays_32957', table='points_missioneffect', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='missionstep',
            trigger=pgtrigger.compiler.Trigger(name='step_of_published_mission_is_added_to_none', sql=pgtrigger.compiler.UpsertTriggerSql(func="\nIF (SELECT status FROM points_mission WHERE id = NEW.mission_id) IN ('published', 'retired') THEN\n    RAISE EXCEPTION 'a published mission never changes';\nEND IF;\nRETURN NEW;", hash='d16399fc6d0cc78fa1cef53d21fc738afb65c980', operation='INSERT', pgid='pgtrigger_step_of_published_mission_is_added_to_none_e461c', table='points_missionstep', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='missionstep',
            trigger=pgtrigger.compiler.Trigger(name='step_of_published_mission_stays', sql=pgtrigger.compiler.UpsertTriggerSql(func="\nIF (SELECT status FROM points_mission WHERE id = OLD.mission_id) IN ('published', 'retired') THEN\n    RAISE EXCEPTION 'a published mission never changes';\nEND IF;\nRETURN COALESCE(NEW, OLD);", hash='13a85f6e73f0fd8699e8cd8b2dc9bad390d1f8cc', operation='UPDATE OR DELETE', pgid='pgtrigger_step_of_published_mission_stays_f4482', table='points_missionstep', when='BEFORE')),
        ),
    ]
