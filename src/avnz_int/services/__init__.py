"""What the product does: one class a noun; what a public method writes is one transaction.

Knows no Typer, Rich, FastAPI or questionary: every face calls the same methods with an actor.
"""
