"""What the first-run tour needs besides the product: a gateway on this machine, standard library only."""
