"""The HTTP engine: connections of clients, connections to endpoints, and what goes through between them."""
