"""A campaign of crashes and cut networks, and the check of the world against the record afterwards.

docs/fire.md says what is done and what is checked.
"""
