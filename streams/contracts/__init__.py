"""What goes over the wire: topics, message shapes, and how bytes become values or a named reason."""
