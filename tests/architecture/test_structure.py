"""What linters cannot see. Everything is found by looking, so a new feature is covered without an edit here."""

import ast
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from django.db import models

APPS = ("accounts", "riskcontrol", "tiers", "points", "mall")
HEIGHT = {"contenttypes": 0, "auth": 0, "loyalty": 0} | {app: height for height, app in enumerate(APPS, 1)}
FILES = {"__init__", "rules", "events", "models", "selectors", "services", "api", "admin", "tasks"}
NO_FEATURES = {"migrations", "management", "templatetags", "lib"}
FEATURES = sorted(path.parent for app in (*APPS, "loyalty") for path in (settings.BASE_DIR / app).glob("*/__init__.py") if path.parent.name not in NO_FEATURES)
OURS = [model for model in apps.get_models() if model._meta.app_label in HEIGHT and model.__module__.split(".")[0] in HEIGHT]
DATABASE_ONLY = {"points.Account", "accounts.Member"}


def name(path: Path) -> str:
    return str(path.relative_to(settings.BASE_DIR)).replace("/", ".")


def modules_named_in(toc: Path) -> set[str]:
    """The feature modules that a table of contents imports, like `ledger.models`."""
    found = set()
    for node in ast.walk(ast.parse(toc.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def test_there_is_something_to_look_at():
    assert len(FEATURES) >= 10
    assert len(OURS) >= 15


@pytest.mark.parametrize("model", OURS, ids=lambda model: model._meta.label)
def test_foreign_keys_point_down(model):
    for field in model._meta.get_fields():
        if isinstance(field, models.ForeignKey) and field.related_model._meta.app_label in HEIGHT:
            assert HEIGHT[field.related_model._meta.app_label] <= HEIGHT[model._meta.app_label], f"{model._meta.label}.{field.name} points up"


# History holds nothing back: its rows name what may be gone.
@pytest.mark.parametrize("model", [model for model in OURS if not model.__name__.startswith("Historical")], ids=lambda model: model._meta.label)
def test_foreign_keys_to_another_app_protect_and_leave_no_trace_there(model):
    for field in model._meta.get_fields():
        if isinstance(field, models.ForeignKey) and field.related_model._meta.app_label not in (model._meta.app_label, "auth"):
            assert field.remote_field.on_delete is models.PROTECT, f"{model._meta.label}.{field.name} must protect"
            assert field.remote_field.related_name == "+", f"{model._meta.label}.{field.name} must have related_name='+'"


@pytest.mark.parametrize("model", OURS, ids=lambda model: model._meta.label)
def test_unique_rules_of_what_a_member_owns_contain_the_member(model):
    fields = {field.name: field for field in model._meta.concrete_fields}
    if "member" not in fields or fields["member"].null or model._meta.label in DATABASE_ONLY:
        return
    for constraint in model._meta.constraints:
        if isinstance(constraint, models.UniqueConstraint):
            assert "member" in constraint.fields, f"{model._meta.label}: {constraint.name} cannot be distributed by member"


@pytest.mark.parametrize("feature", FEATURES, ids=name)
@pytest.mark.parametrize("kind", ["models", "admin", "tasks"])
def test_each_features_models_admin_and_tasks_are_listed_in_its_apps_table_of_contents(feature, kind):
    if (feature / f"{kind}.py").exists():
        assert f"{feature.name}.{kind}" in modules_named_in(feature.parent / f"{kind}.py"), f"list {name(feature)}.{kind} in {feature.parent.name}/{kind}.py"


@pytest.mark.parametrize("app", [*APPS, "loyalty"])
@pytest.mark.parametrize("kind", ["models", "admin", "tasks"])
def test_a_table_of_contents_holds_imports_only(app, kind):
    body = ast.parse((settings.BASE_DIR / app / f"{kind}.py").read_text()).body
    assert all(isinstance(node, ast.Import | ast.ImportFrom) or (isinstance(node, ast.Assign) and node.targets[0].id == "__all__") for node in body)


@pytest.mark.parametrize("feature", FEATURES, ids=name)
def test_a_feature_has_an_essay_and_no_file_of_another_name(feature):
    essay = ast.get_docstring(ast.parse((feature / "__init__.py").read_text()))
    assert essay, f"{name(feature)} has no essay"
    assert len(essay.splitlines()) <= 30, f"the essay of {name(feature)} is too long"
    assert {path.stem for path in feature.glob("*.py")} <= FILES


def test_no_module_hides_behind_an_empty_name():
    code = [path for app in (*APPS, "loyalty", "tools", "tests") for path in (settings.BASE_DIR / app).rglob("*.py")]
    assert not [path for path in code if path.stem in {"utils", "helpers", "common", "manager", "managers", "handler", "handlers", "misc"}]
