from django.urls import path

from .activity.api import PurchasesView
from .channels.api import AliyunReceiptsView, TencentReceiptsView, WeChatReceiptsView
from .leaving.api import CloseView, ExportFileView, ExportView
from .members.api import TokenView, member_paths
from .notifications.api import AddressesView, AddressView, InboxView, PreferencesView, ReadAllView, ReadItemView
from .referrals.api import ReferralsView

urlpatterns = [
    *member_paths("token", TokenView),
    *member_paths("close", CloseView),
    *member_paths("export", ExportView),
    *member_paths("export/file", ExportFileView),
    *member_paths("purchases", PurchasesView),
    *member_paths("referrals", ReferralsView),
    *member_paths("inbox", InboxView),
    *member_paths("inbox/read-all", ReadAllView),
    *member_paths("inbox/<uuid:item>/read", ReadItemView),
    *member_paths("preferences", PreferencesView),
    *member_paths("addresses", AddressesView),
    *member_paths("addresses/<uuid:address>", AddressView),
    path("receipts/aliyun", AliyunReceiptsView.as_view()),
    path("receipts/tencent", TencentReceiptsView.as_view()),
    path("receipts/wechat", WeChatReceiptsView.as_view()),
]
