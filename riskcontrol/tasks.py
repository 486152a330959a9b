from .screening import tasks as screening

__all__ = ["screening"]
