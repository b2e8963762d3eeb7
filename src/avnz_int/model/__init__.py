"""The words of the domain: enums, secrets, inputs to services, views from services.

Standard library only, so that every face may import it at start-up at no cost.
"""
