from .dormancy import tasks as dormancy
from .evaluation import tasks as evaluation
from .ladder_plans import tasks as ladder_plans

__all__ = ["dormancy", "evaluation", "ladder_plans"]
