from importlib import import_module

from django.db import migrations, models

REWARD = ("both", "兑换了什么", "What was redeemed", {"zh": "白瓷杯", "en": "White mug"})
QUANTITY = ("number", "多少件", "How many", 1)
POINTS = ("points", "一共多少积分", "Points in all", 500)

# As in accounts: code → purpose, Chinese name, English name, hours, variables, texts. Of a text: language → title, short, long.
KINDS = {
    "redemption_to_pay": (
        "service", "兑换待支付", "Redemption to be paid", 24,
        {
            "reward": REWARD, "quantity": QUANTITY, "points": POINTS,
            "amount": ("both", "要付多少钱", "The money that is due", {"zh": "¥10.00", "en": "CN¥10.00"}),
            "until": ("both", "最晚什么时候付", "Until when it can be paid", {"zh": "11月22日 12:30", "en": "22 Nov, 12:30"}),
        },
        {
            "zh-hans": (
                "{{ reward }}已为您保留",
                "{{ reward }} × {{ quantity }} 已为您保留，请在{{ until }}前支付 {{ amount }}。",
                "{{ reward }} × {{ quantity }} 已为您保留，{{ points }} {{ points_name }}已冻结。"
                "请在{{ until }}前支付 {{ amount }}；逾期未付会自动取消，{{ points_name }}原样退回。",
            ),
            "en": (
                "{{ reward }} is set aside for you",
                "{{ reward }} × {{ quantity }} is set aside for you. Please pay {{ amount }} by {{ until }}.",
                "{{ reward }} × {{ quantity }} is set aside for you, and so are {{ points }} of your {{ points_name }}. "
                "Please pay {{ amount }} by {{ until }}. What is not paid by then is cancelled by itself, and your {{ points_name }} are free again.",
            ),
        },
    ),
    "redemption_shipped": (
        "service", "兑换已发货", "Redemption shipped", 48,
        {
            "reward": REWARD, "quantity": QUANTITY,
            "carrier": ("text", "快递公司", "The carrier", "Sample Post"),
            "tracking": ("text", "运单号", "The tracking number", "T-1001"),
        },
        {
            "zh-hans": (
                "{{ reward }}已发货",
                "您兑换的{{ reward }} × {{ quantity }} 已发货[[，{{ carrier }}]][[ {{ tracking }}]]。",
                "您兑换的{{ reward }} × {{ quantity }} 已经发货[[，承运：{{ carrier }}]][[，运单号：{{ tracking }}]]。请留意查收。",
            ),
            "en": (
                "{{ reward }} is on its way",
                "Your {{ reward }} × {{ quantity }} is on its way[[ with {{ carrier }}]][[, {{ tracking }}]].",
                "Your {{ reward }} × {{ quantity }} is on its way[[ with {{ carrier }}]][[, tracking number {{ tracking }}]]. We hope you enjoy it.",
            ),
        },
    ),
    "redemption_cancelled": (
        "service", "兑换已取消", "Redemption cancelled", 48,
        {
            "reward": REWARD, "quantity": QUANTITY, "points": POINTS,
            "amount": ("both", "退多少钱，没有则为空", "The money that is given back, if any", {"zh": "¥10.00", "en": "CN¥10.00"}),
        },
        {
            "zh-hans": (
                "{{ reward }}的兑换已取消",
                "{{ reward }} × {{ quantity }} 的兑换已取消，{{ points }} {{ points_name }}已退回[[，{{ amount }} 将原路退还]]。",
                "{{ reward }} × {{ quantity }} 的兑换已取消。{{ points }} {{ points_name }}已退回到原来的批次，有效期不变"
                "[[；您支付的 {{ amount }} 将原路退还]]。",
            ),
            "en": (
                "Your {{ reward }} was cancelled",
                "Your {{ reward }} × {{ quantity }} was cancelled; {{ points }} {{ points_name }} are yours again[[, and {{ amount }} will be given back]].",
                "Your {{ reward }} × {{ quantity }} was cancelled. {{ points }} {{ points_name }} are yours again, as good for as long as they were before."
                "[[ The {{ amount }} that you paid will be given back to you.]]",
            ),
        },
    ),
}  # fmt: skip


def load(apps, schema_editor):
    """Safe to run again: what is there stays as operators have made it."""
    import_module("accounts.migrations.0016_notifications").load(apps, schema_editor, kinds=KINDS)


class Migration(migrations.Migration):
    dependencies = [("mall", "0007_shelf"), ("accounts", "0018_member_life")]

    operations = [
        migrations.AddIndex(
            model_name="redemption",
            index=models.Index(condition=models.Q(("tracking", ""), _negated=True), fields=["tracking"], name="redemption_by_tracking"),
        ),
        migrations.RunPython(load, migrations.RunPython.noop),
    ]
