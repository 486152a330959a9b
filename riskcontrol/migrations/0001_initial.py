
import django.db.models.deletion
import loyalty.lib.ids
import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('accounts', '0001_initial'),
    ]

    operations = [
        migrations.CreateModel(
            name='BlockListEntry',
            fields=[
                ('id', models.UUIDField(default=loyalty.lib.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('reason', models.CharField(help_text='Operators read it, the member does not.', max_length=300, verbose_name='reason')),
                ('blocked_by', models.CharField(max_length=100, verbose_name='blocked by')),
                ('blocked_at', models.DateTimeField(verbose_name='blocked since')),
                ('until', models.DateTimeField(blank=True, help_text='The block ends by itself then. Empty: when it is lifted.', null=True, verbose_name='until')),
                ('lifted_at', models.DateTimeField(blank=True, null=True, verbose_name='lifted')),
                ('lifted_by', models.CharField(blank=True, max_length=100, verbose_name='lifted by')),
                ('lift_reason', models.CharField(blank=True, max_length=300, verbose_name='reason for lifting')),
                ('member', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='accounts.member', verbose_name='member')),
            ],
            options={
                'verbose_name': 'blocked member',
                'verbose_name_plural': 'block list',
                'ordering': ['-blocked_at', '-id'],
                'permissions': [('lift_blocklistentry', 'Can lift blocks')],
                'indexes': [models.Index(fields=['member', '-blocked_at'], name='block_list_by_member'), models.Index(condition=models.Q(('lifted_at', None)), fields=['until'], name='block_list_lapsing')],
                'constraints': [models.UniqueConstraint(condition=models.Q(('lifted_at', None)), fields=('member',), name='block_list_one_open_entry_per_member'), models.CheckConstraint(condition=models.Q(('until', None), ('until__gt', models.F('blocked_at')), _connector='OR'), name='block_list_ends_after_it_begins'), models.CheckConstraint(condition=models.Q(models.Q(('lifted_at', None), ('lifted_by', '')), models.Q(('lifted_at__isnull', False), models.Q(('lifted_by', ''), _negated=True)), _connector='OR'), name='block_list_lifted_by_somebody')],
            },
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='blocklistentry',
            trigger=pgtrigger.compiler.Trigger(name='block_list_entry_stays', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;", hash='58c090f13b8beca4c23f3d3552a5a1ef08a9bb73', operation='DELETE', pgid='pgtrigger_block_list_entry_stays_f9131', table='riskcontrol_blocklistentry', when='BEFORE')),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name='blocklistentry',
            trigger=pgtrigger.compiler.Trigger(name='block_list_entry_is_pinned', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."member_id" IS DISTINCT FROM (NEW."member_id") OR OLD."reason" IS DISTINCT FROM (NEW."reason") OR OLD."blocked_by" IS DISTINCT FROM (NEW."blocked_by") OR OLD."blocked_at" IS DISTINCT FROM (NEW."blocked_at") OR OLD."until" IS DISTINCT FROM (NEW."until"))', func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='25e926a28a398eb2392252eb02656d347e2dba44', operation='UPDATE', pgid='pgtrigger_block_list_entry_is_pinned_a671d', table='riskcontrol_blocklistentry', when='BEFORE')),
        ),
    ]
