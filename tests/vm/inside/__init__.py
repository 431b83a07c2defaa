"""What runs in the guest beside the product: standard library only, and started by path."""
