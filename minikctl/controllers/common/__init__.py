"""What several controllers share: owning objects, counting what was asked for, creating and judging pods."""
