"""Acme Pay for avnz-int."""
