"""What can be asked of a server: one module a matter."""
