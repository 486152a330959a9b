from .keys.admin import StorefrontKeyAdmin

__all__ = ["StorefrontKeyAdmin"]
