import gc
import os
from importlib import import_module

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "loyalty.settings")
application = get_wsgi_application()

# What is loaded stays for good: else the collector walks all of it every few seconds, and every request of the process waits 0.1 to 0.2 s for that.
import_module("loyalty.urls")
gc.collect()
gc.freeze()
