"""How providers are spoken to: one module for each protocol."""
