"""Follows every object of a set of Python files and checks what is used on it (`host.members.walk`)."""
