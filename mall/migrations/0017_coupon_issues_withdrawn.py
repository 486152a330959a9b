from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("mall", "0016_paid_by_line"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="couponbatch",
            options={
                "ordering": ["-id"],
                "permissions": [("withdraw_couponbatch", "Can withdraw issues of coupons to many")],
                "verbose_name": "issue of coupons to many",
                "verbose_name_plural": "issues of coupons to many",
            },
        ),
        migrations.AddField(
            model_name="couponbatch",
            name="to_withdraw",
            field=models.PositiveIntegerField(default=0, help_text="Not used yet, as counted when it was asked for.", verbose_name="to be withdrawn"),
        ),
        migrations.AddField(
            model_name="couponbatch",
            name="withdrawn",
            field=models.PositiveIntegerField(default=0, verbose_name="of them withdrawn"),
        ),
        migrations.AddField(
            model_name="couponbatch",
            name="withdrawn_at",
            field=models.DateTimeField(null=True, verbose_name="withdrawn"),
        ),
        migrations.AddField(
            model_name="couponbatch",
            name="withdrawn_by",
            field=models.CharField(blank=True, max_length=150, verbose_name="withdrawn by"),
        ),
        migrations.AddField(
            model_name="couponbatch",
            name="withdrawn_for",
            field=models.CharField(blank=True, max_length=300, verbose_name="withdrawn because"),
        ),
        migrations.AddField(
            model_name="couponbatch",
            name="withdrawn_up_to",
            field=models.UUIDField(null=True, verbose_name="withdrawn up to"),
        ),
        migrations.AlterField(
            model_name="couponbatch",
            name="status",
            field=models.CharField(
                choices=[("issuing", "being issued"), ("done", "done"), ("stopped", "stopped"), ("withdrawing", "being withdrawn"), ("withdrawn", "withdrawn")],
                default="issuing",
                max_length=11,
                verbose_name="status",
            ),
        ),
        migrations.AddIndex(
            model_name="coupon",
            index=models.Index(condition=models.Q(("source", "operator")), fields=["subject", "id"], name="coupon_of_issue"),
        ),
        migrations.AddIndex(
            model_name="couponbatch",
            index=models.Index(condition=models.Q(("status", "withdrawing")), fields=["id"], name="coupon_batch_withdrawing"),
        ),
        migrations.AddConstraint(
            model_name="couponbatch",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("status__in", ["withdrawing", "withdrawn"]), _negated=True), models.Q(("withdrawn_for", ""), _negated=True), _connector="OR"
                ),
                name="coupon_batch_withdrawn_says_why",
            ),
        ),
    ]
