"""One module a provider, found by its name: how to find out whether credentials work, changing nothing."""
