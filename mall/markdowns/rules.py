"""When members hold too many points. Pure."""


def excess_percent(*, outstanding: int, budget: int) -> int:
    """By how many whole percent what is outstanding is above the budget; below it: 0."""
    return max(0, outstanding - budget) * 100 // budget


def due(*, outstanding: int, budget: int, excess: int) -> bool:
    """Whether it is above the budget by `excess` percent or more. Without a budget nothing is ever due."""
    return budget > 0 and outstanding * 100 >= budget * (100 + excess) and outstanding > budget
