"""Who may move value: one door, `screening.assess`, asked before a member earns, holds or spends."""
