"""What belonging brings by the calendar. So far: the **birthday**, a fact of our own making that rules answer like any other.

Each night the job tells the fact `birthday` for every registered, active member whose birthday it is, once a year, by the programme's
days; who was born on 29 February celebrates on the 28th in other years. What a birthday gives is a rule's matter. Nights that were missed
are made up for, a week back, each fact on its own day.

Always: one fact a member and year, whatever runs twice; each in a transaction of its own, so that one member's trouble stops no other's.
"""
