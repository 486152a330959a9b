"""The small vocabulary that every app shares. Imports nothing of ours."""
