"""How the console writes dates: the same in every language, short, and in the order that sorts."""
