"""Who may move value: one door, `screening.assess`, asked wherever points move."""
