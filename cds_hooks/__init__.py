"""The CDS Hooks door: order-select and order-sign in, cards out."""
