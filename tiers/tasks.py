from .dormancy import tasks as dormancy
from .evaluation import tasks as evaluation

__all__ = ["dormancy", "evaluation"]
