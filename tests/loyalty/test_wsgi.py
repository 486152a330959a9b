import gc
from importlib import import_module, reload


def test_the_web_server_does_not_walk_what_it_has_loaded_again_and_again():
    wsgi = import_module("loyalty.wsgi")
    gc.unfreeze()
    reload(wsgi)
    assert gc.get_freeze_count() > 50_000
