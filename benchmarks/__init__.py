"""What measures the service from outside: other servers with our detector, and what is left when it is killed."""
